"""Models of the sections of foundation's stack files."""
