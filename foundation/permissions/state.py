"""Permissions for the state of stacks: objects in Pulumi's S3 backend, and the key of the secrets."""

from dataclasses import dataclass

import pulumi

from components.common.iam_documents import Statement, allow


@dataclass(frozen=True, kw_only=True)
class State:
    """Location of the state, and its KMS keys."""

    project: str
    """The Pulumi project of the stacks: pipe."""
    bucket_arn: pulumi.Input[str]
    bucket_key_arn: pulumi.Input[str]
    """The KMS key of the bucket's objects."""
    secrets_key_arn: pulumi.Input[str]
    """The KMS key of the secrets in state and stack files."""
    region: str

    def objects(self, *keys: str) -> list[pulumi.Output[str]]:
        """Return the ARNs of objects in the backend."""
        return [pulumi.Output.concat(self.bucket_arn, "/.pulumi/", key) for key in keys]


def read_state(state: State, stack: str) -> list[Statement]:
    """Return statements for `pulumi preview` of one stack: read its state and decrypt its secrets.

    A preview evaluates the program, which needs the secrets, so everyone who can run a preview can read them.
    """
    return [
        _find(state),
        allow(
            "ReadStack",
            ["s3:GetObject"],
            state.objects("meta.yaml", f"stacks/{state.project}/{stack}.json*"),
        ),
        _through_s3(state, ["kms:Decrypt"]),
        _decrypt_secrets(state, stack),
    ]


def write_state(state: State, stack: str) -> list[Statement]:
    """Return statements for `pulumi up` of one stack, without access to state and secrets of other stacks."""
    project = state.project
    return [
        _find(state),
        allow("ReadVersion", ["s3:GetObject"], state.objects("meta.yaml")),
        allow(
            "WriteStack",
            ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            state.objects(
                f"stacks/{project}/{stack}.json*",
                f"backups/{project}/{stack}/*",
                f"history/{project}/{stack}/*",
                f"locks/organization/{project}/{stack}/*",
            ),
        ),
        _through_s3(state, ["kms:Decrypt", "kms:GenerateDataKey"]),
        _decrypt_secrets(state, stack),
    ]


def _find(state: State) -> Statement:
    return allow("FindStacks", ["s3:ListBucket"], [state.bucket_arn])


def _through_s3(state: State, actions: list[str]) -> Statement:
    return allow(
        "UseBucketKey",
        actions,
        [state.bucket_key_arn],
        {"StringEquals": {"kms:ViaService": f"s3.{state.region}.amazonaws.com"}},
    )


def _decrypt_secrets(state: State, stack: str) -> Statement:
    """Return a statement that allows decrypting the secrets of one stack.

    The encryption context of a secret names its stack. The context is set by the stack's secrets provider:
    `awskms://alias/pipe-state?region=ap-northeast-1&context_env=prod`.
    """
    context = {"StringEquals": {"kms:EncryptionContext:env": stack}}
    return allow("DecryptSecrets", ["kms:Decrypt"], [state.secrets_key_arn], context)
