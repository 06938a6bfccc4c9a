"""Tests that the values which an account would choose differ wherever an account would choose other ones."""

import json
import re
import typing
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from sandbox.providers.aws.package import AwsPlan
from sandbox.providers.invented_lists import PARTS
from sandbox.providers.kubernetes.package import KubernetesPlan
from sandbox.providers.provider import answer_members
from sandbox.providers.resource_types import resource_type, table
from sandbox.providers.server import packages
from sandbox.wire import schema
from sandbox.wire.sentinels import INVENTED, INVENTED_NUMBERS
from sandbox.wire.values import UNKNOWN, added_properties
from tests.support.rows import each_row
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.resources import VALID, resource

CONSTANTS = {
    ("aws:ec2/eip:Eip", "domain"),
    ("aws:rds/instance:Instance", "port"),
    ("cloudflare:index/zoneDnssec:ZoneDnssec", "algorithm"),
    ("cloudflare:index/zoneDnssec:ZoneDnssec", "digestAlgorithm"),
    ("cloudflare:index/zoneDnssec:ZoneDnssec", "digestType"),
    ("cloudflare:index/zoneDnssec:ZoneDnssec", "flags"),
    ("cloudflare:index/zoneDnssec:ZoneDnssec", "keyType"),
    ("kubernetes:core/v1:Namespace", "spec.finalizers"),
    ("kubernetes:core/v1:Namespace", "status.phase"),
    ("kubernetes:core/v1:PersistentVolume", "metadata.finalizers"),
    ("kubernetes:core/v1:PersistentVolumeClaim", "metadata.finalizers"),
    ("kubernetes:core/v1:Service", "spec.type"),
}
"""The outputs that are equal for all resources of a type, whose other inputs are defaults."""

CHOSEN = re.compile(r"\{(?:(?:hex|HEX|dec|number)\d+\w*|uuid|publicAddress|privateAddress)\}")
"""Pattern of the variables that stand for a choice of the account."""


def templates() -> Iterator[tuple[str, str, Any]]:
    """Yield each template for an output, with the type and the path."""
    for package in ("aws", "cloudflare", "datadog", "kubernetes"):
        for token, row in table(package).items():
            if ":" in token or token == "*":
                for path, template in answer_members(row.get("outputs", {})):
                    yield token, path, template


def test_each_output_of_the_tables_depends_on_the_resource_or_is_a_known_constant() -> None:
    constants = {
        (token, path)
        for token, path, template in templates()
        if "{" not in str(template).replace("{{", "").replace("}}", "")
    }
    assert constants == CONSTANTS


def test_rules_and_targets_of_one_name_on_two_event_buses_are_two_objects() -> None:
    rule, target = (f"aws:cloudwatch/event{kind}:Event{kind}" for kind in ("Rule", "Target"))
    inputs = {rule: {"name": "orders"}, target: {"rule": "orders", "targetId": "queue"}}
    arn = "arn:aws:events:eu-west-1:123456789012:event-bus"
    buses = (None, "default", f"{arn}/default", "own", f"{arn}/own", "aws.partner/a/b")
    paths = ("", "", "", "own/", "own/", "aws.partner/a/b/")
    for bus, path in zip(buses, paths, strict=True):
        settings = {"eventBusName": bus} if bus else {}
        rules, targets = (AwsPlan().create(resource(token, inputs[token] | settings)) for token in inputs)
        assert rules.id == f"{path}orders"
        assert rules.outputs["arn"] == f"arn:aws:events:ap-northeast-1:123456789012:rule/{path}orders"
        assert targets.id == f"{path[:-1]}{'-' if path else ''}orders-queue"


def test_no_two_outputs_of_a_type_are_one_choice_of_the_account() -> None:
    seen: set[tuple[str, str]] = set()
    for token, path, template in templates():
        if CHOSEN.search(str(template)) and (token, path) not in COPIES:
            assert (token, template) not in seen, f"{token}: {path}"
            seen.add((token, template))


def test_each_choice_of_the_account_has_many_values() -> None:
    """A program could otherwise declare resources until two of them have one value."""
    bits = {"hex": 4.0, "HEX": 4.0, "dec": 3.0, "number": 3.0}
    few = [
        (token, path)
        for token, path, template in templates()
        for name, digits in re.findall(r"\{(hex|HEX|dec|number)(\d+)\w*\}", str(template))
        if bits[name] * int(digits) < 40 and "{id}" not in template and "{HEX64}" not in template
    ]
    assert few == [("cloudflare:index/zoneDnssec:ZoneDnssec", "keyTag")], "which has 16 bits"
    for package in ("aws", "datadog", "cloudflare"):
        for token, row in table(package).items():
            digits = re.findall(r"\{(?:hex|HEX|dec)(\d+)\w*\}", row.get("id", "") if ":" in token else "")
            assert not digits or 3.0 * sum(map(int, digits)) >= 30, token


def outputs(token: str, inputs: dict[str, Any], name: str, salt: str) -> dict[str, Any]:
    """Return the leaves in the ID and the outputs of a new resource, without its inputs."""
    targets = {package.name: target for package, target in packages(recognizable=True, salt=salt)}
    live = targets[token.partition(":")[0]].create(resource(token, inputs, name))
    return {
        "id": live.id,
        **{path: value for path, value in answer_members(live.outputs) if path not in inputs},
    }


CREATED = {
    r.VPC: {"id", "arn", "defaultRouteTableId", "mainRouteTableId", "ownerId"},
    "aws:ec2/eip:Eip": {"id", "publicIp", "privateIp", "allocationId"},
    r.CLUSTER: {
        "endpoint",
        "certificateAuthority.data",
        "createdAt",
        "identities.oidcs.issuer",
        "platformVersion",
        "status",
    },
    "aws:backup/vault:Vault": {"recoveryPoints"},
    r.DEPLOYMENT: {"metadata.generation"},
    r.RELEASE: {"status.chart", "status.revision", "status.status", "status.version"},
    "aws:codebuild/webhook:Webhook": {"url", "payloadUrl", "secret"},
    "aws:docdb/cluster:Cluster": {"id", "endpoint", "hostedZoneId"},
    "aws:iam/policy:Policy": {"attachmentCount", "policyId"},
    r.SERVICE: {
        "spec.clusterIP",
        "metadata.uid",
        "metadata.resourceVersion",
        "metadata.creationTimestamp",
        "status.loadBalancer.ingress.hostname",
    },
    "cloudflare:index/zoneDnssec:ZoneDnssec": {"digest", "ds", "keyTag"},
    r.MONITOR: {"id"},
    "datadog:index/syntheticsTest:SyntheticsTest": {"id", "monitorId"},
}
"""Outputs that an account chooses, by type."""

OTHERS: dict[str, dict[str, Any]] = {
    "aws:backup/vault:Vault": {"name": "it"},
    "aws:codebuild/webhook:Webhook": {"projectName": "ci"},
    "aws:iam/policy:Policy": {"name": "it", "policy": '{"Version": "2012-10-17", "Statement": []}'},
    "cloudflare:index/zoneDnssec:ZoneDnssec": {"zoneId": "1"},
}
"""Inputs of types that VALID lacks."""

OF_THE_ACCOUNT = {"ownerId"}
OF_THE_NAME = {
    "aws:iam/policy:Policy": "name",
    r.CLUSTER: "name",
    "aws:backup/vault:Vault": "name",
    "aws:codebuild/webhook:Webhook": "projectName",
    "cloudflare:index/zoneDnssec:ZoneDnssec": "zoneId",
}
"""The input that is the identity of an object: two resources with one value of it are the same object."""


@each_row("token", [*CREATED])
def test_two_resources_and_two_reviews_have_no_choice_in_common(token: str) -> None:
    inputs = VALID.get(token, OTHERS.get(token, {}))
    other_inputs = inputs | {OF_THE_NAME[token]: "other"} if token in OF_THE_NAME else inputs
    first, again = (outputs(token, inputs, "first", "salt") for _ in range(2))
    assert first == again
    second, later = outputs(token, other_inputs, "second", "salt"), outputs(token, inputs, "first", "other")
    for path in CREATED[token]:
        assert first[path] != second[path] or path in OF_THE_ACCOUNT, path
        assert first[path] != later[path], path


@each_row(
    ("inputs", "is_known"),
    [
        ({"engine": "postgres"}, True),
        ({"engine": "mysql", "port": 5432}, True),
        ({"engine": "mysql"}, False),
        ({"engine": "postgres", "snapshotIdentifier": "yesterday"}, False),
    ],
)
def test_a_port_is_known_if_the_engine_or_the_program_has_it(
    inputs: dict[str, Any], *, is_known: bool
) -> None:
    target, declared = AwsPlan(recognizable=True, salt="salt"), resource(r.DATABASE, inputs)
    live = target.create(declared)
    port = live.outputs["port"]
    assert port == 5432 if is_known else port in INVENTED_NUMBERS
    assert live.outputs["endpoint"].endswith(f":{port}")
    assert target.update(replace(declared, id=live.id), live).outputs["port"] == port


def test_each_change_of_an_object_adds_one_to_its_generation() -> None:
    target, declared = KubernetesPlan(recognizable=True), resource(r.DEPLOYMENT, VALID[r.DEPLOYMENT])
    live = target.create(declared)
    changed = target.update(replace(declared, id=live.id), live)
    first, second = (side.outputs["metadata"]["generation"] for side in (live, changed))
    assert first in INVENTED_NUMBERS and second == first + 1


def test_an_undescribed_output_has_many_values() -> None:
    text = outputs("aws:docdb/cluster:Cluster", {}, "customers", "salt")["endpoint"]
    assert re.fullmatch(rf"{INVENTED}-[0-9a-f]{{16}}-endpoint", text)
    assert len(INVENTED_NUMBERS) > 2**46 and INVENTED_NUMBERS[-1] < 2**53


def test_a_replacement_has_other_undescribed_texts() -> None:
    target, declared = AwsPlan(recognizable=True, salt="salt"), resource("aws:docdb/cluster:Cluster", {})
    old, new = (target.create(replace(declared, seed=seed)) for seed in ("", f"{declared.urn} in a preview"))
    assert old.outputs["endpoint"] != new.outputs["endpoint"]
    assert target.update(replace(declared, id=old.id), old).outputs["endpoint"] == old.outputs["endpoint"]


SINGLE = {
    "aws:ecr/replicationConfiguration:ReplicationConfiguration",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
    "aws:ebs/encryptionByDefault:EncryptionByDefault",
    "aws:iam/accountPasswordPolicy:AccountPasswordPolicy",
}
"""The types of which an account has one object, or one in each region."""

OF_MANY_OBJECTS = {"metadata.namespace"}
"""The output of objects in a cluster that is no constant, but equal for many of them."""

DESCRIBED = [
    token
    for package in ("aws", "cloudflare", "datadog", "kubernetes")
    for token in table(package)
    if token.count(":") == 2 and token not in {r.CERTIFICATE, r.RELEASE}
]
"""The types of the tables, without a certificate, which needs a request, and a release, which has a name."""


def fewest_inputs(token: str, name: str) -> dict[str, Any]:
    """Return the required inputs of a type, each with a text of its own, and the beginning of a name."""
    if token.startswith("kubernetes:"):
        return {"metadata": {"generateName": "it-"}}
    inputs = schema.properties(schema.args_class(token))
    values: dict[str, Any] = {"a string": name, "a list": [], "an object": {}, "a boolean": True}
    nouns = {path: schema.nouns(prop.hint) for path, prop in inputs.items() if prop.required}
    required = {path: values.get(noun, 1) for path, noun in nouns.items()}
    prefix = f"{resource_type(token).name}Prefix"
    return required | ({prefix: "it-"} if prefix in inputs else {})


@each_row("token", DESCRIBED)
def test_two_resources_have_no_output_in_common_that_the_program_has_not_chosen(token: str) -> None:
    """If two outputs were equal, no report would show that two resources change places."""
    first, second = ({*_outputs_of(token, name)} for name in ("first", "second"))
    places = (AwsPlan(salt="salt").account_of({}), "ap-northeast-1")
    common = {path for path, value in first & second if value not in (*places, UNKNOWN)}
    constants = {path for owner, path in CONSTANTS if owner in (token, "*")}
    assert common - OF_MANY_OBJECTS <= (constants | {"id"} if token in SINGLE else constants)
    assert all(value not in ("", None) and "None" not in str(value) for _, value in first)


def _outputs_of(token: str, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the ID and each leaf of the outputs of a new resource that the program does not choose."""
    targets = {package.name: target for package, target in packages(recognizable=True, salt="salt")}
    inputs = fewest_inputs(token, name)
    live = targets[token.partition(":")[0]].create(resource(token, inputs, name))
    yield "id", live.id
    yield from answer_members(added_properties(live.outputs, inputs))


@each_row(
    ("token", "name", "inputs"),
    [
        ("aws:sns/topic:Topic", "name", {"namePrefix": "it-"}),
        ("aws:iam/policy:Policy", "name", {"namePrefix": "it-", "policy": "{}"}),
        (r.DATABASE, "identifier", {"identifierPrefix": "it-", "instanceClass": "db.t4g.micro"}),
        (r.BUCKET, "bucket", {"bucketPrefix": "it-"}),
        ("aws:cloudwatch/eventTarget:EventTarget", "targetId", {"rule": "it", "arn": "a"}),
    ],
)
def test_a_name_that_the_provider_chooses_is_part_of_the_arn_and_stays(
    token: str, name: str, inputs: dict[str, Any]
) -> None:
    target, declared = AwsPlan(recognizable=True, salt="salt"), resource(token, inputs)
    live = target.create(declared)
    chosen = live.outputs[name]
    assert re.fullmatch(r"(it|terraform)-\d{26}", chosen)
    assert added_properties(live.outputs, inputs).get("arn", live.id).endswith(chosen)
    moved = replace(resource(token, inputs, "other"), id=live.id)
    assert target.update(moved, live).outputs[name] == chosen
    set_before = replace(live, outputs=live.outputs | {name: "orders"})
    assert target.update(moved, set_before).outputs[name] == "orders", "as the provider keeps it"
    assert target.create(replace(declared, seed="in a preview")).outputs[name] != chosen


def test_a_custom_resource_chooses_none_of_the_digits_that_the_cluster_chooses() -> None:
    target = KubernetesPlan(recognizable=True, salt="salt")
    inputs: dict[str, Any] = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "a"}}
    plain_one, chosen = (
        target.create(resource("kubernetes:example.com/v1:Foo", inputs | fields)).outputs["metadata"]
        for fields in ({}, {"uuid": "chosen", "dec12": "41", "hex12_name": "b"})
    )
    assert plain_one == chosen


def test_an_object_has_a_name_that_starts_as_the_program_says() -> None:
    target = KubernetesPlan(recognizable=True, salt="salt")
    inputs = {"metadata": {"generateName": "public-", "namespace": "pipe"}}
    first, second = (target.create(resource(r.SECRET, inputs, name)) for name in ("first", "second"))
    name = first.outputs["metadata"]["name"]
    assert re.fullmatch(r"public-[0-9a-f]{12}", name) and first.id == f"pipe/{name}" != second.id
    moved = replace(resource(r.SECRET, inputs, "other"), id=first.id)
    assert target.update(moved, first).outputs["metadata"]["name"] == name


ROLE = "arn:aws:iam::222222222222:role/pulumi"


@each_row(
    ("settings", "account"),
    [
        ({}, None),
        ({"region": "eu-west-1", "defaultTags": {"tags": {}}, "maxRetries": 3, "version": "7"}, None),
        ({"allowedAccountIds": ["111122223333"]}, "111122223333"),
        ({"allowedAccountIds": ["111122223333", "222222222222"]}, None),
        ({"assumeRoles": [{"roleArn": ROLE}]}, "222222222222"),
        (
            {"assumeRoles": [{"roleArn": "arn:aws:iam::333333333333:role/a"}, {"roleArn": ROLE}]},
            "222222222222",
        ),
        ({"assumeRoleWithWebIdentity": {"roleArn": ROLE}}, "222222222222"),
        ({"assumeRoles": [{"roleArn": ROLE}], "allowedAccountIds": ["111122223333"]}, "222222222222"),
        ({"assumeRoles": [None, "x", {}], "allowedAccountIds": {"a": "b"}}, ""),
        ({"profile": "partner"}, ""),
    ],
)
def test_resources_have_the_account_to_which_their_provider_leads(
    settings: dict[str, Any], account: str | None
) -> None:
    """None stands for the default account, and an empty text for one of its own."""
    target = AwsPlan(salt="salt")
    default = target.account_of({})
    arn = target.create(resource(r.ROLE, VALID[r.ROLE], **settings)).outputs["arn"]
    actual = arn.split(":")[4]
    assert re.fullmatch(r"\d{12}", actual)
    assert actual == account if account else (actual == default) == (account is None)
    identity = target.invoke("aws:index/getCallerIdentity:getCallerIdentity", {}, settings)
    assert identity["accountId"] == actual and default != "123456789012"


def test_clusters_of_one_name_in_two_accounts_or_regions_have_different_endpoints() -> None:
    target = AwsPlan(salt="salt")
    places: list[dict[str, Any]] = [{}, {"profile": "partner"}, {"region": "eu-west-1"}]
    endpoints = {
        target.create(resource(r.CLUSTER, VALID[r.CLUSTER], **place)).outputs["endpoint"][8:40]
        for place in places
    }
    assert len(endpoints) == 3


LOOK_UPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": ({}, {"region": "eu-west-1"}),
    "aws:index/getCallerIdentity:getCallerIdentity": ({}, {}),
    "aws:index/getPartition:getPartition": ({}, {}),
    "aws:index/getRegion:getRegion": ({}, {"region": "eu-west-1"}),
    "cloudflare:index/getZone:getZone": ({"zoneId": "1" * 32}, {"zoneId": "2" * 32}),
    "cloudflare:index/getZones:getZones": ({"name": "a.example"}, {"name": "b.example"}),
}
"""The arguments of two look-ups that find different things, by token."""


def look_up(token: str, arguments: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Return the answer to a look-up in a review."""
    targets = {package.name: target for package, target in packages(recognizable=True, salt="salt")}
    return targets[token.partition(":")[0]].invoke(token, arguments, settings)


def test_the_tests_know_each_look_up() -> None:
    names = {name for package in ("aws", "cloudflare") for name in table(package)["invokes"]}
    assert names == {token.rpartition(":")[2] for token in LOOK_UPS}


def missing(cls: type[Any], answer: dict[str, Any]) -> Iterator[str]:
    """Yield the members of a class of the SDK that an answer lacks, without arguments."""
    for name, member in schema.properties(cls).items():
        [option] = schema.value_hints(member.hint)
        if not member.required:
            continue
        value: Any = answer.get(name)
        if value is None or value in ("", [], {}):
            yield name
        for part in (option, *typing.get_args(option)):
            if schema.is_object(part):
                items = cast("list[Any]", value if isinstance(value, list) else [value])
                for item in items:
                    yield from missing(part, item)


@each_row("token", [*LOOK_UPS])
def test_an_answer_has_each_member_that_is_no_argument(token: str) -> None:
    cls, answer = schema.answer_class(token), look_up(token, LOOK_UPS[token][0])
    assert not [*missing(cls, answer)]
    # The classes of answers refuse a text in place of a boolean of their own, so a table has to describe it.
    for name, member in schema.properties(cls).items():
        is_boolean = member.required and schema.nouns(member.hint) == "a boolean"
        assert not is_boolean or isinstance(answer[name], bool)


@each_row("token", [*LOOK_UPS])
def test_two_answers_have_no_member_in_common_that_tells_what_they_have_found(token: str) -> None:
    first, second = ({*answer_members(look_up(token, arguments))} for arguments in LOOK_UPS[token])
    package, name = token.partition(":")[0], token.rpartition(":")[2]
    assert {path for path, _ in first & second} <= {*table(package)["constants"][name]}


@each_row(
    ("settings", "identity"),
    [
        ({"region": "eu-west-1", "maxRetries": 3}, None),
        ({"assumeRoles": [{"roleArn": ROLE}]}, "pulumi/"),
        ({"assumeRoles": [{"roleArn": "arn:aws:iam::222222222222:role/ci/admin"}]}, "admin/"),
        ({"assumeRoles": [{"roleArn": ROLE, "sessionName": "ci"}]}, "pulumi/ci"),
        ({"assumeRoles": [{"roleArn": ROLE}, {"roleArn": ROLE.replace("pulumi", "last")}]}, "last/"),
        ({"assumeRoleWithWebIdentity": {"roleArn": ROLE}}, "pulumi/"),
        ({"profile": "partner", "allowedAccountIds": ["222222222222"]}, ""),
        ({"profile": "other", "allowedAccountIds": ["222222222222"]}, ""),
    ],
)
def test_a_provider_has_the_identity_to_which_its_settings_lead(
    settings: dict[str, Any], identity: str | None
) -> None:
    """None stands for the identity of a provider without settings."""
    token = "aws:index/getCallerIdentity:getCallerIdentity"
    default, own, other = (look_up(token, {}, **x) for x in ({}, settings, {"profile": "a role"}))
    if identity is None:
        assert own == default
        return
    account, user = own["arn"].removeprefix("arn:aws:sts::").split(":assumed-role/")
    assert account == "222222222222" and user.startswith(identity)
    assert own["userId"].split(":")[1] == user.split("/")[1]
    for member in ("arn", "userId"):
        assert len({answer[member] for answer in (default, own, other)}) == 3


def test_two_roles_or_profiles_of_one_account_are_two_identities() -> None:
    token = "aws:index/getCallerIdentity:getCallerIdentity"
    limit = {"allowedAccountIds": ["222222222222"]}
    rows: list[dict[str, Any]] = [
        {"assumeRoles": [{"roleArn": f"{ROLE}-a", "sessionName": "ci"}]},
        {"assumeRoles": [{"roleArn": f"{ROLE}-b", "sessionName": "ci"}]},
        *({"profile": name, **limit} for name in "ab"),
    ]
    answers = [look_up(token, {}, **row) for row in rows]
    assert {answer["accountId"] for answer in answers} == {"222222222222"}
    assert all(len({answer[member] for answer in answers}) == 4 for member in ("arn", "userId"))


ONE_ITEM = {("identities",), ("identities", "0", "oidcs"), ("masterUserSecrets",)}
"""Outputs of AWS that are lists with exactly one item."""

NO_ITEM = {("dnsEntries",), ("networkInterfaceIds",)}
"""Outputs of AWS that are empty lists unless the program sets an input."""

OF_CLOUDS = [token for token in DESCRIBED if not token.startswith("kubernetes:")]
"""The types of the tables to whose outputs a simulated API adds lists."""

UNDESCRIBED = [
    "aws:acm/certificate:Certificate",
    "aws:elasticache/cluster:Cluster",
    "aws:mq/broker:Broker",
    "aws:route53/zone:Zone",
    "aws:wafv2/webAcl:WebAcl",
    "cloudflare:index/zone:Zone",
    "datadog:index/logsArchive:LogsArchive",
]
"""Types without a row whose outputs have lists."""


def lists(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """Yield each list in a value with its path."""
    if isinstance(value, list):
        yield path, cast("list[Any]", value)
        value = {str(index): item for index, item in enumerate(cast("list[Any]", value))}
    if isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from lists(item, (*path, name))


def similar_lists(value: Any) -> Iterator[tuple[str, ...]]:
    """Yield the path of each list with less than three different items."""
    for path, items in lists(value):
        texts = {json.dumps(item, default=str, sort_keys=True) for item in items}
        if len(texts) < max(3, len(items)):
            yield path


@each_row("token", [*OF_CLOUDS, *UNDESCRIBED])
def test_the_items_of_each_list_differ_as_on_an_account(token: str) -> None:
    """Otherwise, nobody would see that a program uses another item than before."""
    targets = {package.name: target for package, target in packages(recognizable=True, salt="salt")}
    target, declared = targets[token.partition(":")[0]], resource(token, {})
    assert {*similar_lists(target.create(declared).outputs)} <= ONE_ITEM | NO_ITEM
    live = target.read(replace(declared, id="it"), {"id": "it"})
    assert live and [*similar_lists(live.outputs)] == []
    assert token in OF_CLOUDS or [*lists(live.outputs)]


def test_a_list_in_a_list_has_several_items_unless_a_type_has_too_many_parts() -> None:
    def read(token: str) -> dict[str, Any]:
        targets = {package.name: target for package, target in packages(recognizable=True)}
        live = targets[token.partition(":")[0]].read(replace(resource(token, {}), id="it"), {"id": "it"})
        assert live
        return live.outputs

    [container, *_] = read("kubernetes:core/v1:Pod")["spec"]["containers"]
    assert len(container["ports"]) == len(container["args"]) == 3
    outputs = read("datadog:index/dashboard:Dashboard")
    assert len(outputs["widgets"]) == 3 and sum(len(items) for _, items in lists(outputs)) < 10 * PARTS


def test_the_items_of_each_list_in_an_answer_differ() -> None:
    token = "cloudflare:index/getZones:getZones"
    zones = look_up(token, {"account": {"id": "1" * 32}})["results"]
    for name in ("id", "name", "verificationKey"):
        assert len({zone[name] for zone in zones}) == 3
    # All zones of a region are in one group.
    assert {path[1:] for path in similar_lists([look_up(token, {}) for token in LOOK_UPS])} == {
        ("groupNames",)
    }


def test_a_name_finds_one_zone_and_an_operator_several() -> None:
    token = "cloudflare:index/getZones:getZones"
    [zone] = look_up(token, {"name": "pipe.dev"})["results"]
    assert zone["name"] == "pipe.dev"
    assert len(look_up(token, {"name": "contains:pipe"})["results"]) == 3
    assert len(look_up(token, {"name": "contains:pipe", "maxItems": 2})["results"]) == 2
    token = "cloudflare:index/getZone:getZone"
    names = [look_up(token, {"filter": {"name": name}})["name"] for name in ("Pipe.Dev", "contains:pipe")]
    assert names[0] == "pipe.dev" and ":" not in names[1]


COPIES = {
    ("aws:cloudtrail/trail:Trail", "arn"),
    ("aws:codebuild/project:Project", "arn"),
    ("aws:costexplorer/anomalyMonitor:AnomalyMonitor", "arn"),
    ("aws:costexplorer/anomalySubscription:AnomalySubscription", "arn"),
    ("aws:ec2/eip:Eip", "allocationId"),
    ("aws:ec2/vpc:Vpc", "mainRouteTableId"),
    ("aws:ecr/replicationConfiguration:ReplicationConfiguration", "registryId"),
    ("aws:eks/podIdentityAssociation:PodIdentityAssociation", "associationId"),
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "arn"),
    ("aws:iam/policy:Policy", "arn"),
    ("aws:kms/key:Key", "keyId"),
    ("aws:rds/instance:Instance", "resourceId"),
    ("aws:sns/topic:Topic", "arn"),
    ("aws:sns/topicSubscription:TopicSubscription", "arn"),
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "securityGroupRuleId"),
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "securityGroupRuleId"),
}
"""Outputs that equal the ID or another output on an account as well."""


def test_no_two_outputs_of_a_resource_are_equal_unless_an_account_has_them_equal() -> None:
    equal: set[tuple[str, str]] = set()
    for token in OF_CLOUDS:
        inputs = schema.properties(schema.args_class(token))
        seen: set[str] = set()
        for path, value in _outputs_of(token, "it"):
            if path not in inputs and value is not UNKNOWN and str(value) in seen:
                equal.add((token, path))
            seen.add(str(value))
    assert equal == COPIES


def test_a_renamed_object_keeps_its_address() -> None:
    target = KubernetesPlan(salt="salt")
    old = target.create(resource(r.SERVICE, VALID[r.SERVICE], "old"))
    new = target.update(replace(resource(r.SERVICE, VALID[r.SERVICE], "new"), id=old.id), old)
    assert new.outputs["spec"] == old.outputs["spec"] and new.outputs["status"] == old.outputs["status"]


def test_a_review_recognizes_the_outputs_of_a_resource_that_the_program_only_reads() -> None:
    target = AwsPlan(recognizable=True, salt="salt")
    state = {"identifier": "customers"}

    def read(name: str, identifier: str) -> dict[str, Any]:
        declared = replace(resource(r.DATABASE, {}, name), id=identifier)
        live = target.read(declared, state)
        assert live and live.outputs["identifier"] == "customers"
        return live.outputs

    customers, public, other = read("a", "db-1"), read("b", "db-1"), read("a", "db-2")
    for name in ("address", "arn", "kmsKeyId", "engineVersionActual"):
        assert len({outputs[name] for outputs in (customers, public, other)}) == 3
        assert INVENTED in customers[name]
    assert customers["port"] in INVENTED_NUMBERS and INVENTED in customers["multiAz"]
    live = AwsPlan().read(resource(r.DATABASE, {}), state)
    assert live and live.outputs == state, "outside of a review"
