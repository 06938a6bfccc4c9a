"""Estimate of the monthly bill of a stack, from its resources, prices and assumptions about its use."""
