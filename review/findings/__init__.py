"""Findings of a review: policy violations, data at risk, weaker settings in prod, diverging stacks."""
