"""Models of the stack file, one module for each top-level key, and the checks of that key alone."""
