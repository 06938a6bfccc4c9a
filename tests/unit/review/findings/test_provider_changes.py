"""Tests of providers with another plugin, and of settings of providers whose effect is unknown."""

import json
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from review.findings.provider_changes import (
    find_foreign_places,
    find_new_addresses,
    find_new_logins,
    find_new_output_login,
    find_new_versions,
    find_unexplained,
)
from review.project_selection import Accounts
from review.stacks.engine_run import EngineRun, Step, read
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from tests.support.review.stacks import KEY, resource, set_outputs, stack, urn
from tests.support.rows import each_row

PROVIDER, ADDRESS = "pulumi:providers:aws", "https://plugins.example"
PLAIN, OLD_FORM = {"region": "x"}, {"pluginDownloadURL": ADDRESS}
INTERNAL = {"__internal": OLD_FORM}


def messages(old: dict[str, Any] | None, new: dict[str, Any] | None, kind: str = PROVIDER) -> list[str]:
    """Return the messages about a provider with these inputs in base and head."""
    before, after = (inputs if inputs is None else resource(kind, "east", inputs) for inputs in (old, new))
    findings = [finding for _, finding in find_new_addresses(stack(Step("update", before, after)))]
    assert all(finding.blocks and finding.name == "east" for finding in findings)
    return [finding.message for finding in findings]


def test_a_new_address_of_a_plugin_blocks() -> None:
    package = f"pluginDownloadURL is {ADDRESS}; before: that of the package"
    for old in (None, PLAIN):
        for new in (OLD_FORM, INTERNAL):
            assert messages(old, new) == [package]
    other = {"__internal": {"pluginDownloadURL": "https://other.example"}}
    assert messages(other, INTERNAL) == [f"pluginDownloadURL is {ADDRESS}; before: https://other.example"]


def test_an_old_or_removed_address_is_no_finding() -> None:
    assert messages(INTERNAL, INTERNAL) == messages(OLD_FORM, INTERNAL) == messages(INTERNAL, PLAIN) == []
    assert messages(INTERNAL, None) == messages(None, PLAIN) == []
    assert messages(None, OLD_FORM, KEY) == []
    default = Step(
        "same", resource(PROVIDER, "default_1", INTERNAL), resource(PROVIDER, "default_1", INTERNAL)
    )
    newer = Step("create", None, resource(PROVIDER, "default_2", INTERNAL))
    assert [*find_new_addresses(stack(default, newer))] == []


def test_an_address_that_is_secret_counts_with_its_value() -> None:
    before, after = resource(PROVIDER, "east", OLD_FORM), resource(PROVIDER, "east", OLD_FORM)
    before.inputs = after.inputs = {"pluginDownloadURL": "[secret]"}
    assert [*find_new_addresses(stack(Step("update", before, after)))] == []
    after.values = {"pluginDownloadURL": "https://other.example"}
    [(_, finding)] = find_new_addresses(stack(Step("update", before, after)))
    assert finding.message == "pluginDownloadURL is [secret]; before: [secret]"


def test_every_address_blocks_if_the_base_does_not_evaluate() -> None:
    provider = resource(PROVIDER, "east", INTERNAL)
    base = EngineRun(Path())
    base.phase.errors.append("it fails")
    head = EngineRun(Path(), {provider.urn: Step("same", provider, provider)})
    [(_, finding)] = find_new_addresses(Stack("dev", head, base))
    assert finding.blocks


INSTALLED = metadata.version("pulumi_aws")


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        (None, "4.0.0", 1),
        (INSTALLED, "4.0.0", 1),
        ("4.0.0", "4.0.0", 0),
        ("4.0.0", INSTALLED, 0),
        (None, INSTALLED, 0),
        (None, None, 0),
    ],
)
def test_a_plugin_of_another_version_than_the_package_blocks(
    old: str | None, new: str | None, count: int
) -> None:
    steps = [
        Step(op, before, after)
        for op, before, after in (
            ("delete", resource(PROVIDER, "default_1", {"version": old}) if old else None, None),
            ("create", None, resource(PROVIDER, "default_2", {"version": new} if new else {})),
        )
        if before or after
    ]
    reviewed = stack(*steps)
    assert [*find_new_versions(reviewed)] == []
    reviewed.predicted = True
    findings = [finding for _, finding in find_new_versions(reviewed)]
    assert [finding.blocks for finding in findings] == [True] * count
    assert all(f"version is 4.0.0, and the program's package has {INSTALLED}" in f.message for f in findings)


def test_a_setting_whose_effect_is_unknown_blocks(tmp_path: Path) -> None:
    provider = resource("pulumi:providers:aws", "east")
    file = tmp_path / "lookups.jsonl"
    file.write_text(json.dumps({"provider": provider.urn, "unexplained": ["profile", "endpoints"]}))
    head = EngineRun(Path(), {provider.urn: Step("update", provider, provider)}).add(read(file))
    [(urn, finding)] = find_unexplained(Stack("dev", head))
    assert (urn, finding.name, finding.policy) == (provider.urn, "east", "provider-setting-changed")
    assert finding.blocks and finding.message.startswith("endpoints, profile: ")


def test_changed_tags_of_a_provider_are_a_finding_of_their_own() -> None:
    provider = resource("pulumi:providers:aws", "east")
    head = EngineRun(Path(), {provider.urn: Step("update", provider, provider)})
    head.unexplained[provider.urn] = {"ignoreTags", "profile", "defaultTags"}
    findings = [finding for _, finding in find_unexplained(Stack("dev", head))]
    assert [finding.blocks for finding in findings] == [True, True]
    assert findings[0].message.startswith("profile: ")
    assert findings[1].message.startswith("defaultTags, ignoreTags: this change may update the tags of all")


def test_the_plugin_of_a_provider_has_findings_of_its_own() -> None:
    settings: dict[str, Any] = {
        "__internal": {"pluginDownloadURL": "https://a.example", "pluginChecksums": {}}
    }
    assert settings_changed(resource(PROVIDER, "it"), resource(PROVIDER, "it", settings), "update") == []


def test_a_stack_without_such_settings_has_no_finding() -> None:
    assert [*find_unexplained(Stack("dev", EngineRun(Path())))] == [*find_unexplained(Stack("dev"))] == []


CLUSTER = "pulumi:providers:kubernetes"
LOGIN = {"exec": {"command": "aws"}}


def kubeconfig(server: str = "own", user: Mapping[str, Any] = LOGIN) -> dict[str, str]:
    """Return the settings of a provider of Kubernetes with this server and this user."""
    parts = {
        "clusters": [{"name": "c", "cluster": {"server": f"https://{server}.example"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    return {"kubeconfig": json.dumps({"current-context": "x", **parts})}


def settings_changed(old: Resource, new: Resource, op: str, **state: Any) -> list[tuple[str, str]]:
    """Return the findings about a replaced provider with a resource that has this operation."""
    before, after = (resource(KEY, "it", provider=f"{side.urn}::1", **state) for side in (old, new))
    steps = Step("replace", old, new), Step(op, before, after)
    assert not [*find_unexplained(stack(*steps))]  # A real preview has secrets that nobody knows.
    reviewed = stack(*steps)
    reviewed.predicted = True
    findings = [finding for _, finding in find_unexplained(reviewed)]
    assert all(finding.blocks and finding.policy == "provider-setting-changed" for finding in findings)
    return [(finding.name, finding.message.partition(":")[0]) for finding in findings]


@pytest.mark.parametrize(
    ("kind", "old", "new", "name"),
    [
        (PROVIDER, {"region": "a"}, {"region": "b"}, "region"),
        (CLUSTER, kubeconfig(), kubeconfig("other"), "kubeconfig"),
    ],
)
def test_a_provider_that_leads_to_another_place_blocks_if_the_engine_keeps_its_resources(
    kind: str, old: dict[str, Any], new: dict[str, Any], name: str
) -> None:
    before, after = resource(kind, "old", old), resource(kind, "new", new)
    assert settings_changed(before, after, "update") == [("new", name)]
    assert settings_changed(before, after, "replace") == []
    assert settings_changed(before, after, "read", external=True) == []
    assert settings_changed(before, resource(kind, "new", old), "update") == []


@pytest.mark.parametrize(
    ("kind", "old", "new", "name"),
    [
        (PROVIDER, {"allowedAccountIds": "1"}, {"allowedAccountIds": "2"}, "allowedAccountIds"),
        (
            PROVIDER,
            {},
            {"__internal": {"envVarMappings": {"OTHER": "AWS_PROFILE"}}},
            "__internal.envVarMappings",
        ),
        (
            PROVIDER,
            {"profile": "a"},
            {"profile": "b", "__internal": {"profile": "a"}},
            "__internal.profile, profile",
        ),
        (CLUSTER, kubeconfig(), kubeconfig(user={"exec": {"command": "sh"}}), "kubeconfig"),
    ],
)
@pytest.mark.parametrize("renamed", ["old", "new"])
@pytest.mark.parametrize("op", ["update", "replace"])
def test_a_setting_of_unknown_effect_blocks_although_the_engine_does_not_compare_it(
    kind: str, old: dict[str, Any], new: dict[str, Any], name: str, renamed: str, op: str
) -> None:
    before, after = resource(kind, "old", old), resource(kind, renamed, new)
    assert settings_changed(before, after, op) == [(renamed, name)]


def test_a_provider_of_an_unknown_package_has_no_finding() -> None:
    before, after = (resource("pulumi:providers:other", "it", {"a": value}) for value in "ab")
    assert settings_changed(before, after, "update") == []


EKS, CONFIG_MAP = "aws:eks/cluster:Cluster", "kubernetes:core/v1:ConfigMap"
SERVER, AUTHORITY = "https://own.eks.example", "T1dO"
OWN = {"server": SERVER, "certificate-authority-data": AUTHORITY}
OUTPUTS = {"endpoint": SERVER, "certificateAuthority": {"data": AUTHORITY}}


def cluster_of(cluster: Any, user: Mapping[str, Any] = LOGIN) -> dict[str, Any]:
    """Return the settings of a provider of Kubernetes whose kubeconfig has this cluster."""
    parts = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    return {"kubeconfig": json.dumps({"current-context": "x", **parts})}


def kept(member: Resource) -> Step:
    return Step("same", member, member)


def created(member: Resource) -> Step:
    return Step("create", None, member)


def foreign(*steps: Step, accounts: Accounts | None = None) -> list[str]:
    """Return the names of the providers that newly lead to a foreign place, all of which block."""
    reviewed = stack(*steps)
    assert not [*find_foreign_places(reviewed, accounts or {})]  # A real preview compares nothing.
    reviewed.predicted = True
    if reviewed.head:
        reviewed.head.renewed = {
            step.resource.urn: {SERVER: "another", AUTHORITY: "another"}
            for step in steps
            if step.resource.type == EKS
        }
    findings = [finding for _, finding in find_foreign_places(reviewed, accounts or {})]
    assert all(finding.blocks and finding.policy == "object-shared" for finding in findings)
    return [finding.name for finding in findings]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (cluster_of(OWN), []),
        (cluster_of({**OWN, "server": "https://other.eks.example"}), ["it"]),
        (cluster_of({**OWN, "certificate-authority-data": "T1RI"}), ["it"]),
        (cluster_of({**OWN, "proxy-url": "https://proxy.example"}), ["it"]),
        (cluster_of({"server": SERVER}), ["it"]),
        (cluster_of([SERVER, AUTHORITY]), ["it"]),
        ({"kubeconfig": "~/.kube/config"}, ["it"]),
        ({}, ["it"]),
    ],
    ids=["own", "other server", "other authority", "proxy", "no authority", "a list", "a file", "nothing"],
)
def test_a_new_provider_blocks_unless_its_cluster_is_one_of_the_stack(
    settings: dict[str, Any], expected: list[str]
) -> None:
    provider = resource(CLUSTER, "it", settings)
    flags = resource(CONFIG_MAP, "flags", provider=f"{provider.urn}::1")
    own = resource(EKS, "own", outputs=OUTPUTS)
    assert foreign(created(own), created(provider), created(flags)) == expected
    read = resource(EKS, "own", outputs=OUTPUTS, external=True)
    assert foreign(created(read), created(provider), created(flags)) == ["it"]


def test_a_cluster_that_objects_of_the_base_have_is_not_new() -> None:
    old, new, other = (resource(CLUSTER, name, kubeconfig(name[0])) for name in ("p1", "p2", "q"))
    flags, more = (
        resource(CONFIG_MAP, name, provider=f"{side.urn}::1")
        for name, side in (("flags", old), ("more", new))
    )
    assert foreign(kept(old), kept(flags), created(new), created(more)) == []
    assert foreign(kept(old), created(flags)) == ["p1"]  # In the base, the provider has no object.
    moved = Step("replace", flags, resource(CONFIG_MAP, "flags", provider=f"{other.urn}::1"))
    assert foreign(kept(old), created(other), moved) == ["q"]
    assert foreign(created(other)) == []
    read = resource(CONFIG_MAP, "flags", provider=f"{other.urn}::1", external=True)
    assert foreign(created(other), created(read)) == []


def logins(*steps: Step, clusters: Collection[Resource] = ()) -> list[str]:
    """Return the names of the providers with a login of their own, all of which block."""
    reviewed = stack(*steps, *map(created, clusters))
    assert not [*find_new_logins(reviewed)]  # A real preview has secrets that nobody knows.
    reviewed.predicted = True
    if reviewed.head:
        reviewed.head.renewed = {side.urn: {SERVER: "another", AUTHORITY: "another"} for side in clusters}
    findings = [finding for _, finding in find_new_logins(reviewed)]
    assert all(finding.blocks and finding.policy == "provider-setting-changed" for finding in findings)
    return [finding.name for finding in findings]


def nameless(user: Mapping[str, Any]) -> dict[str, str]:
    """Return settings without a context, with which client-go takes the entries with an empty name."""
    parts = {"clusters": [{"name": "", "cluster": OWN}], "users": [{"name": "", "user": user}]}
    return {"kubeconfig": json.dumps({"current-context": "", "contexts": [], **parts})}


SHELL = {"exec": {"command": "sh", "args": ["-c", "true"]}}


@each_row(
    "settings",
    [
        kubeconfig(user=SHELL),
        kubeconfig("other"),
        kubeconfig(user={"tokenFile": "/run/token"}),
        kubeconfig(user={}),
        {"kubeconfig": f"# a comment\n{kubeconfig(user=SHELL)['kubeconfig']}"},
        {**kubeconfig(), "context": "y"},
        nameless(SHELL),
        {"kubeconfig": "~/.kube/config"},
    ],
)
def test_a_provider_with_a_login_of_its_own_blocks_without_objects(settings: Mapping[str, Any]) -> None:
    old, other = resource(CLUSTER, "old", kubeconfig()), resource(CLUSTER, "it", settings)
    assert logins(kept(old), created(other)) == logins(created(other)) == ["it"]
    assert logins(kept(other)) == logins(kept(other), created(resource(CLUSTER, "same", settings))) == []


def test_a_provider_that_is_replaced_must_not_get_another_login() -> None:
    old, new = resource(CLUSTER, "it", kubeconfig()), resource(CLUSTER, "it", kubeconfig("other", SHELL))
    assert logins(Step("replace", old, new)) == ["it"]


def test_a_provider_with_a_known_login_or_that_of_the_machine_does_not_block() -> None:
    old = resource(CLUSTER, "old", kubeconfig())
    same = resource(CLUSTER, "same", {**kubeconfig(), "namespace": "a"})
    for settings in ({}, {"kubeconfig": ""}, {"context": "a"}):
        assert logins(kept(old), created(same), created(resource(CLUSTER, "none", settings))) == []


@each_row(
    "command",
    [
        ({"args": ["eks", "get-token", "--cluster-name", "c", "--region", "r", "--output", "json"]}, []),
        ({"args": ["--region", "r", "eks", "get-token", "--cluster-name", "c"]}, []),
        ({"args": ["eks", "get-token", "--cluster-name", "c", "--endpoint-url", "x"]}, ["it"]),
        ({"args": ["eks", "get-token", "--cluster-name", "https://e.example"]}, ["it"]),
        ({"args": ["s3", "ls"]}, ["it"]),
        ({"args": "eks get-token --cluster-name c"}, ["it"]),
        ({}, ["it"]),
        ({"command": "sh", "args": ["eks", "get-token", "--cluster-name", "c"]}, ["it"]),
        ({"env": [], "args": ["eks", "get-token", "--cluster-name", "c"]}, ["it"]),
    ],
)
def test_the_first_provider_may_get_a_token_of_aws_for_a_cluster_of_the_stack(
    command: tuple[Mapping[str, Any], list[str]],
) -> None:
    changes, expected = command
    user = {"exec": {"command": "aws", "apiVersion": "v1", "interactiveMode": "Never", **changes}}
    provider = resource(CLUSTER, "it", cluster_of(OWN, user))
    assert logins(created(provider), clusters=[resource(EKS, "own", outputs=OUTPUTS)]) == expected
    assert logins(created(provider)) == ["it"]
    extra = resource(CLUSTER, "it", cluster_of(OWN, {**user, "tokenFile": "x"}))
    assert logins(created(extra), clusters=[resource(EKS, "own", outputs=OUTPUTS)]) == ["it"]


def output_logins(before: Mapping[str, Any], after: Mapping[str, Any], *steps: Step) -> list[str]:
    """Return the names in the findings on a stack with these outputs, all of which block."""
    reviewed = stack(*steps)
    reviewed.base = EngineRun(Path())
    if reviewed.head:
        set_outputs(reviewed.base, before)
        set_outputs(reviewed.head, after)
        reviewed.head.renewed = {urn(EKS, "own"): {SERVER: "another", AUTHORITY: "another"}}
    assert not [*find_new_output_login(reviewed)]  # A real preview has secrets that nobody knows.
    reviewed = Stack("dev", reviewed.head, reviewed.base, predicted=True)
    findings = [*find_new_output_login(reviewed)]
    assert all(finding.blocks and finding.policy == "provider-setting-changed" for finding in findings)
    return [finding.name for finding in findings]


def test_an_output_with_a_login_of_its_own_blocks() -> None:
    expected = ["output kubeconfig"]
    plain = kubeconfig()
    for other in (kubeconfig(user=SHELL), kubeconfig("other"), {"kubeconfig": "~/.kube/config"}):
        assert output_logins(plain, other) == output_logins({}, other) == expected
        assert output_logins(other, other) == output_logins(other, {}) == []
    assert output_logins(plain, {"kubeconfig": json.loads(kubeconfig(user=SHELL)["kubeconfig"])}) == expected
    assert output_logins({}, plain, kept(resource(CLUSTER, "it", plain))) == []
    token = {"exec": {"command": "aws", "args": ["eks", "get-token", "--cluster-name", "c"]}}
    own = cluster_of(OWN, token)
    assert output_logins(plain, own, created(resource(EKS, "own", outputs=OUTPUTS))) == []
    assert output_logins(plain, own) == expected


@pytest.mark.parametrize(
    ("limit", "expected"),
    [('["1"]', []), (["1"], []), ('["2"]', ["it"]), (["1", "2"], ["it"]), (None, ["it"])],
)
def test_a_new_provider_of_aws_blocks_unless_it_has_accounts_of_the_stack_file(
    limit: object, expected: list[str]
) -> None:
    provider = resource(PROVIDER, "it", {} if limit is None else {"allowedAccountIds": limit})
    key = resource(KEY, "key", provider=f"{provider.urn}::1")
    steps = created(provider), created(key)
    assert foreign(*steps, accounts={"dev": {"1"}}) == expected
    assert foreign(*steps) == []  # Then the objects are compared with all stacks that name accounts.
    assert foreign(kept(provider), kept(key), accounts={"dev": {"1"}}) == []
