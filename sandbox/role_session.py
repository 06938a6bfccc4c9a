"""The session of an IAM role, as which a command uses the AWS API in place of the account's administrator."""

from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.wire.aws_identity import Identity
from sandbox.wire.targets import Targets
from sandbox.workspace.stacks import Stack

SESSION = "sandbox"
"""The name of the session, which is part of its ARN."""


def open_session(
    role: str, stack: Stack, targets: Targets | None, identity: Identity, progress: Progress
) -> None:
    """Let `identity` be a session of a role of the stack's account; do nothing if `role` is empty.

    `role` is a name or an ARN. The administrator may assume any role of the account, even one that trusts
    only a service or an identity provider. Raise CommandError without targets and for an unknown role.
    """
    if not role:
        return
    if targets is None:
        raise CommandError("ROLE needs the APIs: leave TARGETS=none out, or leave ROLE out.")
    # Imported here, since botocore takes longer to import than most commands take.
    from sandbox.errors import ProviderError
    from sandbox.wire.aws_account import REGION
    from sandbox.wire.aws_requests import Clients, request

    arn = role if role.startswith("arn:") else f"arn:aws:iam::{stack.account}:role/{role}"
    clients = Clients(targets.aws, attempts=1)
    try:
        response = request(
            clients.get("sts", REGION), "AssumeRole", {"RoleArn": arn, "RoleSessionName": SESSION}
        )
    except ProviderError:
        response = None
    if response is None:
        listed = request(clients.get("iam", REGION), "ListRoles", {}) or {"Roles": []}
        names = ", ".join(sorted(item["RoleName"] for item in listed["Roles"]))
        raise CommandError(
            f"ROLE={role}: the sandbox's account {stack.account} has no such role. Roles: {names or 'none'}. "
            f"`make sandbox STACK={stack.label}` without ROLE brings up the stack that declares them."
        )
    keys = response["Credentials"]
    identity.use_session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    progress.step(f"AWS: as {response['AssumedRoleUser']['Arn']}; IAM decides with the policies of the role")
