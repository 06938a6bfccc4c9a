"""Tests of previews in which a provider predicts the values of an `up`."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pulumi.runtime.proto import provider_pb2 as proto

from sandbox.providers import plan
from sandbox.providers.aws.package import Aws, AwsPlan
from sandbox.providers.cloudflare.package import Cloudflare
from sandbox.providers.datadog.package import Datadog
from sandbox.providers.kubernetes.kubeconfig import active_user
from sandbox.providers.kubernetes.package import Kubernetes, KubernetesPlan
from sandbox.providers.plan import Plan
from sandbox.providers.provider import Provider, parse_setting
from sandbox.providers.resource_types import is_described, resource_type, table
from sandbox.providers.server import hide_unpredictable
from sandbox.providers.target import Package
from sandbox.providers.tls.target import TlsTarget
from sandbox.stateful import FACTS
from sandbox.wire import schema, sentinels
from sandbox.wire.values import UNKNOWN, Json, Secret, decode, encode
from tests.support.rows import each_row
from tests.support.sandbox.providers.engine_calls import Connection

CLUSTER, SUBNET = "aws:eks/cluster:Cluster", "aws:ec2/subnet:Subnet"
SUBSCRIPTION, ENDPOINT = "aws:sns/topicSubscription:TopicSubscription", "aws:ec2/vpcEndpoint:VpcEndpoint"
ENGINE = cast(Any, Connection())


def create(provider: Provider, token: str, inputs: Json, *, preview: bool) -> tuple[str, Json]:
    """Return the ID and the outputs of a resource that the engine creates."""
    urn = f"urn:pulumi:dev::pipe::{token}::it"
    answer = provider.Create(
        proto.CreateRequest(urn=urn, type=token, properties=encode(inputs), preview=preview), ENGINE
    )
    return answer.id, decode(answer.properties)


def test_a_predicted_creation_has_another_id_than_the_existing_resource_and_no_unknown_output() -> None:
    inputs: Json = {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/24"}
    plain, predicting = Provider(Aws("aws"), AwsPlan()), Provider(Aws("aws"), AwsPlan(), predicts=True)
    existing, _ = create(predicting, SUBNET, inputs, preview=False)
    predicted, outputs = create(predicting, SUBNET, inputs, preview=True)
    assert existing.startswith("subnet-") and predicted.startswith("subnet-")
    assert existing != predicted and predicted in outputs["arn"]
    assert UNKNOWN not in outputs.values()
    unknown_id, outputs = create(plain, SUBNET, inputs, preview=True)
    assert not unknown_id and outputs["arn"] is UNKNOWN


def test_no_package_of_a_token_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "resource_types.toml").write_text(f'["{tmp_path}:a:B"]\nid = "x"\n')
    assert not is_described(f"{tmp_path}:a:B")


def test_a_resource_and_a_look_up_of_another_package_are_refused(tmp_path: Path) -> None:
    refusals: list[str] = []

    def abort(_code: object, message: str) -> None:
        refusals.append(message)

    engine = Connection()
    vars(engine)["abort"] = abort
    file = tmp_path / "lookups.jsonl"
    provider = Provider(Kubernetes("kubernetes"), KubernetesPlan(), predicts=True, lookups=file)
    for token in (SUBNET, "kubernetes:core/v1:Namespace"):
        manifest: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "it"}}
        request = proto.CheckRequest(
            urn=f"urn:pulumi:dev::pipe::{token}::it", type=token, news=encode(manifest)
        )
        provider.Check(request, cast(Any, engine))
    zone = "cloudflare:index/getZone:getZone"
    provider.Invoke(proto.InvokeRequest(tok=zone, args=encode({"zoneId": "1"})), cast(Any, engine))
    assert refusals == [
        f"the provider of {token} has the package kubernetes; give it a provider of its own package"
        for token in (SUBNET, zone)
    ]
    *_, row = map(json.loads, file.read_text().splitlines())
    assert (row["lookup"], row["failed"]) == (zone, True)


def test_a_predicted_replacement_with_the_same_name_has_other_outputs() -> None:
    predicting = Provider(Aws("aws"), AwsPlan(), predicts=True)
    inputs: Json = {"name": "pipe-dev", "roleArn": "arn:aws:iam::1:role/x", "vpcConfig": {"subnetIds": ["a"]}}
    old, new = (create(predicting, CLUSTER, inputs, preview=preview) for preview in (False, True))
    assert old[0] == new[0] == "pipe-dev"
    assert old[1]["endpoint"] != new[1]["endpoint"]


def test_a_boolean_that_no_table_describes_is_unknown_in_a_preview() -> None:
    inputs: Json = {"topic": "arn:aws:sns:a:1:t", "protocol": "email", "endpoint": "a@b.example"}
    provider = Provider(Aws("aws"), AwsPlan(recognizable=True), predicts=True)
    _, state = create(provider, SUBSCRIPTION, inputs, preview=False)
    assert state["pendingConfirmation"] is False
    assert create(provider, SUBSCRIPTION, inputs, preview=True)[1]["pendingConfirmation"] is UNKNOWN


@each_row(
    ("token", "inputs", "name", "members"),
    [
        (
            "aws:cloudformation/stack:Stack",
            {"name": "it", "templateUrl": "https://files.example"},
            "outputs",
            [],
        ),
        ("aws:ec2/spotInstanceRequest:SpotInstanceRequest", {}, "rootBlockDevice", ["tagsAll"]),
    ],
)
def test_a_map_that_no_table_describes_is_unknown_in_a_preview(
    token: str, inputs: Json, name: str, members: list[str]
) -> None:
    """A program may ask a map for keys that only it knows."""
    provider = Provider(Aws("aws"), AwsPlan(recognizable=True), predicts=True)

    def at(outputs: Json) -> Any:
        value = outputs[name]
        for member in members:
            value = value[member]
        return value

    _, state = create(provider, token, inputs, preview=False)
    assert at(state) == {}
    assert at(create(provider, token, inputs, preview=True)[1]) is UNKNOWN
    assert at(hidden(token, inputs, state)) == UNKNOWN.value


def hidden(token: str, inputs: Json, outputs: Json) -> Json:
    """Return the outputs in the state on which a preview runs."""
    state: Json = {"urn": "urn:of:it", "type": token, "custom": True, "inputs": inputs, "outputs": outputs}
    hide_unpredictable([state])
    return state["outputs"]


def test_a_state_has_unknown_values_for_what_no_table_describes() -> None:
    endpoint: Json = {"requesterManaged": False, "privateDnsEnabled": True, "state": "available"}
    unknown = UNKNOWN.value
    outputs = hidden(ENDPOINT, {}, endpoint)
    assert outputs["requesterManaged"] == outputs["privateDnsEnabled"] == unknown
    assert outputs["autoAccept"] == unknown, "an output that may be missing"
    assert outputs["state"] == "available"
    chosen = {"privateDnsEnabled": True, "tags": {sentinels.SIGNATURE: sentinels.SECRET, "ciphertext": "x"}}
    outputs = hidden(ENDPOINT, chosen, endpoint | chosen)
    assert outputs["requesterManaged"] == unknown and outputs["privateDnsEnabled"] is True
    assert outputs["tags"] == chosen["tags"]


def test_a_state_has_unknown_values_for_what_an_api_server_may_set() -> None:
    token, provider = "kubernetes:core/v1:Pod", Provider(KUBERNETES, KubernetesPlan(recognizable=True))
    pod: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "it"},
        "spec": {"hostNetwork": False, "containers": [{"name": "it"}]},
    }
    _, state = create(provider, token, pod, preview=False)
    assert UNKNOWN.value not in json.dumps(state) and "dnsPolicy" not in state["spec"]
    spec = hidden(token, pod, state)["spec"]
    assert spec["hostNetwork"] is False and spec["containers"][0]["name"] == "it"
    for value in (spec["hostPID"], spec["dnsPolicy"], spec["containers"][0]["tty"]):
        assert value == UNKNOWN.value


@each_row(
    ("token", "inputs", "names"),
    [
        (CLUSTER, {"name": "pipe-dev", "roleArn": "a", "vpcConfig": {"subnetIds": ["b"]}}, {"endpoint"}),
        ("aws:iam/rolePolicy:RolePolicy", {"role": "a", "name": "b", "policy": "c"}, set()),
        ("aws:cloudwatch/eventTarget:EventTarget", {"rule": "a", "targetId": "b", "arn": "c"}, set()),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"name": "a", "namespace": "b"}}, set()),
    ],
)
def test_a_creation_records_the_texts_that_the_program_does_not_choose(
    token: str, inputs: Json, names: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        plan, "now", lambda: "2026-11-29T00:00:00Z"
    )  # A second may end between two creations.
    file = tmp_path / token.rpartition(":")[2]
    package, target = (
        (Aws("aws"), AwsPlan()) if token.startswith("aws:") else (Kubernetes("kubernetes"), KubernetesPlan())
    )
    provider = Provider(package, target, predicts=True, lookups=file)
    old_id, old = create(provider, token, inputs, preview=False)
    _, new = create(provider, token, inputs, preview=True)
    renewed, back = (row["texts"] for line in file.open() if "renewed" in (row := json.loads(line)))
    assert old_id not in renewed and renewed.keys().isdisjoint(map(str, inputs.values()))
    assert all(renewed[old[name]] == new[name] for name in names)
    assert back == {after: before for before, after in renewed.items()}


def kubeconfig(server: str, user: str = "deploy", command: str = "aws", namespace: str = "a") -> Json:
    """Return the settings of a Kubernetes provider, whose kubeconfig knows a second cluster and user."""
    config = {
        "current-context": "main",
        "contexts": [
            {"name": "main", "context": {"cluster": "pipe", "user": user, "namespace": namespace}},
            {"name": "spare", "context": {"cluster": "spare", "user": user}},
        ],
        "clusters": [
            {"name": "pipe", "cluster": {"server": server}},
            {"name": "spare", "cluster": {"server": "https://spare"}},
        ],
        "users": [
            {"name": "deploy", "user": {"exec": {"command": command, "args": ["eks", "get-token"]}}},
            {"name": "operators", "user": {"tokenFile": "token"}},
        ],
    }
    return {"kubeconfig": json.dumps(config)}


KUBERNETES = Kubernetes("kubernetes")


def replaced(
    before: Json,
    after: Json,
    *,
    predicts: bool = True,
    package: Package = KUBERNETES,
    file: Path | None = None,
) -> list[str]:
    """Return the settings whose change replaces the provider."""
    provider = Provider(package, KubernetesPlan(), predicts=predicts, lookups=file)
    request = proto.DiffRequest(urn="urn:of:provider", old_inputs=encode(before), news=encode(after))
    return [*provider.DiffConfig(request, ENGINE).replaces]


def test_another_cluster_replaces_the_provider_and_so_its_resources() -> None:
    old, new = kubeconfig("https://old"), kubeconfig("https://new")
    assert replaced(old, new) == ["kubeconfig"]
    assert replaced(old, kubeconfig("https://old", "operators")) == replaced(old, old) == []


def test_an_unknown_kubeconfig_waits_for_its_predicted_value() -> None:
    assert replaced(kubeconfig("https://old"), {"kubeconfig": UNKNOWN}) == []


@each_row("setting", [{"context": "spare"}, {"cluster": "spare"}])
def test_another_context_or_cluster_of_the_kubeconfig_replaces_the_provider(setting: Json) -> None:
    old = kubeconfig("https://old")
    assert replaced(old, old | setting) == [*setting]
    assert replaced(old, old | {"context": "main", "cluster": "pipe"}) == []


@each_row("hidden", [{"kubeconfig": "x"}, {"kubeconfig": "- ]"}, {}])
def test_a_cluster_that_the_kubeconfig_does_not_show_counts_as_another_one(hidden: Json) -> None:
    assert replaced(kubeconfig("https://old"), hidden) == replaced(hidden, kubeconfig("https://new"))
    assert replaced(hidden, kubeconfig("https://new")) == ["kubeconfig"]
    assert replaced(hidden, hidden) == []


@each_row(
    ("text", "replacement"),
    [
        ('"https://old"', '"https://old", <<: {"server": "https://new"}'),
        ('"https://old"', '"https://old", !!binary "c2VydmVy": "https://new"'),
        ('"https://old"', '"https://new", "server": "https://old"'),
        ('"https://old"', '"https://old", "weight": NaN'),
        ('"https://old"}', '"https://old"} # same'),
        ('"current-context"', '"x": "\ufeff",\n"y: 1, z": 0, "current-context"'),
        ('"current-context"', '"x": "\u2028", "current-context"'),
        ('"command": "aws"', '"command": "aws", <<: {"command": "sh"}'),
        ('"current-context"', '"x": ' + "[" * 9999 + "]" * 9999 + ', "current-context"'),
    ],
)
def test_a_kubeconfig_that_the_plugin_may_read_differently_shows_no_cluster(
    text: str, replacement: str
) -> None:
    old = kubeconfig("https://old")
    new = {"kubeconfig": old["kubeconfig"].replace(text, replacement)}
    assert new != old
    assert replaced(old, new) == ["kubeconfig"]
    assert active_user(new) == {}
    assert active_user({name: parse_setting(value) for name, value in new.items()}) == {}


def test_a_kubeconfig_in_yaml_shows_its_cluster_and_user() -> None:
    old = kubeconfig("https://old")
    new = {"kubeconfig": yaml.safe_dump(json.loads(old["kubeconfig"]))}
    assert replaced(old, new) == []
    assert active_user(new) == active_user(old) != {}


def test_manifests_that_are_written_to_files_replace_the_objects() -> None:
    old = kubeconfig("https://old")
    assert replaced(old, old | {"renderYamlToDirectory": "/tmp/x"}) == ["renderYamlToDirectory"]


def test_the_identifier_of_a_cluster_decides_as_in_the_plugin() -> None:
    old, new = kubeconfig("https://old"), kubeconfig("https://new")
    same, other = {"clusterIdentifier": "1"}, {"clusterIdentifier": "2"}
    assert replaced(old | same, old | other) == ["clusterIdentifier"]
    assert replaced(old | same, new | same) == replaced(old, old | same) == []


def test_another_region_replaces_a_provider_of_aws() -> None:
    aws = Aws("aws")
    assert replaced({"region": "a"}, {"region": "b"}, package=aws) == ["region"]
    assert replaced({"region": "a"}, {"region": "a", "maxRetries": "3"}, package=aws) == []


@each_row(
    ("package", "before", "after", "unexplained"),
    [
        (Aws("aws"), {}, {"endpoints": "[]", "maxRetries": "3", "version": "7"}, ["endpoints"]),
        (Aws("aws"), {"accessKey": "a"}, {"accessKey": "b"}, ["accessKey"]),
        (Aws("aws"), {}, {"defaultTags": "{}", "ignoreTags": "{}"}, ["defaultTags", "ignoreTags"]),
        (
            Datadog("datadog"),
            {"ignoreTagKeys": "[]"},
            {"defaultTags": "{}"},
            ["defaultTags", "ignoreTagKeys"],
        ),
        (Aws("aws"), {"region": "a"}, {"region": "b"}, []),
        (Cloudflare("cloudflare"), {}, {"baseUrl": "https://other.example"}, ["baseUrl"]),
        (Datadog("datadog"), {"apiUrl": "https://a"}, {"apiUrl": "https://b"}, ["apiUrl"]),
        (KUBERNETES, {}, {"deleteUnreachable": "true", "namespace": "x"}, ["deleteUnreachable"]),
        (KUBERNETES, kubeconfig("a"), kubeconfig("a", namespace="b"), []),
        (KUBERNETES, kubeconfig("a", "operators"), kubeconfig("a", "operators", "sh"), []),
        (KUBERNETES, kubeconfig("a"), kubeconfig("a", command="sh"), ["kubeconfig"]),
        (KUBERNETES, kubeconfig("a"), kubeconfig("a", "operators"), ["kubeconfig"]),
        (KUBERNETES, kubeconfig("a"), kubeconfig("a", "nobody"), ["kubeconfig"]),
        (KUBERNETES, kubeconfig("a", "nobody"), kubeconfig("a", "nobody", "sh"), ["kubeconfig"]),
        (KUBERNETES, kubeconfig("a"), kubeconfig("b", command="sh"), []),
        (KUBERNETES, kubeconfig("a"), kubeconfig("a") | {"clusterIdentifier": "1"}, ["clusterIdentifier"]),
        (
            KUBERNETES,
            kubeconfig("a") | {"clusterIdentifier": "1"},
            kubeconfig("b") | {"clusterIdentifier": "1"},
            ["kubeconfig"],
        ),
    ],
)
def test_a_changed_setting_without_a_described_effect_is_recorded(
    package: Package, before: Json, after: Json, unexplained: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "lookups.jsonl"
    file.unlink(missing_ok=True)  # The rows of the test share the folder.
    replaced(before, after, package=package, file=file)
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    assert rows == ([{"provider": "urn:of:provider", "unexplained": unexplained}] if unexplained else [])


def test_a_look_up_that_fails_is_recorded_with_the_settings_of_its_provider(tmp_path: Path) -> None:
    file, token = tmp_path / "lookups.jsonl", "aws:ssm/getParameter:getParameter"

    def abort(_code: object, _message: str) -> None:
        pass

    connection = Connection()
    vars(connection)["abort"] = abort
    engine = cast(Any, connection)
    provider = Provider(Aws("aws"), AwsPlan(), predicts=True, lookups=file)
    for settings in (
        {"region": "ap-northeast-1"},
        {"region": "us-east-1"},
        {"region": "us-east-1", "maxRetries": 9},
        {"region": "us-east-1", "useFipsEndpoint": "true"},
    ):
        provider.Configure(proto.ConfigureRequest(args=encode(settings)), engine)
        provider.Invoke(proto.InvokeRequest(tok=token, args=encode({"name": "office"})), engine)
    first, second, third, fourth = (json.loads(line) for line in file.read_text().splitlines())
    assert first == {
        "lookup": token,
        "args": {"name": "office"},
        "settings": first["settings"],
        "failed": True,
    }
    assert len({row["settings"] for row in (first, second, fourth)}) == 3
    assert second == third, "such a setting has no effect on whether a look-up is answered"


def test_the_secret_inputs_of_each_resource_are_recorded_also_if_there_are_none(tmp_path: Path) -> None:
    file = tmp_path / "lookups.jsonl"
    package = Package("kubernetes")
    provider = Provider(package, Plan(), predicts=True, lookups=file)
    inputs: Json = {"metadata": {"name": "it"}, "data": {"a": Secret("[secret]"), "b": Secret(UNKNOWN)}}
    for token, news in (("Secret", inputs), ("Namespace", {"metadata": {"name": "[secret]"}})):
        kind = f"kubernetes:core/v1:{token}"
        provider.Check(proto.CheckRequest(urn=f"urn::{token}", type=kind, news=encode(news)), ENGINE)
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {
            "secrets": "urn::Secret",
            "values": [[["data", "a"], "[secret]"], [["data", "b"], sentinels.UNKNOWN]],
        },
        {"secrets": "urn::Namespace", "values": []},
    ]


def test_the_inputs_of_a_provider_are_recorded_without_the_marks_that_the_engine_does_not_send(
    tmp_path: Path,
) -> None:
    file, settings = tmp_path / "lookups.jsonl", {"region": "ap-northeast-1", "profile": UNKNOWN}
    provider = Provider(Aws("aws"), AwsPlan(), predicts=True, lookups=file)
    answer = provider.CheckConfig(proto.CheckRequest(urn="urn::local", news=encode(settings)), ENGINE)
    assert answer.inputs == encode(settings)
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"configured": "urn::local", "inputs": {**settings, "profile": sentinels.UNKNOWN}}
    ]


@pytest.mark.parametrize("name", ["__defaults", "profil"])
def test_a_provider_has_only_settings_of_its_schema_and_of_the_engine(name: str) -> None:
    provider = Provider(Aws("aws"), AwsPlan(), predicts=True)
    settings: Json = {"region": "ap-northeast-1", "version": "1", "__internal": {}, name: ["region"]}
    answer = provider.CheckConfig(proto.CheckRequest(urn="urn::local", news=encode(settings)), ENGINE)
    [failure] = answer.failures
    assert failure.reason.startswith(f"{name}: there is no such setting")


@pytest.mark.parametrize(
    ("value", "is_refused"),
    [
        *((True, False), ("false", False), (None, False), (UNKNOWN, False)),
        *(('"true"', True), ("yes", True), (" true", True), ("true\n", True), (1, True), ([], True)),
    ],
)
def test_a_boolean_setting_of_a_provider_is_no_text(value: object, is_refused: bool) -> None:
    settings: Json = {"enableServerSideApply": value, "namespace": "true"}
    provider = Provider(KUBERNETES, Plan(), predicts=True)
    answer = provider.CheckConfig(proto.CheckRequest(urn="urn::local", news=encode(settings)), ENGINE)
    reasons = [failure.reason for failure in answer.failures]
    expected = ["enableServerSideApply: a boolean is required, not a text such as 'true' in the program"]
    assert reasons == (expected if is_refused else [])


def test_only_secrets_of_the_providers_choice_are_recorded_as_generated(tmp_path: Path) -> None:
    file = tmp_path / "lookups.jsonl"
    ecdsa: Json = {"algorithm": "ECDSA", "ecdsaCurve": "P256"}
    tls = Provider(Package("tls"), TlsTarget(), predicts=True, lookups=file)
    _, key = create(tls, "tls:index/privateKey:PrivateKey", ecdsa, preview=True)
    request: Json = {"privateKeyPem": Secret(key["privateKeyPem"]), "subject": {"commonName": "it"}}
    create(tls, "tls:index/certRequest:CertRequest", request, preview=True)
    create(Provider(Aws("aws"), AwsPlan(), predicts=True, lookups=file), SUBNET, {"vpcId": "v"}, preview=True)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    [row] = [row for row in rows if "generated" in row]
    assert row["generated"].endswith("PrivateKey::it")
    assert row["texts"] == sorted(key[f"privateKey{form}"] for form in ("Openssh", "Pem", "PemPkcs8"))


@each_row("package", [Aws("aws"), Cloudflare("cloudflare"), Datadog("datadog"), KUBERNETES, Package("tls")])
def test_the_settings_in_the_tables_are_settings_of_the_provider(package: Package) -> None:
    listed = {*table(package.name)["settings"]["harmless"], *package.tagging_settings()}
    assert listed <= schema.properties(schema.provider_args(package.name)).keys()


def test_the_only_control_plane_of_a_sandbox_is_never_another_cluster() -> None:
    assert replaced(kubeconfig("https://old"), kubeconfig("https://new"), predicts=False) == []


def replacing(token: str, before: Json, after: Json, *, predicts: bool = True) -> list[str]:
    """Return the paths for which a provider replaces a resource."""
    package = token.partition(":")[0]
    provider = Provider(providers_package(package), Plan(), predicts=predicts)
    request = proto.DiffRequest(
        urn=f"urn:pulumi:dev::pipe::{token}::it", type=token, old_inputs=encode(before), news=encode(after)
    )
    return [*provider.Diff(request, ENGINE).replaces]


def providers_package(name: str) -> Package:
    """Return a package by its name."""
    packages: dict[str, type[Package]] = {"aws": Aws, "kubernetes": Kubernetes}
    return packages.get(name, Package)(name)


def test_a_change_replaces_a_resource_with_data_whose_type_has_no_row() -> None:
    volume = "aws:ebs/volume:Volume"
    assert not is_described(volume)
    old = {"availabilityZone": "a", "tags": {"a": "b"}}
    assert replacing(volume, old, old | {"availabilityZone": "b"}) == ["availabilityZone"]
    assert replacing(volume, old, old | {"tags": {"a": "c"}}) == []
    assert replacing(volume, old, old | {"availabilityZone": "b"}, predicts=False) == []
    assert replacing("aws:sns/topic:Topic", {"displayName": "a"}, {"displayName": "b"}) == []


def test_the_kubernetes_table_is_complete_so_no_other_change_replaces_an_object() -> None:
    definition = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
    assert not is_described(definition)
    assert replacing(definition, {"spec": {"scope": "a"}}, {"spec": {"scope": "b"}}) == []


@each_row("token", sorted(token for token in FACTS["types"] if not token.startswith("kubernetes:")))
def test_the_tables_describe_each_type_with_data_or_every_change_replaces_it(token: str) -> None:
    described = resource_type(token).replaced_by
    assert described if is_described(token) else replacing(token, {"x": 1}, {"x": 2}) == ["x"]
