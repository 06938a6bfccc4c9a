"""Objects on an account that resources change without creating them, and their owners in a stack."""
