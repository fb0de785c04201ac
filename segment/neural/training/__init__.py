"""From recipes to weights: one loop for every kind of model, and what is kept of it."""
