"""Settings of the AWS account that a stack of foundation prepares."""

from typing import Annotated

from pydantic import Field

from components.settings.types import AccountId, Arn, Distinct, DnsLabel, Model, Region, entries


class Account(Model):
    """The AWS account and its operators."""

    id: AccountId
    """The AWS account; the same as aws:allowedAccountIds."""
    region: Region
    """The AWS region of the account; the same as aws:region."""
    copy_region: Annotated[Region, Field(examples=["ap-northeast-3"])]
    """The second region, to which buckets and images are copied."""
    team: DnsLabel
    """The responsible team, as named in tags."""
    operators: Annotated[
        list[Annotated[Arn, Field(examples=["arn:aws:iam::123456789012:user/operator"])]],
        entries(1),
        Distinct,
    ]
    """ARNs of the IAM roles and users that may assume the account's operators roles; users need MFA."""
    protect: bool
    """True if Pulumi refuses to delete the registry, the state bucket, the vaults and all keys (protect)."""
