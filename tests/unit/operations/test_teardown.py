"""Tests of the destruction of a real stack, with fakes of Pulumi and of AWS's APIs."""

import json
from typing import Any

import pytest

from operations import teardown
from operations.lib import sandbox_targets, secret_masking
from operations.lib.command_runner import CommandRunner
from operations.lib.kubernetes import endpoint
from operations.lib.run_log import RunLog
from operations.lib.teardown import plan
from sandbox.wire.bucket_contents import LogDelivery
from tests.support.operations.teardown import ENCRYPTION, START, FakeStack, dumps, resource
from tests.support.waits import replace_sleep

OFF = "'DeletionProtection': False, 'ApplyImmediately': True"
UNPROTECT = [
    "pulumi state unprotect --all --yes --stack prod",
    f"rds {{'DBInstanceIdentifier': 'pipe-prod-db', {OFF}}}",
    "eks deletionProtection False",
]
OPEN = "eks resourcesVpcConfig {'endpointPublicAccess': True, 'publicAccessCidrs': ['203.0.113.7/32']}"
DESTROY = "pulumi destroy --yes --non-interactive --stack prod"
CLUSTER = [
    "elbv2 [{'Key': 'deletion_protection.enabled', 'Value': 'false'}]",
    f"{DESTROY} --target-dependents --target={START}kubernetes:core/v1:Service::tls-proxy",
]
LOGS = ["s3 end logs of pipe-backup", "s3 empty pipe-backup-logs"]
REST = " ".join(
    [
        DESTROY,
        *(
            f"--exclude={START}pipe:storage:BackupBucket${part}::backups"
            for part in ("aws:kms/key:Key", "aws:s3/bucket:Bucket", ENCRYPTION)
        ),
    ]
)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    fake = FakeStack()

    def read(_: CommandRunner, *command: str) -> str:
        assert command == ("pulumi", "stack", "export", "--stack", "prod")
        return json.dumps({"deployment": {"resources": fake.resources}})

    def run(runner: CommandRunner, *command: str) -> str:
        if not runner.dry_run:
            fake.pulumi(*command)
        return ""

    def follow(log: RunLog, *command: str) -> None:
        run(log.runner, *command)

    def is_open(host: str) -> bool:
        return fake.is_open

    def mask_nothing(_: CommandRunner, _stack: str) -> set[str]:
        return set()

    def no_sleep(_: float) -> None:
        pass

    monkeypatch.delenv("TARGET", raising=False)
    monkeypatch.setattr(CommandRunner, "read", read)
    monkeypatch.setattr(CommandRunner, "change", run)
    monkeypatch.setattr(RunLog, "follow", follow)
    monkeypatch.setattr(sandbox_targets, "aws", fake.client)
    monkeypatch.setattr(secret_masking, "hide", mask_nothing)
    monkeypatch.setattr(endpoint, "accepts", is_open)
    replace_sleep(monkeypatch, no_sleep)
    return fake


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command on prod; return the exit code and the output of both streams."""
    code = teardown.main(["prod", *arguments])
    output = capsys.readouterr()
    return code, output.out + output.err


CONFIRMED = ("--confirm", "prod", "--from", "203.0.113.7")


def test_a_protected_stack_goes_in_order_and_its_dumps_and_snapshot_stay(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = run(capsys, *CONFIRMED)
    assert code == 0, output
    assert stack.commands == [*UNPROTECT, OPEN, *CLUSTER, *LOGS, REST]
    assert [entry["id"] for entry in stack.resources] == ["backups"] * 3
    assert stack.versions == {"pipe-backup": 2, "pipe-backup-logs": 0}
    for line in (
        "KMS key backups: 1.00 USD a month; the dumps cannot be read without it",
        "bucket pipe-backup: cost depends on use; dumps: 2 versions, 2.0 GiB",
        "snapshot pipe-prod-db-final-1: cost depends on use; manual, of 100 GiB",
        "KMS key db: 1.00 USD a month; the snapshots cannot be restored without it",
        "aws logs delete-log-group --log-group-name /aws/eks/pipe-prod/cluster",
        "prod is destroyed; what stays costs 2.00 USD a month, without costs that depend on use (prices.yaml",
    ):
        assert line in output


def test_a_machine_in_the_vpc_opens_no_endpoint(stack: FakeStack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.is_open = True
    assert run(capsys, "--confirm", "prod")[0] == 0
    assert stack.commands == [*UNPROTECT, *CLUSTER, *LOGS, REST]


def test_a_dry_run_shows_the_plan_and_changes_nothing(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [*stack.resources]
    code, output = run(capsys, "--dry-run", "--from", "203.0.113.7")
    assert (code, stack.commands, stack.resources) == (0, [], before)
    for line in (
        "destroys 1 objects in the cluster, then 5 other resources",
        "keeps pipe-backup: 2 versions, 2.0 GiB",
        "would open the endpoint of pipe-prod to 203.0.113.7/32",
        "would run: pulumi destroy --stack prod, target: tls-proxy",
        "would delete the logs in pipe-backup-logs",
        "would run: pulumi destroy --stack prod, exclude: backups",
        "snapshot database-final-1: cost depends on use; the final one, taken by RDS",
    ):
        assert line in output, output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--yes",), "needs a confirmation, and there is no terminal to ask: add --confirm prod"),
        (("--confirm", "stg"), "not confirmed: 'stg' is not prod"),
    ],
)
def test_a_protected_stack_needs_its_name(
    stack: FakeStack, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, output = run(capsys, *arguments)
    assert code == 2 and message in output
    assert stack.commands == []


def test_credentials_of_another_account_are_refused(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.account = "111122223333"
    code, output = run(capsys, *CONFIRMED)
    message = "belong to the account 111122223333, but prod is in 777788889999; assume the role"
    assert code == 2 and message in output and stack.commands == []


def test_dumps_are_deleted_on_demand_but_not_while_they_are_locked(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.lock_days = 30
    code, output = run(capsys, *CONFIRMED, "--delete-dumps")
    assert code == 2 and "Object Lock protects dumps in pipe-backup until " in output
    assert stack.commands == []
    stack.lock_days = 0
    assert run(capsys, *CONFIRMED, "--delete-dumps")[0] == 0
    assert stack.resources == [] and stack.versions == {"pipe-backup": 0, "pipe-backup-logs": 0}


def test_access_logs_that_arrive_meanwhile_are_deleted_too(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.late_logs = 2
    code, output = run(capsys, *CONFIRMED)
    assert code == 0, output
    assert stack.commands[-6:] == [*LOGS, REST, *LOGS, REST]
    assert output.count("logs have arrived meanwhile: trying again") == 2


@pytest.mark.parametrize(
    ("parents", "name", "logs_name"),
    [
        ("pipe:storage:BackupBucket$", "backups-logs", "backups"),
        ("", "backups", "backups-logs"),
        ("pipe:logs:Logs$", "a-logs", "b-logs"),
    ],
)
def test_dumps_stay_whatever_their_bucket_is_called_in_the_program(
    stack: FakeStack, capsys: pytest.CaptureFixture[str], parents: str, name: str, logs_name: str
) -> None:
    stack.resources = dumps(parents, name, logs_name)
    code, output = run(capsys, *CONFIRMED)
    assert code == 0, output
    assert stack.versions == {"pipe-backup": 2, "pipe-backup-logs": 0}
    assert [entry["id"] for entry in stack.resources] == ["backups", name, name]


@pytest.mark.parametrize("start", ["dumps/", "latest.dump"])
def test_a_log_bucket_with_other_objects_is_refused(
    stack: FakeStack, capsys: pytest.CaptureFixture[str], start: str
) -> None:
    """It might be a bucket with dumps whose Object Lock the state lacks."""
    stack.keys["pipe-backup-logs"] = start
    code, output = run(capsys, *CONFIRMED)
    assert code == 2 and f"pipe-backup-logs has objects that are not logs, such as {start}" in output
    assert stack.commands == []


def test_the_keys_that_the_settings_of_a_bucket_name_stay() -> None:
    """A setting names its key by ID, by ARN or by alias, or the state knows only that it depends on it."""
    key, bucket, setting, *_ = dumps("", "backups", "logs")
    key["id"] = "1234"
    alias = resource("aws:kms/alias:Alias", "backups")
    alias["outputs"] = {"name": "alias/pipe-backups", "targetKeyId": "1234"}
    other = resource("aws:kms/key:Key", "other")
    for rules, dependencies in (
        ("1234", ()),
        ("arn:aws:kms:::key/1234", ()),
        ("alias/pipe-backups", ()),
        ({"ciphertext": "v1:"}, [key["urn"]]),
    ):
        settings = setting | {"outputs": {"rules": rules}, "id": "pipe-backup,777788889999"}
        settings["dependencies"] = dependencies
        resources = [key, alias, other, bucket, settings]
        assert plan.dump_urns(resources) == [entry["urn"] for entry in (key, alias, bucket, settings)], rules


def test_the_flow_logs_are_deleted_like_access_logs() -> None:
    """Their bucket has no source whose logging must end: the flow log is destroyed before it."""
    name = "pipe-prod-flow-logs-777788889999-ap-northeast-1"
    urn = f"{START}pipe:network:Network$aws:s3/bucket:Bucket::network-flow-logs"
    bucket = {"type": plan.BUCKETS[0], "urn": urn, "outputs": {"bucket": name, "region": "ap-northeast-1"}}
    assert plan.log_deliveries([bucket]) == [
        LogDelivery(bucket=name, log_bucket=name, region="ap-northeast-1")
    ]


def test_another_failure_ends_the_run_and_the_next_run_continues(
    stack: FakeStack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise stack.failure()

    with monkeypatch.context() as patch:
        patch.setattr(RunLog, "follow", refuse)
        code, output = run(capsys, *CONFIRMED)
    assert code == 1 and "✗ destroy the objects in the cluster" in output
    stack.resources = [entry for entry in stack.resources if not entry["type"].startswith("kubernetes:")]
    for entry in stack.resources:
        entry["protect"] = False
    stack.cluster = ""
    stack.commands.clear()
    code, output = run(capsys, *CONFIRMED)
    assert code == 0, output
    assert stack.commands == [UNPROTECT[1], *LOGS, REST]


def test_a_run_after_the_last_one_only_lists_what_stays(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.resources, stack.cluster = [], ""
    code, output = run(capsys, "--confirm", "prod")
    assert (code, stack.commands) == (0, [])
    assert "snapshot pipe-prod-db-final-1: " in output


def test_guard_duty_s_endpoint_goes_after_the_cluster_and_before_the_vpc(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.guard_duty = ["vpce-1", "sg-1"]
    destroy_cluster = f"{DESTROY} --target-dependents --target={START}aws:eks/cluster:Cluster::cluster"
    code, output = run(capsys, "--dry-run", "--from", "203.0.113.7")
    assert code == 0 and "would delete vpce-1, sg-1" in output and stack.commands == []
    code, output = run(capsys, *CONFIRMED)
    assert code == 0, output
    deletions = ["ec2 delete ['vpce-1']", "ec2 delete sg-1"]
    assert stack.commands == [*UNPROTECT, OPEN, *CLUSTER, destroy_cluster, *deletions, *LOGS, REST]
    assert "deleted: vpce-1, sg-1" in output


def test_a_repeated_run_deletes_the_security_group_that_the_first_left(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    in_cluster = ("kubernetes:", "aws:eks/")
    stack.resources = [entry for entry in stack.resources if not entry["type"].startswith(in_cluster)]
    stack.guard_duty, stack.cluster = ["sg-1"], ""
    code, output = run(capsys, *CONFIRMED)
    assert code == 0, output
    assert stack.commands == [*UNPROTECT[:2], "ec2 delete sg-1", *LOGS, REST]


def test_a_database_that_a_recovery_kept_is_listed_and_must_be_deleted_first(
    stack: FakeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.kept_database = "pipe-prod-db-old-20240301t170000z"
    code, output = run(capsys, "--dry-run", "--from", "203.0.113.7")
    assert code == 0 and f"database {stack.kept_database}: " in output
    assert "db.r7g.large in two zones and 100 GiB; aws rds modify-db-instance " in output
    code, output = run(capsys, *CONFIRMED)
    assert code == 2 and f"cannot be destroyed: {stack.kept_database}\n" in output
    assert f"--final-db-snapshot-identifier {stack.kept_database}-final" in output
    assert stack.commands == []


@pytest.mark.parametrize(
    ("caller", "message"),
    [
        ("home", "--from home: must be an IPv4 address or block, such as 203.0.113.7"),
        ("0.0.0.0/0", "--from 0.0.0.0/0: has more than 256 addresses"),
    ],
)
def test_the_endpoint_is_opened_to_few_addresses_only(
    stack: FakeStack, capsys: pytest.CaptureFixture[str], caller: str, message: str
) -> None:
    code, output = run(capsys, "--confirm", "prod", "--from", caller)
    assert code == 2 and message in output
    assert stack.commands == []
