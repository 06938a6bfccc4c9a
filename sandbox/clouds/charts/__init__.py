"""A repository of small charts on loopback, for plugins on a machine without the internet."""
