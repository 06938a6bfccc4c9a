"""What nobody's state knows is seen in the targets, of whatever type."""

from pathlib import Path

from sandbox.progress import Progress
from sandbox.targets import process
from tests.sandbox.inventory import ZONE, call, client, in_targets, zone
from tests.sandbox.targets import test_cloudflare_api as of_cloudflare
from tests.sandbox.targets import test_datadog_api as of_datadog

TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "ec2.amazonaws.com"}}]}'
)
READS = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", '
    '"Resource": "*"}]}'
)
VIEWS = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def test_what_is_left_over_or_there_twice_is_seen(tmp_path: Path) -> None:
    found = process.start(tmp_path, Progress(), control_plane=False, zones=[ZONE])
    try:
        assert in_targets(found) == set()
        iam, kms, logs = client(found, "iam"), client(found, "kms"), client(found, "logs")
        iam.create_role(RoleName="it", AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName="it", PolicyName="reads", PolicyDocument=READS)
        iam.attach_role_policy(RoleName="it", PolicyArn=VIEWS)
        policy = iam.create_policy(PolicyName="own", PolicyDocument=READS)["Policy"]["Arn"]
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/it", TargetKeyId=key)
        client(found, "ecr").create_repository(repositoryName="pipe/it")
        logs.create_log_group(logGroupName="/pipe/it")
        here = zone(found)
        call(f"{here}/dnssec", "PATCH", {"status": "active"})
        ruleset = call(f"{here}/rulesets", "POST", of_cloudflare.RULESET)["result"]["id"]
        twice = [call(f"{found.datadog}/api/v1/monitor", "POST", of_datadog.MONITOR)["id"] for _ in range(2)]
        accounts = f"{found.datadog}/api/v2/integration/aws/accounts"
        account = call(accounts, "POST", of_datadog.ACCOUNT)["data"]["id"]
        assert in_targets(found) == {
            ("Role", "it"),
            ("RolePolicy", "it:reads"),
            ("RolePolicyAttachment", f"it/{VIEWS}"),
            ("Policy", policy),
            ("Key", key),
            ("Alias", "alias/it"),
            ("Repository", "pipe/it"),
            ("LogGroup", "/pipe/it"),
            ("ZoneDnssec", here.rpartition("/")[2]),
            ("Ruleset", ruleset),
            *(("Monitor", str(ident)) for ident in twice),
            ("IntegrationAccount", account),
        }
    finally:
        process.stop(tmp_path)
