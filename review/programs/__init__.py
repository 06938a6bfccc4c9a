"""The files from which a program consists, and those that it may read."""
