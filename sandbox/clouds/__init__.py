"""The targets of a stack: local APIs in a background process that keeps running between commands."""
