"""Role that S3 assumes to copy a bucket to a second region."""

from dataclasses import dataclass

from components.common.iam_documents import allow
from components.common.naming import Naming
from foundation.service_roles.role import ServiceRole
from foundation.service_roles.statements import key_condition, service_trust


@dataclass(frozen=True, kw_only=True)
class Replication:
    """A bucket, its copy in a second region, and the aliases of their keys."""

    naming: Naming
    copy_region: str
    bucket: str
    alias: str
    """Alias of the bucket's KMS key, without `alias/`."""
    copy: str
    copy_alias: str


def replication_role(name: str, replication: Replication) -> ServiceRole:
    """Return the role that S3 assumes to replicate encrypted, locked objects (S3, live replication).

    Its trust policy has no condition, since S3's guide documents none for replication.
    """
    naming, copy_region = replication.naming, replication.copy_region
    bucket, copy = f"arn:aws:s3:::{replication.bucket}", f"arn:aws:s3:::{replication.copy}"
    return ServiceRole(
        name=name,
        description=f"Copies {replication.bucket} to {copy_region}",
        trust=service_trust("s3.amazonaws.com"),
        statements=[
            allow("ReadRules", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [bucket]),
            allow(
                "ReadVersions",
                [
                    "s3:GetObjectVersionForReplication",
                    "s3:GetObjectVersionAcl",
                    "s3:GetObjectVersionTagging",
                    "s3:GetObjectRetention",
                    "s3:GetObjectLegalHold",
                ],
                [f"{bucket}/*"],
            ),
            allow("WriteCopies", ["s3:ReplicateObject", "s3:ReplicateTags"], [f"{copy}/*"]),
            allow(
                "Decrypt",
                ["kms:Decrypt"],
                [f"arn:aws:kms:{naming.region}:{naming.account}:key/*"],
                key_condition(replication.alias, "s3", naming.region),
            ),
            allow(
                "Encrypt",
                ["kms:Encrypt", "kms:GenerateDataKey"],
                [f"arn:aws:kms:{copy_region}:{naming.account}:key/*"],
                key_condition(replication.copy_alias, "s3", copy_region),
            ),
        ],
    )
