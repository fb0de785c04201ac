"""What compiled loops of all rooms share: how they are compiled, and kept from run to run."""
