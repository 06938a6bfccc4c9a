"""The VPC endpoint through which the data jobs read the master password from Secrets Manager."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.iam_documents import document
from components.common.naming import Naming
from components.common.outputs import require_output


@dataclass(frozen=True, kw_only=True)
class SecretsEndpointArgs:
    """Arguments of SecretsEndpoint."""

    naming: Naming
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets of the endpoint's addresses, at most one per zone; AWS bills each zone."""
    security_group_id: pulumi.Input[str]
    """The security group that limits incoming connections."""


class SecretsEndpoint(pulumi.ComponentResource):
    """An interface endpoint of Secrets Manager that returns only the account's secrets of RDS.

    The endpoint has its own name instead of the service's public name (private DNS). Therefore, only
    programs that get its URL use it; other clients in the VPC use the public name.
    """

    url: pulumi.Output[str]
    """URL of the endpoint, for the environment variable AWS_ENDPOINT_URL_SECRETS_MANAGER (AWS SDKs and tools
    reference guide, service-specific endpoints)."""

    def __init__(
        self, name: str, args: SecretsEndpointArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("pipe:network:SecretsEndpoint", name, None, opts)
        naming = args.naming
        endpoint = aws.ec2.VpcEndpoint(
            name,
            vpc_id=args.vpc_id,
            service_name=f"com.amazonaws.{naming.region}.secretsmanager",
            vpc_endpoint_type="Interface",
            subnet_ids=args.subnet_ids,
            security_group_ids=[args.security_group_id],
            private_dns_enabled=False,
            policy=document(
                {
                    "Sid": "ReadMasterPasswords",
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "secretsmanager:GetSecretValue",
                    "Resource": managed_secret_arns(naming),
                    "Condition": {"StringEquals": {"aws:PrincipalAccount": naming.account}},
                }
            ),
            tags=naming.aws("secrets"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        # The first name is the regional one; the others belong to one zone each (AWS PrivateLink, interface
        # endpoint DNS hostnames).
        hostname = require_output(
            endpoint.dns_entries,
            0,
            "dns_name",
            resource=f"VPC endpoint {naming.name('secrets')}",
            meaning="its DNS name",
        )
        self.url = pulumi.Output.concat("https://", hostname)
        self.register_outputs({"url": self.url})


def managed_secret_arns(naming: Naming) -> str:
    """Return a pattern for the ARNs of all master passwords that RDS manages in the account and region.

    RDS names the secrets `rds!db-<uuid>` (RDS user guide, password management with Secrets Manager). Nobody
    else can create a secret with this name, because other names may not contain an exclamation mark (Secrets
    Manager API, CreateSecret).
    """
    return f"arn:aws:secretsmanager:{naming.region}:{naming.account}:secret:rds!db-*"
