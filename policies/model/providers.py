"""Names with which the engine describes providers."""

PROVIDERS = "pulumi:providers:"
"""Start of the types of providers."""

INTERNAL = "__internal"
"""The key of the engine's own settings of a provider, such as the address of its plugin and the variables of
its environment (pulumi/pulumi, pkg/resource/deploy/providers/registry.go)."""
