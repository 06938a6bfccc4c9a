"""Locks that keep data from deletion."""
