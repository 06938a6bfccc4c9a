"""The life of the committed stacks on real targets, from the first up to the second."""

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

from sandbox import workspace
from sandbox.clouds import process
from sandbox.clouds.kubernetes.api import Api, condition, dig
from sandbox.progress import name_of, short
from tests.support.sandbox.inventory import (
    REGIONS,
    Held,
    call,
    client,
    in_state,
    in_targets,
    kept,
    targets,
    zone,
)
from tests.support.sandbox.kubernetes.fixtures import until
from tests.support.sandbox.secret_search import find_places
from tests.support.stacks import ROOT, Stack, copy
from tools.bench.memory import LIMIT_GIB, watched

STACKS = ("dev", "stg", "prod")
QUICK = "--no-policies"


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Stack]:
    made = copy(tmp_path, request.param, targets="all")
    yield made
    process.stop(made.folder)


def run(stack: Stack, command: str, *flags: str) -> Mapping[str, int]:
    """A run that has to end well; how many resources it did what to."""
    code, said = stack.run(command, *flags)
    assert code == 0, said
    return {op: count for op, count in stack.summary()["changes"].items() if op != "same"}


def touched(stack: Stack) -> dict[str, str]:
    """What the last run did: type and name, and the operation."""
    found = {
        f"{short(each['type'])} {name_of(each['urn'])}": each["op"] for each in stack.summary()["resources"]
    }
    return {name: op for name, op in found.items() if op not in ("same", "read", "refresh")}


def meddle(stack: Stack) -> dict[str, str]:
    """Somebody changes a thing in each cloud by hand, and deletes one; what a refresh finds."""
    found = targets(stack)
    assert found.kubeconfig
    settings = "/api/v1/namespaces/pipe/configmaps/pipe-api"
    by_hand = {"data": {"LOG_LEVEL": "by hand"}}
    Api(found.kubeconfig).call("PATCH", settings, by_hand, "application/merge-patch+json")
    opened = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    client(found, "s3").put_public_access_block(
        Bucket=backups(stack), PublicAccessBlockConfiguration=opened | {"BlockPublicPolicy": False}
    )
    records = f"{zone(found)}/dns_records"
    host = stack.setting("edge", "frontendHost")
    [record] = [each for each in call(f"{records}?type=CNAME")["result"] if each["name"] == host]
    same = {name: record[name] for name in ("name", "type", "ttl", "proxied", "comment") if name in record}
    call(f"{records}/{record['id']}", "PUT", same | {"content": "cname.example.com"})
    monitors = f"{found.datadog}/api/v1/monitor"
    named = {each["name"].partition(" ")[0]: each["id"] for each in call(monitors)}
    call(f"{monitors}/{named['HighErrorRate']}", "PUT", {"message": "by hand"})
    call(f"{monitors}/{named['HighCpu']}", "DELETE")
    return {
        "kubernetes:core:ConfigMap api": "update",
        "aws:s3:BucketPublicAccessBlock backups": "update",
        "cloudflare:index:DnsRecord edge-frontend": "update",
        "datadog:index:Monitor HighErrorRate": "update",
        "datadog:index:Monitor HighCpu": "delete",
    }


CHANGED = {
    "aws:eks:Cluster cluster": "update",
    "kubernetes:apps:Deployment api": "update",
    "kubernetes:autoscaling:HorizontalPodAutoscaler api": "update",
    "kubernetes:batch:Job data-jobs-image": "replace",
    "kubernetes:batch:Job data-jobs-migrate": "replace",  # the new image's migrations
    "datadog:index:DashboardJson monitoring": "update",
    "datadog:index:Monitor HighCpu": "update",
}
"""What the changed settings of the test change."""


def changed_in_targets(stack: Stack) -> tuple[int, float, list[str]]:
    """What the targets themselves say of these: replicas, a threshold, who may call EKS."""
    found = targets(stack)
    assert found.kubeconfig
    scaler = "/apis/autoscaling/v2/namespaces/pipe/horizontalpodautoscalers/pipe-api"
    monitors = call(f"{found.datadog}/api/v1/monitor")
    [monitor] = [each for each in monitors if each["name"].startswith("HighCpu")]
    eks = client(found, "eks")
    [name] = eks.list_clusters()["clusters"]
    return (
        Api(found.kubeconfig).call("GET", scaler)["spec"]["minReplicas"],
        monitor["options"]["thresholds"]["warning"],
        eks.describe_cluster(name=name)["cluster"]["resourcesVpcConfig"]["publicAccessCidrs"],
    )


def backups(stack: Stack) -> str:
    """The name of the backup bucket."""
    return stack.setting("backups", "bucket")


def renamed_with_an_alias(stack: Stack) -> None:
    stack.edit(
        "components/aws/security_groups.py",
        'f"{name}-database",\n            name=naming.name("database"),',
        'f"{name}-postgres",\n            name=naming.name("database"),',
    )
    stack.edit(
        "components/aws/security_groups.py",
        'tags=naming.aws("database"),\n            opts=child,',
        'tags=naming.aws("database"),\n            opts=pulumi.ResourceOptions.merge('
        'child, pulumi.ResourceOptions(aliases=[pulumi.Alias(name=f"{name}-database")])),',
    )


def make(stack: Stack, task: str, typed: str = "") -> str:
    """A task of the Makefile, as a person runs it on this stack; what it says."""
    words = ["make", "-o", f"{sys.prefix}/.ready", task, f"VENV={sys.prefix}"]
    done = subprocess.run(
        [*words, f"STACK={stack.name}", f"FLAGS=--project {stack.root}"],
        cwd=ROOT,
        env=os.environ | {"SHELL": "/bin/sh"},
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def unready(stack: Stack) -> list[str]:
    """Pods that kubectl neither shows as ready nor as done with their work."""
    shown = make(stack, "console", "kubectl get pods --namespace pipe --no-headers\n").splitlines()[1:]
    assert len(shown) > 4, shown
    ready = re.compile(r"\S+ +((\d+)/\2 +Running|0/\d+ +Completed) .*")
    return [line for line in shown if not ready.fullmatch(line)]


def recovers_from_a_bad_image(stack: Stack) -> None:
    """An image that is not there fails in time, up says why, and the pods stay; a good one is fine."""
    good = stack.setting("api", "image")
    bad = f"{good.partition('@')[0]}@sha256:{'0' * 64}"
    stack.change("api", "image", value=bad)
    stack.change("api", "startDeadlineSeconds", value=60)
    code, said = stack.run("up", QUICK)
    assert code == 1 and "error: data-jobs-image: " in said, said
    assert f'start: ImagePullBackOff: Back-off pulling image "{bad}": not found' in said
    assert len(serving(stack)) >= stack.setting("api", "replicas", "min")
    assert set(serving(stack)) == {good}
    stack.change("api", "image", value=good)
    stack.change("api", "startDeadlineSeconds", value=300)
    run(stack, "up", QUICK)
    assert unready(stack) == []


def recovers_from_pods_that_never_become_ready(stack: Stack) -> None:
    """Up fails and says why; the old pods serve on, all of them; the next good image is fine."""
    good = stack.setting("api", "image")
    stack.change("api", "image", value=good.replace("/api@", "/api-unready@"))
    stack.change("api", "migrate", value=False)  # what fails is the pods alone
    code, said = stack.run("up", QUICK)
    assert code == 1 and "error: api: " in said, said
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in said
    assert serving(stack) == [good] * stack.setting("api", "replicas", "min")
    stack.change("api", "image", value=good)
    stack.change("api", "migrate", value=True)
    run(stack, "up", QUICK)
    assert unready(stack) == []
    assert set(serving(stack)) == {good}


def serving(stack: Stack) -> list[str]:
    """The images of the API's pods that are ready."""
    kubeconfig = targets(stack).kubeconfig
    assert kubeconfig
    pods = Api(kubeconfig).items("/api/v1/namespaces/pipe/pods", labelSelector="app=pipe-api")
    ready = [pod for pod in pods if condition(pod, "Ready").get("status") == "True"]
    return [pod["spec"]["containers"][0]["image"] for pod in ready]


def available(stack: Stack) -> int:
    """How many of the API's pods have been ready for long enough."""
    kubeconfig = targets(stack).kubeconfig
    assert kubeconfig
    deployment = Api(kubeconfig).get("/apis/apps/v1/namespaces/pipe/deployments/pipe-api")
    return dig(deployment, "status", "availableReplicas")


BELONGS = {
    "pipe:databasePassword": ["Secret pipe-migrate-roles"],
    "pipe:migratePassword": ["Secret pipe-migrate-database"],
    "pipe:appPassword": ["Secret pipe-api-database-"],
    "pipe:backupPassword": ["Secret pipe-backup-database"],
    "pipe:datadogApiKey": ["Secret datadog-api-key"],
    "pipe:syntheticToken": [
        "Cloudflare rulesets pipe: http_request_firewall_custom",
        "Datadog v1/synthetics/tests SiteDown",
    ],
}
"""Where each secret is, by how the places' names begin. RDS tells nobody its password. The last one is in a
header that Datadog sends and Cloudflare looks for (docs/decisions/0011-sandbox-targets.md)."""


def misplaced(stack: Stack, said: str) -> list[str]:
    """Secrets that are where they do not belong, or not where they do."""
    secrets = stack.secrets()
    places = find_places(secrets.values(), targets(stack))
    found = {key: sorted(places[text]) for key, text in secrets.items()}
    owned = stack.setting("edge", "zone", "owned")
    wanted = {
        key: [name for name in names if owned or not name.startswith("Cloudflare")]
        for key, names in BELONGS.items()
    }
    wrong = [
        f"{key}: {found.get(key)}"
        for key in found.keys() | wanted.keys()
        if len(found.get(key, ())) != len(wanted.get(key, ()))
        or not all(map(str.startswith, found[key], wanted[key]))
    ]
    texts = secrets.values()
    return [
        *wrong,
        *stack.files_with(*texts),
        *(["the terminal"] if any(one in said for one in texts) else []),
    ]


def resources_of(stack: Stack, kind: str) -> list[dict[str, Any]]:
    """The resources of a type in the state."""
    resources = workspace.state(workspace.find_stack(stack.root, stack.name), "resources")
    return [each for each in resources if each["type"] == kind]


def keys_of(stack: Stack) -> Held:
    """The region and the id of each KMS key in the state."""
    arns = [each["outputs"]["arn"].split(":") for each in resources_of(stack, "aws:kms/key:Key")]
    return {(arn[3], arn[5].removeprefix("key/")) for arn in arns}


def zone_settings(stack: Stack) -> dict[str, Any]:
    """The settings of the zone in the state."""
    found = [each["outputs"] for each in resources_of(stack, "cloudflare:index/zoneSetting:ZoneSetting")]
    return {each["settingId"]: each["value"] for each in found}


def kept_by_clouds(stack: Stack, keys: Held, settings: Mapping[str, Any]) -> Held:
    """What stays of a destroyed stack, as in the clouds (docs/sandbox.md): its last snapshot's key.

    The rest is not among what targets hold, so it is looked at here: the database's snapshots, the profile
    that EKS made for its nodes, with nobody in it, the zone's settings, and the other keys, which wait for
    their deletion.
    """
    found = targets(stack)
    [profile] = client(found, "iam").list_instance_profiles()["InstanceProfiles"]
    assert profile["Roles"] == []
    snapshots = client(found, "rds").describe_db_snapshots()["DBSnapshots"]
    assert sorted(one["SnapshotType"] for one in snapshots) == ["automated", "manual"]
    assert bool(settings) == stack.setting("edge", "zone", "owned")
    for name, value in settings.items():
        assert call(f"{zone(found)}/settings/{name}")["result"]["value"] == value, name
    last = kept(found)
    assert len(last) == 1
    waiting: Held = set()
    for region in REGIONS:
        kms = client(found, "kms", region)
        for page in kms.get_paginator("list_keys").paginate():
            about = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in page["Keys"]]
            waiting |= {(region, one["KeyId"]) for one in about if one["KeyState"] == "PendingDeletion"}
    assert waiting == {(region, ident) for region, ident in keys if ("Key", ident) not in last}
    return last


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_a_stack_lives_through_everything_and_leaves_what_clouds_keep(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    protected = stack.setting("service", "protect")
    said = make(stack, "sandbox")
    made = dict(stack.summary()["changes"])
    assert (unready(stack), misplaced(stack, said)) == ([], [])
    # Its pods count after ten seconds, and the terminal is silent for no more than two.
    assert re.search(r"… waiting for create of api: \d of \d new pods are made, \d pods are available", said)
    assert set(made) == {"create"} and made["create"] > 150
    everything = in_targets(targets(stack))
    assert everything == in_state(stack)
    assert run(stack, "preview", QUICK) == {}

    by_hand = meddle(stack)
    assert run(stack, "refresh") == Counter(by_hand.values())
    assert touched(stack) == by_hand
    repaired = {name: "create" if op == "delete" else op for name, op in by_hand.items()}
    assert run(stack, "up", QUICK) == Counter(repaired.values())
    assert touched(stack) == repaired
    assert run(stack, "refresh") == {}

    stack.change("api", "replicas", "min", value=4)
    stack.change("api", "image", value=stack.setting("api", "image").replace("@sha256:05", "@sha256:06"))
    stack.change("monitoring", "thresholds", "cpuPercent", "warning", value=75)
    stack.change("cluster", "endpoint", value={"public": True, "allowedCidrs": ["8.8.8.8/32"]})
    assert run(stack, "preview", QUICK) == Counter(CHANGED.values())
    assert touched(stack) == CHANGED
    run(stack, "up", QUICK)
    assert touched(stack) == CHANGED
    # What the targets have is what the state says, but for what the autoscaler does by itself.
    until(lambda: available(stack) == 4)
    run(stack, "refresh")
    assert set(touched(stack)) <= {"kubernetes:apps:Deployment api"}
    assert set(serving(stack)) == {stack.setting("api", "image")}
    assert changed_in_targets(stack) == (4, 75, ["8.8.8.8/32"])
    assert in_targets(targets(stack)) == in_state(stack)

    if stack.name == "dev":
        recovers_from_a_bad_image(stack)
        recovers_from_pods_that_never_become_ready(stack)

    before, bucket = in_targets(targets(stack)), backups(stack)
    stack.change("backups", "bucket", value="pipe-backup-elsewhere")
    code, said = stack.run("up" if protected else "preview", QUICK)  # an up previews first, and ends there
    if protected:
        assert code == 1 and "marked for protection" in said and "Nothing was applied." in said, said
    else:
        assert code == 0 and stack.summary()["changes"]["replace"] > 1, said
        assert touched(stack)["aws:s3:Bucket backups"] == "replace"
    assert in_targets(targets(stack)) == before
    stack.change("backups", "bucket", value=bucket)

    renamed_with_an_alias(stack)
    assert run(stack, "preview", QUICK) == run(stack, "up", QUICK) == {}
    assert in_targets(targets(stack)) == before

    if protected:
        code, said = stack.run("down")
        assert code == 2 and f"{stack.name} is protected: " in said, said
        assert "database" in said and in_targets(targets(stack)) == before
    keys, settings = keys_of(stack), zone_settings(stack)
    assert set(run(stack, "down", "--yes", "--keep-targets")) == {"delete"}
    assert stack.setting("service", "protect") == protected
    assert in_state(stack) == set()
    last = kept_by_clouds(stack, keys, settings)
    assert in_targets(targets(stack)) == last

    again = stack.start("up", QUICK)
    with ThreadPoolExecutor() as pool:
        most = pool.submit(watched, again, stack.folder)
        said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert stack.summary()["changes"] == made
    assert most.result() < LIMIT_GIB * 2**30
    record_property(
        "measured", f"{stack.name}: its up takes {most.result() / 2**30:.2f} GiB with all targets"
    )
    assert in_targets(targets(stack)) == in_state(stack) | last
    assert run(stack, "preview", QUICK) == {}
    assert misplaced(stack, said) == []


@pytest.mark.parametrize("stack", ["foundation"], indirect=True)
def test_the_foundation_comes_up_is_repaired_and_goes_for_who_insists(stack: Stack) -> None:
    made = run(stack, "up")
    assert set(made) == {"create"} and made["create"] > 80
    everything = in_targets(targets(stack))
    assert everything == in_state(stack)
    assert run(stack, "preview", QUICK) == {}
    client(targets(stack), "iam").update_role(RoleName="pipe-preview", MaxSessionDuration=3600)
    assert run(stack, "refresh") == run(stack, "up", QUICK) == {"update": 1}
    code, said = stack.run("down")
    assert code == 2 and "foundation is protected: " in said, said
    assert in_targets(targets(stack)) == everything
    assert set(run(stack, "down", "--yes", "--keep-targets")) == {"delete"}
    assert in_targets(targets(stack)) == in_state(stack) == set()
    assert run(stack, "up", QUICK) == made
    assert in_targets(targets(stack)) == in_state(stack)
