"""The accounts that a rule accepts."""

from collections.abc import Iterable

from policies.engine.rule import Option, Options, Resource


def account_option(what: str, default: Iterable[str] = ()) -> dict[str, Option]:
    """Return the option of a rule with further accounts that may do `what`."""
    return {
        "accounts": Option(
            default=list(default),
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": f"Accounts other than the stack's own {what}.",
            },
        )
    }


def organization_option() -> dict[str, Option]:
    """Return the option of a rule with the organizations to whose members a condition may limit a grant."""
    return {
        "organizations": Option(
            default=[],
            schema={
                "type": "array",
                "items": {"type": "string"},
                "description": "IDs of the own organizations, such as o-a1b2c3d4e5; others are no limit.",
            },
        )
    }


def own_accounts(resource: Resource) -> list[str]:
    """Return the account that a resource's provider allows, which is the stack's own; empty without one."""
    return [*resource.settings["allowedAccountIds"].json().texts()]


def accepted_accounts(resource: Resource, options: Options) -> list[str]:
    """Return the stack's own account, and those of the option."""
    return [*own_accounts(resource), *options["accounts"]]
