"""How a picture falls into groups: pieces, who judges them, and the order they are joined in."""
