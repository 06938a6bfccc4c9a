"""Patterns of ARNs and of condition values that match everything.

A pattern is judged by what it matches: if it matches a name that nobody has, it names nobody.
"""

from policies.model.aws.policy_variables import as_pattern
from policies.model.wildcards import matches

NOBODY = "¤" * 64
"""A name of characters that no name on AWS has, so only the wildcards of a pattern match it."""

ADMINISTRATORS = ("AdministratorAccess", "IAMFullAccess")
"""The policies of AWS with which a principal has or can get every permission."""

_KINDS = (
    "alarm",
    "cluster",
    "container",
    "devEndpoint",
    "document",
    "function",
    "group",
    "hostedzone",
    "instance",
    "key",
    "log-group",
    "notebook-instance",
    "policy",
    "project",
    "repository",
    "role",
    "secret",
    "stack",
    "stateMachine",
    "table",
    "user",
)
"""Words before the names of resources (Service Authorization Reference, "Resource types defined by …")."""

_IDS = {"instance": "i-", "launch-template": "lt-", "managed-instance": "mi-"}
"""The prefixes of the IDs of resources that run code (EC2 User Guide, resource-ids; Systems Manager User
Guide, "Managed nodes"). The rest is random, so a wildcard in it selects no resources that anybody chose."""

_VALUES = (
    *(f"{prefix}{NOBODY}" for prefix in ("o-", "vpc-", "vpc-0", "vpce-", "vpce-0", "AIDA", "AROA")),
    f"AROA{NOBODY[:17]}:{NOBODY}",
    f"o-{NOBODY}/r-{NOBODY}/ou-{NOBODY}/",
    f"{NOBODY}.amazonaws.com",
    f"{NOBODY}.{NOBODY}.amazonaws.com",
)
"""Values of condition keys that nobody has, in the form that all values of the key have (IAM User Guide,
reference_policies_condition-keys and reference_identifiers, unique IDs). The IDs of 17 digits begin with 0
(dev-toolbox.tech, AWS ARN parser, "EC2 Instance ARN")."""


def is_every_resource(pattern: str, project: str = "") -> bool:
    """Return True if a pattern of ARNs matches every resource of a kind in an account, or in a project.

    The names of a project's resources begin with its name and a hyphen. A path of IAM's names counts as well,
    since whoever creates a role chooses its path, and so does a part of a random ID.
    """
    service, _, resource = _parts(as_pattern(pattern))
    name = resource.rpartition("/")[2]
    of_path = service == "iam" and bool(name) and not name.strip("*?")
    samples = _samples(service, resource, project)
    return (
        of_path or _has_partial_id(service, resource) or any(matches(sample, resource) for sample in samples)
    )


def is_every_arn(pattern: str) -> bool:
    """Return True if a pattern matches every resource of a kind in all accounts.

    The ARNs of buckets and hosted zones have no account.
    """
    pattern = as_pattern(pattern)
    start, _, rest = pattern.partition(":")
    partition = rest.partition(":")[0] if rest else "*"
    if not (matches("arn", start) and (partition.startswith("aws") or matches("aws", partition))):
        return False
    service, account, resource = _parts(pattern)
    samples = _samples(service, resource if account else "")
    return not account.strip("*?") and (
        _has_partial_id(service, resource) or any(matches(sample, resource) for sample in samples)
    )


def is_any_policy(pattern: str) -> bool:
    """Return True if a pattern matches every policy of an account or of a path, or one for administrators."""
    resource = _parts(pattern)[2]
    return is_every_resource(pattern) or any(matches(f"policy/{name}", resource) for name in ADMINISTRATORS)


def is_any_value(pattern: str) -> bool:
    """Return True if a pattern of a condition matches values that nobody has."""
    if not pattern.strip("*?:"):
        return True
    return ("*" in pattern or "?" in pattern) and (
        is_every_arn(pattern) or any(matches(sample, pattern) for sample in _VALUES)
    )


def _parts(pattern: str) -> tuple[str, str, str]:
    """Return service, account and resource; a wildcard at the end stands for the parts after it."""
    parts = pattern.split(":", 5)
    if parts[-1].endswith("*"):
        parts += ["*"] * (6 - len(parts))
    _, _, service, _, account, resource = (*parts, *[""] * 6)[:6]
    return service, account, resource


def _has_partial_id(service: str, resource: str) -> bool:
    """Return True for a pattern such as `instance/i-0*`, whose wildcard is a part of a random ID."""
    kind, _, own = resource.partition("/")
    return (
        service != "s3"
        and ("*" in own or "?" in own)
        and any(matches(name, kind) and own.startswith(prefix) for name, prefix in _IDS.items())
    )


def _samples(service: str, resource: str, project: str = "") -> list[str]:
    """Return resources of a service that nobody has."""
    names = [NOBODY, f"{NOBODY}/{NOBODY}"]
    if service == "s3":
        return names
    own, slash, _ = resource.replace(":", "/").partition("/")
    # The other names before a slash are IDs, such as that of an API.
    kinds = (*_KINDS, own) if slash and own.replace("-", "").isalpha() else _KINDS
    named = [*names, f"{NOBODY}:{NOBODY}", *([f"{project}-{NOBODY}"] if project else [])]
    ids = [f"{kind}/{prefix}{NOBODY}" for kind, prefix in _IDS.items()]
    return [*names, *ids, *(f"{kind}{sign}{name}" for kind in kinds for sign in "/:" for name in named)]
