"""Code of a pull request that no second run of the head has executed."""
