"""A stack in base and head: its runs of the engine, its resources, its settings, and their changes."""
