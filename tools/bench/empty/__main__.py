"""A Pulumi program that declares nothing."""
