"""What is an object, and which one: decided by tracks, after a grouper has followed them."""
