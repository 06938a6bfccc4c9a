"""The rules, one file a topic: pure functions from a resource's properties to verdicts."""
