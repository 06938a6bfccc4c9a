"""Tests of the life of the committed stacks on targets, from the first `up` to the `up` after a `down`."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds import process
from sandbox.progress import name_of, short
from sandbox.summary import WAIVED
from sandbox.wire.kubernetes_api import Api, condition, dig
from sandbox.workspace import state
from tests.support.docs import first_time
from tests.support.sandbox.inventory import (
    REGIONS,
    ResourceIds,
    call,
    client,
    in_own_state,
    in_state,
    in_targets,
    snapshot_keys,
    targets,
    zone_url,
)
from tests.support.sandbox.kubernetes.fixtures import until
from tests.support.sandbox.secret_search import find_places
from tests.support.stacks import ROOT, Stack, copy, shorten_settle_time
from tools.bench.memory import LIMIT_GIB, watch_peak

REAL_TIME = "dev"
"""The stack whose pods count as available after ten seconds, as in the program; otherwise after one."""

NO_POLICIES = "--no-policies"

CONFIG_MAP = "/api/v1/namespaces/pipe/configmaps/pipe-api"
DEPLOYMENT = "/apis/apps/v1/namespaces/pipe/deployments/pipe-api"
AUTOSCALER = "/apis/autoscaling/v2/namespaces/pipe/horizontalpodautoscalers/pipe-api"
PODS = "/api/v1/namespaces/pipe/pods"


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Stack]:
    """Provide a copy of the program with the stack that the test names."""
    copied = copy(tmp_path, request.param, targets="all")
    if copied.name != REAL_TIME:
        shorten_settle_time(copied.root)
    yield copied
    process.stop(copied.sandbox)


def run(stack: Stack, command: str, *flags: str) -> Mapping[str, int]:
    """Run a command, which must succeed; return the number of resources by operation.

    `up` runs without a preview, which would evaluate the program twice.
    """
    flags = (*flags, "--skip-preview") if command == "up" else flags
    code, output = stack.run(command, *flags)
    assert code == 0, output
    return changes(stack)


def changes(stack: Stack) -> Mapping[str, int]:
    """Return the number of resources by operation in the last run."""
    return {
        operation: count for operation, count in stack.summary()["changes"].items() if operation != "same"
    }


def operations(stack: Stack) -> dict[str, str]:
    """Return the operation on each resource in the last run, by the resource's type and name."""
    resources = {
        f"{short(resource['type'])} {name_of(resource['urn'])}": resource["op"]
        for resource in stack.summary()["resources"]
    }
    return {name: operation for name, operation in resources.items() if operation not in UNCHANGED}


UNCHANGED = ("same", "read", "refresh")
"""Operations that do not change a resource."""


def make(stack: Stack, task: str, typed: str = "", name: str = "") -> str:
    """Run a task of the Makefile, which must succeed, and return its output.

    It runs on the stack, or on the stack `name` of the same tree. `typed` is the task's standard input.
    Plugins that are built on this machine take no part.
    """
    command = ["make", "-o", f"{sys.prefix}/.ready", task, f"VENV={sys.prefix}", "PROVIDERS=stand-ins"]
    process = subprocess.run(
        [*command, f"STACK={name or stack.name}", f"FLAGS=--project {stack.root}"],
        cwd=ROOT,
        env=os.environ | {"SHELL": "/bin/sh"},
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


def cluster(stack: Stack) -> Api:
    """Return a client of the stack's control plane."""
    kubeconfig = targets(stack).kubeconfig
    assert kubeconfig
    return Api(kubeconfig)


def unready_pods(stack: Stack) -> list[str]:
    """Return the lines of `kubectl get pods` for pods that are neither ready nor completed."""
    lines = make(stack, "console", "kubectl get pods --namespace pipe --no-headers\n").splitlines()[1:]
    assert len(lines) > 4, lines
    ready = re.compile(r"\S+ +((\d+)/\2 +Running|0/\d+ +Completed) .*")
    return [line for line in lines if not ready.fullmatch(line)]


def ready_images(stack: Stack) -> list[str]:
    """Return the image of each ready pod of the API."""
    pods = cluster(stack).items(PODS, labelSelector="app=pipe-api")
    ready = [pod for pod in pods if condition(pod, "Ready").get("status") == "True"]
    return [pod["spec"]["containers"][0]["image"] for pod in ready]


def backup_bucket(stack: Stack) -> str:
    return stack.setting("backups", "bucket")


# The parts of the life that every stack has

MASTER = "the master password that RDS manages"

OWNERS = {
    # Reading a secret needs its ARN, so no list of the AWS API has the password (see secret_search).
    MASTER: [],
    "pipe:migratePassword": ["Secret pipe-migrate-database"],
    "pipe:appPassword": ["Secret pipe-api-database-"],
    "pipe:backupPassword": ["Secret pipe-backup-database"],
    "pipe:datadogApiKey": ["Secret datadog-api-key"],
    "pipe:syntheticToken": [
        "Cloudflare rulesets pipe: http_request_firewall_custom",
        "Datadog v1/synthetics/tests SiteDown",
    ],
}
"""The places that must contain each secret, as prefixes of the places' names.

The synthetic token is in a header that Datadog sends and Cloudflare expects
(docs/decisions/0011-sandbox-targets.md).
"""


def master_password(stack: Stack) -> str:
    """Return the database's master password, which only Secrets Manager has."""
    [instance] = client(targets(stack), "rds").describe_db_instances()["DBInstances"]
    secret = client(targets(stack), "secretsmanager").get_secret_value(
        SecretId=instance["MasterUserSecret"]["SecretArn"]
    )
    return json.loads(secret["SecretString"])["password"]


def misplaced_secrets(stack: Stack, output: str) -> list[str]:
    """Return the secrets that are not exactly in their places, or that are in files or in `output`."""
    secrets = stack.secrets() | {MASTER: master_password(stack)}
    places = find_places(secrets.values(), targets(stack))
    actual = {key: sorted(places[text]) for key, text in secrets.items()}
    zone_is_owned = stack.setting("edge", "zone", "owned")
    expected = {
        key: [prefix for prefix in prefixes if zone_is_owned or not prefix.startswith("Cloudflare")]
        for key, prefixes in OWNERS.items()
    }
    assert actual.keys() == expected.keys()
    misplaced = [
        f"{key}: {actual[key]}"
        for key, prefixes in expected.items()
        if len(actual[key]) != len(prefixes) or not all(map(str.startswith, actual[key], prefixes))
    ]
    in_output = [key for key, text in secrets.items() if text in output]
    return [*misplaced, *stack.files_with(*secrets.values()), *in_output]


def follows_the_readme(stack: Stack) -> None:
    """Bring the stack up for the first time with the commands of README's section about the first time.

    The section names the operations on the stacks of the account, in their order.
    """
    tasks = {"preview": "preview", "up": "sandbox"}
    steps = [(name, tasks[operation]) for name, operation in first_time.operations()]
    own_steps = [(name, task) for name, task in steps if name in (f"foundation/{stack.name}", stack.name)]
    assert own_steps[0] == (f"foundation/{stack.name}", "sandbox")
    *_, output = [make(stack, task, name=name) for name, task in own_steps]
    assert "foundation/" not in output  # It is up.
    # The terminal has no new line for at most two of the ten seconds.
    waiting = r"… waiting for create of api: \d of \d new pods are created, \d pods are available"
    assert stack.name == REAL_TIME and re.search(waiting, output)
    is_complete(stack, output)
    assert run(stack, "preview", NO_POLICIES) == {}


def comes_up(stack: Stack) -> dict[str, int]:
    """Bring the stack up for the first time, and before it the stack of its account.

    Return the number of resources by operation.
    """
    code, output = stack.run("up", "--skip-preview")
    assert code == 0, output
    assert f"foundation/{stack.name} is up: " in output
    is_complete(stack, output)
    return stack.summary()["changes"]


def is_complete(stack: Stack, output: str) -> None:
    """Check the stack after its first `up`, which printed `output`."""
    first = stack.summary()["changes"]
    assert first.keys() == {"create"} and first["create"] > 150
    assert unready_pods(stack) == []
    assert misplaced_secrets(stack, output) == []
    assert in_targets(targets(stack)) == in_state(stack)


def resources_of(stack: Stack, type_token: str) -> list[dict[str, Any]]:
    """Return the resources of a type in the state."""
    resources = state.read(stack.located, "resources")
    return [resource for resource in resources if resource["type"] == type_token]


def keys_of(stack: Stack) -> ResourceIds:
    """Return the region and the ID of each KMS key in the state."""
    arns = [key["outputs"]["arn"].split(":") for key in resources_of(stack, "aws:kms/key:Key")]
    return {(arn[3], arn[5].removeprefix("key/")) for arn in arns}


def zone_settings(stack: Stack) -> dict[str, Any]:
    """Return the values of the zone settings in the state."""
    resources = resources_of(stack, "cloudflare:index/zoneSetting:ZoneSetting")
    return {setting["outputs"]["settingId"]: setting["outputs"]["value"] for setting in resources}


def check_leftovers(stack: Stack, keys: ResourceIds, settings: Mapping[str, Any]) -> ResourceIds:
    """Check what remains of a destroyed stack (docs/sandbox-details.md); return the key of its last snapshot.

    The remaining objects are the database's snapshots, the instance profile that EKS created for its nodes
    (with the foundation's role), the zone settings, and the other keys, which are scheduled for deletion.
    """
    running = targets(stack)
    [profile] = client(running, "iam").list_instance_profiles()["InstanceProfiles"]
    [role] = profile["Roles"]
    assert role["RoleName"] == f"pipe-{stack.setting('service', 'environment')}-node"
    snapshots = client(running, "rds").describe_db_snapshots()["DBSnapshots"]
    assert sorted(snapshot["SnapshotType"] for snapshot in snapshots) == ["automated", "manual"]
    assert bool(settings) == stack.setting("edge", "zone", "owned")
    for name, value in settings.items():
        assert call(f"{zone_url(running)}/settings/{name}")["result"]["value"] == value, name
    remaining_keys = snapshot_keys(running)
    assert len(remaining_keys) == 1
    waiting: ResourceIds = set()
    for region in REGIONS:
        kms = client(running, "kms", region)
        for page in kms.get_paginator("list_keys").paginate():
            metadata = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in page["Keys"]]
            waiting |= {(region, key["KeyId"]) for key in metadata if key["KeyState"] == "PendingDeletion"}
    assert waiting == {(region, ident) for region, ident in keys if ("Key", ident) not in remaining_keys}
    return remaining_keys


def goes(stack: Stack) -> ResourceIds:
    """Destroy the stack and keep its targets; return the key of its last snapshot, which remains."""
    keys, settings = keys_of(stack), zone_settings(stack)
    assert run(stack, "down", "--yes", "--keep-targets").keys() == {"delete"}
    assert in_own_state(stack) == set()
    remaining_keys = check_leftovers(stack, keys, settings)
    assert in_targets(targets(stack)) == in_state(stack) | remaining_keys
    return remaining_keys


def foundation_goes(stack: Stack, remaining_keys: ResourceIds) -> Stack:
    """Destroy and return the foundation of a destroyed stack; only keys of snapshots remain."""
    foundation = Stack(stack.root, f"foundation/{stack.name}", "all")
    assert run(foundation, "down", "--yes", "--keep-targets").keys() == {"delete"}
    assert in_targets(targets(stack)) == remaining_keys
    return foundation


def goes_and_comes_again(
    stack: Stack, first: Mapping[str, int], record_property: Callable[[str, object], None]
) -> None:
    """Destroy the stack and bring it up again on the same targets, in which some resources remain."""
    remaining_keys = goes(stack)
    foundation = foundation_goes(stack, remaining_keys)
    again = stack.start("up", NO_POLICIES)
    with ThreadPoolExecutor() as pool:
        memory = pool.submit(watch_peak, again, stack.folder)
        output, _ = again.communicate(timeout=300)
    assert again.returncode == 0, output
    assert f"{foundation.name} is up: " in output
    assert stack.summary()["changes"] == first
    assert memory.result() < LIMIT_GIB * 2**30
    gibibytes = memory.result() / 2**30
    record_property("measured", f"{stack.name}: its up takes {gibibytes:.2f} GiB with all targets")
    assert in_targets(targets(stack)) == in_state(stack) | remaining_keys
    assert run(stack, "preview", NO_POLICIES) == {}
    assert misplaced_secrets(stack, output) == []


def follows_its_foundation(stack: Stack) -> None:
    """Change a setting of the foundation and a role by hand: `up` of the foundation repairs both.

    The policies judge all its resources. They did not when it came up, since another stack required it.
    """
    foundation = Stack(stack.root, f"foundation/{stack.name}", "all")
    stack.edit(f"{foundation.file}", "lockDays: 30", "lockDays: 31")
    iam = client(targets(stack), "iam")
    iam.update_role(RoleName=f"pipe-{stack.name}-preview", MaxSessionDuration=3600)
    assert run(foundation, "up").keys() == {"update"}
    violations = [violation["message"] for violation in foundation.summary()["violations"]]
    assert [message for message in violations if not WAIVED.search(message)] == []
    types = {name.partition(" ")[0] for name in operations(foundation)}
    assert {"aws:iam:Role", "aws:s3:BucketObjectLockConfiguration"} <= types
    refuses_to_go(foundation, f"Stacks that require {foundation.name} are up: {stack.name}. ")


# dev: its settings change, and versions fail

CHANGES = {
    "aws:eks:Cluster cluster": "update",
    "kubernetes:apps:Deployment api": "update",
    "kubernetes:autoscaling:HorizontalPodAutoscaler api": "update",
    "kubernetes:batch:Job data-jobs-image": "replace",
    "kubernetes:batch:Job data-jobs-migrate": "replace",  # The new image has its own migrations.
    "kubernetes:batch:Job data-jobs-roles": "replace",  # It runs before each migration.
    "datadog:index:DashboardJson monitoring": "update",
    "datadog:index:Monitor HighCpu": "update",
}
"""Operations after changes to the replicas, the image, a threshold and the cluster's endpoint."""

CLIENTS = ["8.8.8.8/32"]


def follows_its_settings(stack: Stack) -> None:
    """Change settings for each cloud, and check that the preview, the run and the targets agree."""
    stack.change("api", "replicas", "min", value=4)
    stack.change("api", "image", value=stack.setting("api", "image").replace("@sha256:05", "@sha256:06"))
    stack.change("monitoring", "thresholds", "cpuPercent", "warning", value=75)
    stack.change("cluster", "endpoint", value={"public": True, "allowedCidrs": CLIENTS})
    assert run(stack, "preview", NO_POLICIES) == Counter(CHANGES.values())
    assert operations(stack) == CHANGES
    run(stack, "up", NO_POLICIES)
    assert operations(stack) == CHANGES
    # The autoscaler then changes the replicas; everything else is as in the state.
    until(lambda: dig(cluster(stack).get(DEPLOYMENT), "status", "availableReplicas") == 4)
    run(stack, "refresh")
    assert operations(stack).keys() <= {"kubernetes:apps:Deployment api"}
    assert set(ready_images(stack)) == {stack.setting("api", "image")}
    assert cluster(stack).call("GET", AUTOSCALER)["spec"]["minReplicas"] == 4
    [monitor] = [
        monitor
        for monitor in call(f"{targets(stack).datadog}/api/v1/monitor")
        if monitor["name"].startswith("HighCpu")
    ]
    assert monitor["options"]["thresholds"]["warning"] == 75
    eks = client(targets(stack), "eks")
    [name] = eks.list_clusters()["clusters"]
    assert eks.describe_cluster(name=name)["cluster"]["resourcesVpcConfig"]["publicAccessCidrs"] == CLIENTS
    assert in_targets(targets(stack)) == in_state(stack)


def fails_with_a_missing_image(stack: Stack) -> None:
    """Deploy an image that does not exist: `up` fails in time with the reason, and the old pods remain."""
    good = stack.setting("api", "image")
    bad = f"{good.partition('@')[0]}@sha256:{'0' * 64}"
    stack.change("api", "image", value=bad)
    stack.change("api", "startDeadlineSeconds", value=60)
    code, output = stack.run("up", NO_POLICIES, "--skip-preview")
    assert code == 1 and "error: data-jobs-image: " in output, output
    assert f'start: ImagePullBackOff: Back-off pulling image "{bad}": not found' in output
    assert len(ready_images(stack)) >= stack.setting("api", "replicas", "min")
    assert set(ready_images(stack)) == {good}
    stack.change("api", "image", value=good)
    stack.change("api", "startDeadlineSeconds", value=300)


def fails_with_pods_that_never_become_ready(stack: Stack) -> None:
    """Deploy pods that never become ready: `up` fails with the reason, and all old pods remain."""
    good = stack.setting("api", "image")
    stack.change("api", "image", value=good.replace("/api@", "/api-unready@"))
    stack.change("api", "migrate", value=False)  # Only the pods fail.
    code, output = stack.run("up", NO_POLICIES, "--skip-preview")
    assert code == 1 and "error: api: " in output, output
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in output
    assert ready_images(stack) == [good] * stack.setting("api", "replicas", "min")
    stack.change("api", "image", value=good)
    stack.change("api", "migrate", value=True)


def recovers_from_failing_versions(stack: Stack) -> None:
    """Let two versions in a row fail: the `up` of the good version then succeeds."""
    good = stack.setting("api", "image")
    fails_with_a_missing_image(stack)
    fails_with_pods_that_never_become_ready(stack)
    run(stack, "up", NO_POLICIES)
    assert unready_pods(stack) == []
    assert set(ready_images(stack)) == {good}


def previews_a_replaced_bucket(stack: Stack) -> None:
    """Preview a renamed backup bucket, and then revert the change."""
    before, bucket = in_targets(targets(stack)), backup_bucket(stack)
    stack.change("backups", "bucket", value="pipe-backup-elsewhere")
    assert run(stack, "preview", NO_POLICIES)["replace"] > 1
    assert operations(stack)["aws:s3:Bucket backups"] == "replace"
    assert in_targets(targets(stack)) == before
    stack.change("backups", "bucket", value=bucket)


@pytest.mark.parametrize("stack", ["dev"], indirect=True)
def test_dev_follows_its_settings_and_recovers_from_failing_versions(stack: Stack) -> None:
    follows_the_readme(stack)
    follows_its_foundation(stack)
    follows_its_settings(stack)
    recovers_from_failing_versions(stack)
    previews_a_replaced_bucket(stack)
    goes(stack)


# stg: resources are changed manually, and a resource is renamed

BY_HAND = {
    "kubernetes:core:ConfigMap api": "update",
    "aws:s3:BucketPublicAccessBlock backups": "update",
    "cloudflare:index:DnsRecord edge-frontend": "update",
    "datadog:index:Monitor HighErrorRate": "update",
    "datadog:index:Monitor HighCpu": "delete",
}
"""Operations of a refresh after `change_by_hand`."""


def change_by_hand(stack: Stack) -> None:
    """Change a resource in each cloud and delete one without Pulumi, as in the clouds' consoles."""
    running = targets(stack)
    patch = {"data": {"LOG_LEVEL": "by hand"}}
    cluster(stack).call("PATCH", CONFIG_MAP, patch, "application/merge-patch+json")
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    client(running, "s3").put_public_access_block(
        Bucket=backup_bucket(stack), PublicAccessBlockConfiguration=blocked | {"BlockPublicPolicy": False}
    )
    records = f"{zone_url(running)}/dns_records"
    host = stack.setting("edge", "frontendHost")
    [record] = [record for record in call(f"{records}?type=CNAME")["result"] if record["name"] == host]
    fields = ("name", "type", "ttl", "proxied", "comment")
    unchanged = {name: record[name] for name in fields if name in record}
    call(f"{records}/{record['id']}", "PUT", unchanged | {"content": "cname.example.com"})
    monitors = f"{running.datadog}/api/v1/monitor"
    ids = {monitor["name"].partition(" ")[0]: monitor["id"] for monitor in call(monitors)}
    call(f"{monitors}/{ids['HighErrorRate']}", "PUT", {"message": "by hand"})
    call(f"{monitors}/{ids['HighCpu']}", "DELETE")


def repairs_changes_by_hand(stack: Stack) -> None:
    """Change resources manually: a refresh finds every change, and `up` reverts the changes."""
    change_by_hand(stack)
    assert run(stack, "refresh") == Counter(BY_HAND.values())
    assert operations(stack) == BY_HAND
    repairs = {name: "create" if operation == "delete" else operation for name, operation in BY_HAND.items()}
    assert run(stack, "up", NO_POLICIES) == Counter(repairs.values())
    assert operations(stack) == repairs
    assert run(stack, "refresh") == {}


def keeps_a_resource_with_an_alias(stack: Stack) -> None:
    """Rename a resource in the program and add an alias: nothing changes."""
    before = in_targets(targets(stack))
    module = "components/aws/security_groups.py"
    stack.edit(
        module,
        'f"{name}-database",\n            name=naming.name("database"),',
        'f"{name}-postgres",\n            name=naming.name("database"),',
    )
    stack.edit(
        module,
        'tags=naming.aws("database"),\n            opts=child,',
        'tags=naming.aws("database"),\n            opts=pulumi.ResourceOptions.merge('
        'child, pulumi.ResourceOptions(aliases=[pulumi.Alias(name=f"{name}-database")])),',
    )
    assert run(stack, "up", NO_POLICIES) == {}
    assert in_targets(targets(stack)) == before


@pytest.mark.parametrize("stack", ["stg"], indirect=True)
def test_stg_repairs_changes_by_hand_and_keeps_a_renamed_resource(stack: Stack) -> None:
    comes_up(stack)
    follows_its_foundation(stack)
    repairs_changes_by_hand(stack)
    keeps_a_resource_with_an_alias(stack)
    remaining_keys = goes(stack)
    foundation_goes(stack, remaining_keys)


# prod: the stack is protected


def refuses_to_replace_its_bucket(stack: Stack) -> None:
    """Rename the protected backup bucket: `up` ends after its preview."""
    before, bucket = in_targets(targets(stack)), backup_bucket(stack)
    stack.change("backups", "bucket", value="pipe-backup-elsewhere")
    code, output = stack.run("up", NO_POLICIES)
    assert code == 1 and "marked for protection" in output and "Nothing was applied." in output, output
    assert in_targets(targets(stack)) == before
    stack.change("backups", "bucket", value=bucket)


def refuses_to_go(stack: Stack, reason: str) -> None:
    """Run `down` on a protected stack without a confirmation: the refusal names protection and `reason`."""
    before = in_targets(targets(stack))
    code, output = stack.run("down")
    assert code == 2 and f"{stack.name} is protected: " in output and reason in output, output
    assert in_targets(targets(stack)) == before


@pytest.mark.parametrize("stack", ["prod"], indirect=True)
def test_prod_refuses_to_lose_data_and_goes_after_a_confirmation(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    assert stack.setting("service", "protect") is True
    first = comes_up(stack)
    follows_its_foundation(stack)
    refuses_to_replace_its_bucket(stack)
    refuses_to_go(stack, "database")
    goes_and_comes_again(stack, first, record_property)
    assert stack.setting("service", "protect") is True


@pytest.mark.parametrize("stack", ["foundation/shared"], indirect=True)
def test_the_foundation_of_the_shared_account_is_repaired_and_goes_after_a_confirmation(stack: Stack) -> None:
    first = run(stack, "up")
    assert first.keys() == {"create"} and first["create"] > 60
    assert in_targets(targets(stack)) == in_state(stack)
    client(targets(stack), "iam").update_role(RoleName="pipe-build", MaxSessionDuration=7200)
    assert run(stack, "refresh") == {"update": 1}
    stack.edit(str(stack.file), "lockDays: 30", "lockDays: 31")
    assert run(stack, "up", NO_POLICIES).keys() == {"update"}
    changed = operations(stack).keys()
    assert {"aws:iam:Role build", "aws:s3:BucketObjectLockConfiguration state-bucket"} <= changed
    refuses_to_go(stack, "")
    assert run(stack, "down", "--yes", "--keep-targets").keys() == {"delete"}
    assert in_targets(targets(stack)) == in_state(stack) == set()
    assert run(stack, "up", NO_POLICIES) == first
    assert in_targets(targets(stack)) == in_state(stack)
