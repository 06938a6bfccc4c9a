"""IAM policy documents and their statements."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from policies.model.aws.patterns import NOBODY, is_any_policy, is_any_value
from policies.model.aws.policy_variables import as_constant, restricts
from policies.model.networks import is_world
from policies.model.property_values import Value
from policies.model.wildcards import matches

_NARROWING = frozenset(
    {
        "StringEquals",
        "StringEqualsIgnoreCase",
        "StringLike",
        "ArnEquals",
        "ArnLike",
        "BinaryEquals",
        "IpAddress",
    }
)
"""Condition operators that require certain values. The list omits negated operators, which admit all other
values, and IfExists and ForAllValues, which hold if the key is absent. It also omits Bool, Null, numeric
and date operators, which restrict neither principals nor resources."""

_OWNERS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpceaccount",
        "aws:vpceorgid",
        "aws:vpceorgpaths",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
"""Condition keys that identify the caller, the caller's network, or the owner of an access point.

Sources: IAM User Guide, reference_policies_condition-keys; Amazon SNS Developer Guide, "aws:SourceAccount
versus aws:SourceOwner"; Amazon S3 User Guide, access-points-policies,
"Delegating access control to access points".

aws:VpcSourceIp is missing, since everybody may have the same private address in a VPC (VPC User Guide,
vpc-cidr-blocks), and sts:ExternalId, since everybody may send it and it is no secret (IAM User Guide,
id_roles_common-scenarios_third-party)."""

_CHOSEN = ("aws:referer", "aws:useragent")
"""Condition keys whose values everybody chooses (IAM User Guide, reference_policies_condition-keys)."""

_POLICIES = ("iam:permissionsboundary", "iam:policyarn")
"""Condition keys whose values are ARNs of policies (Service Authorization Reference, IAM)."""

OF_RESOURCES = r"[a-z0-9-]+:resourcetag/.+"
"""The pattern of the condition keys that tell resources of one account apart, for each service.

All other global keys but aws:RequestTag describe the caller, its session or its network, or have a value that
many or all requests have: aws:ResourceAccount, aws:ResourceOrgID and aws:ResourceOrgPaths for the whole
account, aws:CalledVia and aws:ViaAWSService for each resource, and aws:RequestedRegion is always us-east-1 in
requests to IAM (IAM User Guide, reference_policies_condition-keys, table of properties, and
reference_policies_examples_aws_deny-requested-region)."""


@dataclass(frozen=True)
class Condition:
    """One condition of a statement; its key is in lower case, because IAM ignores the case of keys."""

    operator: str
    key: str
    values: tuple[str, ...]

    @property
    def narrows(self) -> bool:
        """True if the condition excludes some requests, because it requires the key with certain values."""
        operator = self.operator.removeprefix("ForAnyValue:")
        # The values are alternatives (IAM User Guide, "Multiple values for a single condition key").
        return (
            operator in _NARROWING
            and self.key not in _CHOSEN
            and bool(self.values)
            and not any(map(self._is_any, self.values))
            and not is_world(*self.values)
        )

    def _is_any(self, value: str) -> bool:
        if not restricts(self.key, value):
            return True
        constant = as_constant(value)
        if self.key in _POLICIES:
            return is_any_policy(constant)
        # Everybody chooses the values of tags, so that none of their forms is common to all.
        return not constant.strip("*?:") if "tag/" in self.key else is_any_value(constant)

    @property
    def names_owners(self) -> bool:
        """True if the condition admits only named accounts, organizations, buckets or networks."""
        return self.key in _OWNERS and self.narrows and all(map(has_owner, self.values))


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement of a policy document.

    Each part is read when a rule asks for it, so that an unknown part hides no violation in the others.
    """

    value: Value

    @cached_property
    def effect(self) -> str:
        return self.value["Effect"].text() or "Allow"

    @cached_property
    def actions(self) -> tuple[str, ...]:
        return tuple(self.value["Action"].texts())

    @cached_property
    def inverted(self) -> bool:
        """True if the statement has NotAction, NotResource or NotPrincipal."""
        return any(not self.value[key].absent for key in ("NotAction", "NotResource", "NotPrincipal"))

    @cached_property
    def resources(self) -> tuple[str, ...]:
        return tuple(self.value["Resource"].texts())

    @cached_property
    def principals(self) -> tuple[tuple[str, str], ...]:
        """The kind, such as AWS or Service, and the name of each principal; a plain string has the kind *."""
        return tuple((kind, name.text() or "") for kind, name in _principals(self.value["Principal"]))

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(_conditions(self.value["Condition"]))

    @property
    def allows(self) -> bool:
        return self.effect == "Allow"

    @property
    def everybody(self) -> bool:
        """True if the statement applies to every principal; unknown principals cannot change that."""
        named = [name for kind, name in _principals(self.value["Principal"]) if kind in ("AWS", "*")]
        return any(name.text() == "*" for name in sorted(named, key=_is_unknown))

    @property
    def narrowed(self) -> bool:
        """True if a condition excludes some requests."""
        return any(condition.narrows for condition in self.conditions)

    def narrowed_by(self, keys: re.Pattern[str]) -> bool:
        """Return True if a condition on one of these keys, in lower case, excludes some requests."""
        return any(item.narrows and keys.fullmatch(item.key) for item in self.conditions)

    @property
    def open(self) -> bool:
        """True if it allows everybody, or all except named principals, and no condition names the callers."""
        everybody = self.everybody or not self.value["NotPrincipal"].absent
        return self.allows and everybody and not any(condition.names_owners for condition in self.conditions)

    def from_any_account(self, services: re.Pattern[str]) -> bool:
        """Return True if it allows one of these services to act for every account.

        A service calls for whoever tells it to. Only the source that it sends along, such as aws:SourceArn or
        aws:SourceAccount, tells the accounts apart (IAM User Guide, The confused deputy problem).
        """
        callers = [name for kind, name in _principals(self.value["Principal"]) if kind == "Service"]
        named = any(
            services.fullmatch((name.text() or "").lower()) for name in sorted(callers, key=_is_unknown)
        )
        return self.allows and named and not any(condition.names_owners for condition in self.conditions)

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks to which a statement for everybody is limited, if nothing else limits it."""
        everybody = self.everybody or not self.value["NotPrincipal"].absent
        owners = [condition for condition in self.conditions if condition.names_owners]
        limited = self.allows and everybody and {condition.key for condition in owners} == {"aws:sourceip"}
        return owners[0].values if limited else ()

    @property
    def named(self) -> Value:
        """The property NotPrincipal if the statement has it, else Principal."""
        inverted = self.value["NotPrincipal"]
        return self.value["Principal"] if inverted.absent else inverted

    def covers(self, action: str) -> bool:
        """Return True if a pattern of the statement covers an action, or all actions for `service:*`.

        Raise UnknownValueError if only an unknown pattern may cover it.
        """
        service, _, name = action.lower().partition(":")
        if excluded := elements(self.value["NotAction"]):
            texts = [(pattern.text() or "").lower() for pattern in excluded]
            if name == "*":
                return not any(matches(service, text.partition(":")[0]) for text in texts)
            return not any(matches(action.lower(), text) for text in texts)
        # A pattern that covers a short and a long name covers all names.
        names = (NOBODY[:1], NOBODY) if name == "*" else (name,)
        patterns = sorted(elements(self.value["Action"]), key=_is_unknown)
        return any(
            all(matches(f"{service}:{name}", (pattern.text() or "").lower()) for name in names)
            for pattern in patterns
        )


def has_owner(value: str) -> bool:
    """Return True if a value names an owner without wildcards.

    The owner in an ARN is the account, or the bucket if the ARN has no account.
    """
    if value.lower().startswith("arn:"):
        account, name = (*value.split(":", 5)[4:], "", "")[:2]
        value = account or name
    owner = value.partition("/")[0]
    return bool(owner) and not any(sign in owner for sign in ("*", "?", "${"))


def statements(document: Value) -> list[Statement]:
    """Return the statements of a document, which is a JSON string or an object."""
    return [statement_of(value) for value in statement_values(document)]


def statement_values(document: Value) -> list[Value]:
    """Return the values of the statements, including unknown values."""
    value = document.json()["Statement"]
    return [item for item in (value.items() or [value]) if not item.known or not item.absent]


def statement_of(value: Value) -> Statement:
    """Return a statement; raise UnknownValueError if it is unknown as a whole."""
    value.get()
    return Statement(value)


def elements(value: Value) -> list[Value]:
    """Return the elements of a list, or a single value as a list; an absent value has none."""
    if not value.known:
        return [value]
    return value.items() or ([] if value.absent or isinstance(value.get(), list) else [value])


def reached(value: Value, path: str) -> list[Value]:
    """Return the values at a path, whose steps lead through the elements of lists."""
    values = [value]
    for step in path.split("."):
        values = [item for value in values for item in elements(value[step])]
    return values


def _is_unknown(value: Value) -> bool:
    return not value.known


def _principals(value: Value) -> Iterable[tuple[str, Value]]:
    if isinstance(value.get(), str):
        yield "*", value
    for kind, names in value.entries().items():
        for name in elements(names):
            yield kind, name


def _conditions(value: Value) -> Iterable[Condition]:
    for operator, tests in value.entries().items():
        for key, values in tests.entries().items():
            plain = values.get()
            texts = values.texts() or ([] if plain in (None, []) else [_text(plain)])
            yield Condition(operator, key.lower(), tuple(texts))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
