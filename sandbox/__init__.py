"""The real Pulumi engine against targets that run on this machine: no account, no credentials."""
