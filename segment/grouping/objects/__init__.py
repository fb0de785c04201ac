"""Objects as layers of a scene that are followed, and judges that say what one object is."""
