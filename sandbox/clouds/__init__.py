"""The targets of an account's stacks: local APIs in a process that keeps running between commands."""
