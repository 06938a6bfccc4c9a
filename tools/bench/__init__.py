"""Measurements of the program, the policy pack and the sandbox: medians, and ratios within one run."""
