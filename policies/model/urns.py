"""Names by which the engine identifies resources.

The pack imports nothing of the sandbox, which has the same function; a test compares them.
"""

ROOT_TYPE = "pulumi:pulumi:Stack"
"""The type of the resource that stands for a stack, and has its outputs."""


def is_root(urn: str) -> bool:
    """Return True for the URN of the resource that stands for a stack.

    A program may give any component the same type, but the engine refuses a second resource with this URN
    (pulumi/pulumi, sdk/go/common/resource/stack.go: DefaultRootStackURN).
    """
    start, _, rest = urn.partition("::")
    project, _, path = rest.partition("::")
    return path == f"{ROOT_TYPE}::{project}-{start.rpartition(':')[2]}"


def type_of(urn: str) -> str:
    """Return the type in a URN, by which the engine asks a provider for the resource.

    It is what follows the last `$`, up to the first `::` (pulumi/pulumi, sdk/go/common/resource/urn/urn.go:
    Type, and pkg/resource/plugin/provider_plugin.go). The types of the parents are before it.
    """
    return urn.split("::", 3)[2].rpartition("$")[2] if urn.count("::") > 2 else ""


def project_of(urn: str) -> str:
    """Return the name of the project in a URN, which is its second part."""
    return urn.split("::", 2)[1] if urn.count("::") > 1 else ""
