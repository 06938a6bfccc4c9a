"""The findings of a review: policy violations, data at risk, weaker settings of prod, diverging stacks."""
