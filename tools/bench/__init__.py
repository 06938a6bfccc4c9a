"""Benchmarks of the program, the policy pack, the review, the sandbox, and of backup and restore."""
