"""Guards of an account that consist of one setting each, such as EBS encryption and the password policy."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.naming import Naming
from foundation.settings.models.baseline import Baseline


@dataclass(frozen=True, kw_only=True)
class AccountGuardsArgs:
    """Arguments of AccountGuards."""

    settings: Baseline
    naming: Naming


class AccountGuards(pulumi.ComponentResource):
    """S3's public access block, EBS encryption by default, IAM Access Analyzer, and the password policy."""

    def __init__(
        self, name: str, args: AccountGuardsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:account:AccountGuards", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings, naming = args.settings, args.naming
        if settings.public_access_block:
            aws.s3.AccountPublicAccessBlock(
                name,
                account_id=naming.account,
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
                opts=child,
            )
        if settings.ebs_encryption:
            # The default key stays aws/ebs: its policy already admits the services that create volumes in the
            # account. The policy of a customer managed key would need a statement for each of them.
            aws.ebs.EncryptionByDefault(name, enabled=True, opts=child)
        if settings.access_analyzer:
            analyzer = f"{naming.service}-external-access"
            aws.accessanalyzer.Analyzer(
                name,
                analyzer_name=analyzer,
                type="ACCOUNT",
                tags={**naming.aws(), "Name": analyzer},
                opts=child,
            )
        passwords = settings.password_policy
        if passwords.enabled:
            aws.iam.AccountPasswordPolicy(
                name,
                minimum_password_length=passwords.minimum_length,
                password_reuse_prevention=passwords.remembered,
                require_lowercase_characters=True,
                require_numbers=True,
                require_symbols=True,
                require_uppercase_characters=True,
                allow_users_to_change_password=True,
                opts=child,
            )
        self.register_outputs({})
