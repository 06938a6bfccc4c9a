"""Patches of moto 5.2 where it differs from AWS, with the texts of issues to file at getmoto/moto."""

import functools
import json
import os
import secrets
import string
import uuid
from types import SimpleNamespace
from typing import Any, cast

from sandbox.clouds.aws import databases
from sandbox.clouds.aws.databases import POSTGRES_MINOR
from sandbox.wire.values import Json

ACCOUNT_VARIABLE = "MOTO_ACCOUNT_ID"
"""moto's environment variable for the ID of the account (getmoto/moto, docs/docs/multi_account.rst)."""


@functools.cache
def apply_patches() -> None:
    """Patch moto where it differs from AWS. Without the patches, moto:

    - applies all changes of databases at once (databases.py)
    - loses a subnet group when it is modified
    - gives every database the same ID, and no minor version
    - gives every managed master user the same name and password, and stores no new password in a rotation
    - gives VPC endpoints names that AWS does not use
    - gives two backups that are taken in the same minute the same name
    - omits the description of a security group rule that refers to a group
    - fails on a bucket policy that applies to every principal
    - ignores the conditions in a bucket policy, so that a conditional denial blocks every request
    - ignores the deletion of a trail by its ARN
    - changes the white space in a topic's policy
    - loads the managed policies of every partition, which takes one second per partition
    """
    _patch_buckets()
    _patch_databases()
    databases.apply_patches()
    _patch_endpoints()
    _patch_managed_policies()
    _patch_master_passwords()
    _patch_security_group_rules()
    _patch_topics()
    _patch_trails()


def _patch_buckets() -> None:
    """Accept bucket policies for every principal (`*`), and ignore their conditional statements.

    To file: "S3: PutBucketLogging raises AttributeError if a statement of the target's policy has
    `Principal: "*"`, since `_log_permissions_enabled_policy` expects an object. FakeBucket.get_permission
    ignores `Condition`: a Deny of plain HTTP (`aws:SecureTransport: false`) denies every request."
    """
    from moto.s3.models import FakeBucket

    bucket: Any = FakeBucket
    log_permissions_enabled, get_permission = bucket._log_permissions_enabled_policy, bucket.get_permission

    def log_permissions_enabled_without_everyone(target_bucket: Any, target_prefix: str | None) -> bool:
        policy: Json = json.loads(target_bucket.policy or b'{"Statement": []}')
        policy["Statement"] = [
            statement for statement in policy["Statement"] if isinstance(statement.get("Principal"), dict)
        ]
        copy = SimpleNamespace(
            name=target_bucket.name,
            partition=target_bucket.partition,
            policy=json.dumps(policy).encode(),
        )
        return bool(log_permissions_enabled(copy, target_prefix))

    def get_unconditional_permission(self: Any, action: str, resource: str) -> Any:
        # The program's conditions concern plain HTTP, old TLS and headers, which are unknown in this method.
        policy: Json = json.loads(self.policy or b'{"Statement": []}')
        statements = [statement for statement in policy["Statement"] if "Condition" not in statement]
        content = json.dumps(policy | {"Statement": statements}).encode()
        return get_permission(SimpleNamespace(policy=content), action, resource)

    bucket._log_permissions_enabled_policy = staticmethod(log_permissions_enabled_without_everyone)
    bucket.get_permission = get_unconditional_permission


def _patch_databases() -> None:
    """Give databases IDs, minor versions and option groups, keep subnet groups, and name backups uniquely.

    To file: "RDS: DbiResourceId is a constant. EngineVersion stays `17`, but RDS chooses a minor version.
    ModifyDBSubnetGroup removes the group from the backend. Two automatic backups in one minute get the same
    name, and the second fails."
    """
    from moto.rds.models import DBInstance, RDSBackend

    database: Any = DBInstance
    backend: Any = RDSBackend
    initialize = database.__init__
    modify_subnet_group, create_snapshot = backend.modify_db_subnet_group, backend.create_auto_snapshot

    def initialize_with_id(self: Any, *args: Any, **kwargs: Any) -> None:
        initialize(self, *args, **kwargs)
        self.dbi_resource_id = f"db-{uuid.uuid4().hex[:26].upper()}"
        # RDS chooses the minor version if the request has only the major one (RDS API, CreateDBInstance).
        self.engine_version = POSTGRES_MINOR.get(self.engine_version, self.engine_version)
        if self.db_cluster_identifier is None and not self.option_group_supplied:
            self.option_group_name = f"default:{self.engine}-{str(self.engine_version).partition('.')[0]}"

    def modify_and_store_subnet_group(self: Any, subnet_name: str, *args: Any, **kwargs: Any) -> Any:
        group = modify_subnet_group(self, subnet_name, *args, **kwargs)
        self.subnet_groups[subnet_name] = group
        return group

    def create_snapshot_with_unique_name(self: Any, database: str, name: str) -> Any:
        unique_name = f"{name}-{uuid.uuid4()}" if name in self.database_snapshots else name
        return create_snapshot(self, database, unique_name)

    database.__init__ = initialize_with_id
    backend.modify_db_subnet_group = modify_and_store_subnet_group
    backend.create_auto_snapshot = create_snapshot_with_unique_name


def _patch_endpoints() -> None:
    """Name interface endpoints as AWS does.

    To file: "EC2: DnsEntries of an interface endpoint end with its ServiceName. AWS PrivateLink names them
    `vpce-ID-SUFFIX.SERVICE.REGION.vpce.amazonaws.com`."
    """
    from moto.ec2.models import vpcs

    module: Any = vpcs
    create_entry = module.create_dns_entries

    def create_regional_entry(service_name: str, endpoint_id: str) -> dict[str, str]:
        # com.amazonaws.<region>.<service> becomes <service>.<region>.vpce.amazonaws.com (AWS PrivateLink,
        # interface endpoint DNS hostnames).
        entry = create_entry(service_name, endpoint_id)
        _, _, region, service = service_name.split(".", 3)
        own_label = entry["dns_name"].partition(".")[0]
        return entry | {"dns_name": f"{own_label}.{service}.{region}.vpce.amazonaws.com"}

    module.create_dns_entries = create_regional_entry


def _patch_master_passwords() -> None:
    """Give each managed master user its own name and password, and a new password in a rotation.

    To file: "RDS: the secret of ManageMasterUserPassword has a constant user name and password, and
    RotateMasterUserPassword stores no new value."
    """
    from moto.rds.models import MasterUserSecret

    secret: Any = MasterUserSecret
    initialize = secret.__init__

    def initialize_active(self: Any, *args: Any, **kwargs: Any) -> None:
        initialize(self, *args, **kwargs)
        # A database becomes available when its secret exists.
        self._status = "active"

    def generate(self: Any) -> str:
        return json.dumps({"username": self.resource.master_username, "password": _master_password()})

    def rotate(self: Any) -> None:
        self._status = "rotating"
        self.secretsmanager.put_secret_value(
            self.secret.arn, generate(self), None, str(uuid.uuid4()), ["AWSCURRENT"]
        )

    secret.__init__ = initialize_active
    secret._generate_secret_string = generate
    secret.rotate_secret = rotate


def _master_password() -> str:
    """Return a password like those that RDS generates.

    It has 28 characters with at least one lower-case letter, one upper-case letter, one digit and one
    punctuation mark (Aurora user guide, rotating the master user password secret).
    """
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!#$%&()*+-.:;<=>?[]^_{|}~")
    while True:
        password = "".join(secrets.choice("".join(kinds)) for _ in range(28))
        if all(set(kind) & set(password) for kind in kinds):
            return password


def _patch_managed_policies() -> None:
    """Load AWS's managed policies only for the main partition.

    To file: "IAM: with MOTO_IAM_LOAD_MANAGED_POLICIES, every partition's backend parses all managed policies,
    which takes about one second each. Load them when a backend is first used."
    """
    from moto.iam.models import IAMBackend

    backend: Any = IAMBackend
    load = backend._init_aws_policies

    def load_for_main_partition(self: Any) -> list[Any]:
        return load(self) if self.partition == "aws" else []

    backend._init_aws_policies = load_for_main_partition


def _patch_security_group_rules() -> None:
    """Return the description of a rule that refers to a group.

    To file: "EC2: DescribeSecurityGroupRules omits Description if the peer is a security group."
    """
    from moto.ec2.models.security_groups import SecurityGroupRule

    rule: Any = SecurityGroupRule

    def description(self: Any) -> str | None:
        return (self.source_group | self.ip_range).get("Description")

    rule.description = property(description)


def _patch_trails() -> None:
    """Delete a trail if the request has its name or its ARN.

    To file: "CloudTrail: DeleteTrail with an ARN succeeds and deletes nothing."
    """
    from moto.cloudtrail.models import CloudTrailBackend

    backend: Any = CloudTrailBackend
    delete = backend.delete_trail

    def delete_by_name_or_arn(self: Any, name: str) -> None:
        delete(self, self.get_trail(name).trail_name)

    backend.delete_trail = delete_by_name_or_arn


def _patch_topics() -> None:
    """Return a topic's policy as it was set.

    To file: "SNS: GetTopicAttributes returns the policy with other white space than was set."
    """
    from moto.sns.models import Topic

    topic: Any = Topic
    parsed = topic.policy

    def policy_text(self: Any) -> str:
        return getattr(self, "policy_text", None) or parsed.fget(self)

    def set_policy(self: Any, policy: str) -> None:
        parsed.fset(self, policy)
        self.policy_text = policy

    topic.policy = property(policy_text, set_policy)


def backend(service: Any, region: str) -> Any:
    """Return moto's models of a service in the account; `region` is `aws` for IAM and S3."""
    from moto.backends import get_backend

    return cast(Any, get_backend(service))[os.environ[ACCOUNT_VARIABLE]][region]
