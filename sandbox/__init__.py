"""The real Pulumi engine with targets on this machine; no account or credentials are needed."""
