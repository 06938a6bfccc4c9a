"""Models of the stack file and their checks, with one module per top-level key."""
