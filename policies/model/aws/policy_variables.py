"""Variables in policy documents, such as `${aws:username}`.

IAM replaces each one by a value of the request, so a condition that compares a key with its own variable
always holds (IAM User Guide, reference_policies_variables).
"""

import re

_VARIABLE = re.compile(r"\$\{([^}]*)\}?")
_LITERALS = ("*", "?", "$")
"""What stands in braces for the character itself (same page)."""

_CALLER_KEYS = re.compile(
    r"\A(?:aws:(?!resource|requesttag/|tagkeys).+|[^:.]*\.[^:]*:.+|(?:saml|sts):.+"
    r"|[a-z0-9-]+:(?:caller|principal|role|source|user).*)"
)
"""Condition keys of the caller, its session, its network or an identity provider (IAM User Guide,
reference_policies_condition-keys and reference_policies_iam-condition-keys). They are in lower case."""

_CALLER_VARIABLES = re.compile(
    r"\A(?:aws:principal(?:account|arn|orgid|tag/.+)|aws:user(?:id|name)|[^:.]*\.[^:]*:sub|saml:sub)"
)
"""Variables of the caller that it does not choose for each request, as it does a header or its own tags for a
new resource."""

_RESOURCE_VARIABLES = re.compile(r"\A(?:aws:resource(?:account|orgid|tag/.+)|[a-z0-9-]+:resourcetag/.+)")
"""Variables of the resource."""


def restricts(key: str, value: str) -> bool:
    """Return True if no variable of a condition's value describes the same side as the key, or is chosen.

    A key of the caller may be compared with the resource, and any other key with the caller. The key is in
    lower case.
    """
    other_side = _RESOURCE_VARIABLES if _CALLER_KEYS.fullmatch(key) else _CALLER_VARIABLES
    return all(_is_of(other_side, variable) for variable in _VARIABLE.findall(value))


def as_constant(value: str) -> str:
    """Return a value with a name in place of each variable."""
    return _VARIABLE.sub("-", value)


def as_pattern(resource: str) -> str:
    """Return a pattern of ARNs with a wildcard in place of each variable that fits every resource.

    Only variables of the caller stand for a certain name.
    """
    return _VARIABLE.sub(lambda match: "-" if _is_of(_CALLER_VARIABLES, match[1]) else "*", resource)


def _is_of(variables: re.Pattern[str], variable: str) -> bool:
    """Return True for a literal, and for one of these variables; its default value may have no wildcard."""
    name, _, default = variable.partition(",")
    is_certain = not any(sign in default for sign in "*?") and variables.fullmatch(name.strip().lower())
    return variable in _LITERALS or bool(is_certain)
