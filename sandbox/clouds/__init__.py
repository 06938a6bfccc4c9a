"""The targets of a stack: APIs on this machine, in one background process that outlives commands."""
