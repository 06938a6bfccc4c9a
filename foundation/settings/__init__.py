"""Settings of foundation's stack files, one module per section, with their faults."""
