"""Collectors of the actual state that the diagnosis judges, one module per source."""
