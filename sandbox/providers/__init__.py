"""Stand-ins for the provider plugins, one gRPC server per package, and the APIs that they call."""
