"""A Pulumi policy pack with rules for TLS 1.2 and newer, resource limits, alerts, and production stacks."""
