"""The rules, with one module for each topic: pure functions from a resource's properties to verdicts."""
