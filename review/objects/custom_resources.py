"""Custom resources of Kubernetes whose definition may belong to the whole cluster."""

from review.stacks.object_kinds import kind_of
from review.stacks.resources import Resource
from sandbox.providers.kubernetes.package import metadata_of

OWN_GROUPS = "k8s.io"
"""End of the API groups of Kubernetes itself that are domains; the table knows the scopes of their kinds."""


def may_be_one_object(first: Resource, second: Resource) -> bool:
    """Return True if two resources of a kind may be one object, although only one of them names a namespace.

    The API server ignores the namespace of an object of the whole cluster. Only the definition of a custom
    kind tells whether its objects are such ones, and it may be in the cluster alone. In two namespaces, one
    name is usual, so these count as two objects.
    """
    group = kind_of(first.type)[1]
    if first.package != "kubernetes" or "." not in group or group.endswith(OWN_GROUPS):
        return False
    own, other = (metadata_of(side.values) for side in (first, second))
    is_in_both = bool(own.get("namespace") and other.get("namespace"))
    return not is_in_both and bool(own.get("name")) and own.get("name") == other.get("name")
