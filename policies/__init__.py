"""A Pulumi policy pack: TLS 1.2 and newer, resource limits, alert rules, and what production needs."""
