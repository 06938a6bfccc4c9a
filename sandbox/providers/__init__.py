"""Stand-ins for the provider plugins, with one gRPC server per package, and their targets."""
