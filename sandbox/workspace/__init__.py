"""The folder .sandbox/<name>/ that all stacks with this name share, and each stack's own folder in it.

A stack's own folder has the state, the logs and a copy of the stack's settings. The copy can be read without
the stack's real key. The sandbox writes nothing outside these folders.
"""
