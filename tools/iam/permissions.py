"""Permissions of the model's principals: actions that IAM allows, and changes that would allow more."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from sandbox.iam.evaluation import ABSENT, CHOSEN, Caller, Context, ContextValue, Request, decide
from tools.iam.model import Hold, Kind, Principal, Resource, World


@dataclass(frozen=True, kw_only=True)
class Need:
    """An action that an attacker has to perform on a resource of the model, or on an ARN."""

    action: str
    resource: Resource | None = None
    arn: str = ""
    """ARN if it is not the resource's own."""
    account: str = ""
    """Account of the ARN if there is no resource."""
    context: Mapping[str, ContextValue] = field(default_factory=dict[str, ContextValue])


def premises(world: World, principal: Principal, needs: Iterable[Need]) -> Iterator[frozenset[Hold]]:
    """Yield each set of powers with which a principal can perform all actions.

    The principal is part of each set. The other powers are changes that the attacker has to make first, such
    as new tags of the resource.
    """
    options = [_options(world, principal, need) for need in needs]
    acting = Hold("act as", principal.arn)
    for combination in product(*options):
        yield frozenset((acting,)).union(*combination)


def _options(world: World, principal: Principal, need: Need) -> list[frozenset[Hold]]:
    """Return the sets of changes after which an action is allowed.

    The result is one empty set if the action is already allowed, and empty if no change allows it.
    """
    if is_allowed(world, principal, need):
        return [frozenset()]
    resource = need.resource
    if resource is None:
        return []
    chosen = {"aws:resourcetag/*": CHOSEN, "kms:resourcealiases": CHOSEN}
    retagged = is_allowed(world, principal, need, chosen)
    return [frozenset((Hold("retag", resource.id),))] if retagged else []


NEED_A_RESOURCE_POLICY: tuple[Kind, ...] = ("key",)
"""Kinds whose policies must allow each request (KMS developer guide, key policies)."""


def is_allowed(
    world: World,
    principal: Principal,
    need: Need,
    change: Mapping[str, ContextValue] | None = None,
) -> bool:
    """Return True if IAM allows an action; `change` overrides keys of the context.

    A context key that the model does not set can have any value, so the search overestimates an attacker.
    """
    resource = need.resource
    account = resource.account if resource else need.account
    values: dict[str, ContextValue] = {
        "aws:principalarn": principal.arn,
        "aws:principalaccount": principal.account,
        "aws:principalisawsservice": "false",
        "aws:securetransport": "true",
        # Sessions of roles carry no MFA; a person can sign in with it.
        "aws:multifactorauthpresent": "false" if principal.trust is not None else CHOSEN,
        # Only AWS services send these keys, on behalf of a resource.
        "aws:sourcearn": ABSENT,
        "aws:sourceaccount": ABSENT,
        "kms:viaservice": ABSENT,
        "aws:resourceaccount": account,
    }
    if resource is not None:
        # Conditions that exempt resources without a tag must see that the tag is absent.
        values |= {f"aws:resourcetag/{key.lower()}": value for key, value in resource.tags.items()}
        values["aws:resourcetag/*"] = ABSENT
        values["kms:resourcealiases"] = resource.aliases or ABSENT
        values["kms:requestalias"] = CHOSEN
    values |= need.context
    if change:
        kept = {key: value for key, value in values.items() if not _is_changed(key, change)}
        values = {**kept, **change}
    # Nobody can set tags whose names begin with `aws:` (Tagging your AWS resources, tag naming limits).
    values = {"aws:resourcetag/aws:*": ABSENT, **values}
    caller = world.caller(principal, need.action)
    return any(
        decide(
            Request(
                caller=caller,
                action=need.action,
                resource=arn,
                account=account,
                resource_policy=resource.policy if resource else None,
                needs_resource_policy=resource is not None and resource.kind in NEED_A_RESOURCE_POLICY,
                context=Context(values=values, otherwise=CHOSEN),
            )
        ).allowed
        for arn in _candidates(caller, need.arn or (resource.arn if resource else ""))
    )


def _is_changed(key: str, change: Mapping[str, ContextValue]) -> bool:
    reserved = key.startswith("aws:resourcetag/aws:")
    return not reserved and any(key.startswith(name.removesuffix("*")) for name in change)


def _candidates(caller: Caller, arn: str) -> list[str]:
    """Return an ARN, or examples of the ARNs that match a pattern with `*` at the end.

    The examples are an arbitrary ARN, and one for each narrower pattern in the caller's policies.
    """
    if not arn.endswith("*"):
        return [arn]
    patterns = {pattern for statement in caller.identity for pattern in statement.resources}
    narrower = (pattern for pattern in patterns if pattern.startswith(arn[:-1]))
    return sorted({pattern.replace("*", "new-entity") for pattern in (arn, *narrower)})


def trusts(world: World, role: Principal, caller: Caller, context: Mapping[str, ContextValue]) -> bool:
    """Return True if a role's trust policy and the caller's own policies let the caller assume it."""
    actions = {"AWS": "sts:AssumeRole", "Service": "sts:AssumeRole"}
    request = Request(
        caller=caller,
        action=actions.get(caller.kind, "sts:AssumeRoleWithWebIdentity"),
        resource=role.arn,
        account=role.account,
        resource_policy=role.trust or (),
        needs_resource_policy=True,
        context=Context(values=context, otherwise=CHOSEN),
    )
    return decide(request).allowed


def concrete_arns(principal: Principal, kind: str) -> list[str]:
    """Return possible ARNs of new IAM entities: an arbitrary one, and one for each pattern in the policies.

    `kind` is role, user or policy. The patterns are those of the principal's policies. Each wildcard of a
    pattern becomes a name that no entity of the model has.
    """
    prefix = f"arn:aws:iam::{principal.account}:{kind}/"
    patterns = {pattern for statement in principal.identity for pattern in statement.resources}
    arns = {prefix + "new-entity"} | {
        pattern.replace("*", "new-entity").replace("?", "x")
        for pattern in patterns
        if pattern.startswith(prefix)
    }
    return sorted(arns)
