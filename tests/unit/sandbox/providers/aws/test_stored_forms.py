"""Tests of the form in which AWS's provider stores inputs."""

import json
import typing
from typing import Any

import pytest

from sandbox.providers.aws.package import AwsPlan
from sandbox.providers.aws.stored_forms import FORMS, restore, stored
from sandbox.providers.resource_types import table
from sandbox.wire import schema
from sandbox.wire.values import UNKNOWN, Secret, decode, encode
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.resources import resource

STATEMENT = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [STATEMENT]}
NORMALIZED = '{"Statement":[{"Action":"s3:Get*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}'
ALIAS, GROUP = "aws:kms/alias:Alias", "aws:ec2/securityGroup:SecurityGroup"
ZONE, RECORD = "aws:route53/zone:Zone", "aws:route53/record:Record"
KEY_ID = "12345678-1234-1234-1234-123456789012"
KEY = f"arn:aws:kms:ap-northeast-1:123456789012:key/{KEY_ID}"

FORMS_OF_INPUTS: list[tuple[str, str, Any, Any]] = [
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "url", "https://ci.example/x", "ci.example/x"),
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "clientIdLists", ["b", "a", "b"], ["a", "b"]),
    (r.ROLE, "assumeRolePolicy", json.dumps(DOCUMENT, indent=1), NORMALIZED),
    (r.ROLE, "assumeRolePolicy", DOCUMENT, NORMALIZED),
    (r.ROLE, "assumeRolePolicy", Secret(json.dumps(DOCUMENT)), Secret(NORMALIZED)),
    (r.ROLE, "assumeRolePolicy", "not JSON", "not JSON"),
    (r.ROLE, "description", '{ "a": 1 }', '{ "a": 1 }'),
    ("aws:sqs/queuePolicy:QueuePolicy", "policy", json.dumps(DOCUMENT), NORMALIZED),
    (
        "aws:iam/rolePolicy:RolePolicy",
        "policy",
        json.dumps(DOCUMENT),
        '{"Version":"2012-10-17","Statement":[{"Action":"s3:Get*","Effect":"Allow","Resource":"*"}]}',
    ),
    ("aws:ecr/lifecyclePolicy:LifecyclePolicy", "policy", '{"b": 1.0, "a": "<"}', '{"a":"\\u003c","b":1}'),
    ("aws:cloudwatch/eventRule:EventRule", "eventPattern", '{"b": [ "<" ]}', '{"b":["<"]}'),
    (ALIAS, "targetKeyId", KEY, KEY_ID),
    (ALIAS, "targetKeyId", KEY_ID, KEY_ID),
    ("aws:budgets/budget:Budget", "limitAmount", "100", "100.0"),
    ("aws:budgets/budget:Budget", "limitAmount", "10000000", "10000000"),
    (r.DATABASE, "maintenanceWindow", "Sun:03:00-Sun:04:00", "sun:03:00-sun:04:00"),
    (r.DATABASE, "enabledCloudwatchLogsExports", ["upgrade", "postgresql"], ["postgresql", "upgrade"]),
    (r.DATABASE, "enabledCloudwatchLogsExports", ["upgrade", UNKNOWN], ["upgrade", UNKNOWN]),
    (GROUP, "egress", [{"protocol": "TCP"}, {"protocol": "17"}], [{"protocol": "tcp"}, {"protocol": "udp"}]),
    (ZONE, "name", "Stg.Example.com.", "stg.example.com"),
    (ZONE, "name", ".", "."),
    (ZONE, "name", r"*.a/b\057c*.example", r"*.a\057b\057c\052.example"),
    (RECORD, "name", "WWW.example.com.", "www.example.com"),
    (
        RECORD,
        "aliases",
        [{"name": "LB.Example.", "zoneId": "Z1."}],
        [{"name": "lb.example", "zoneId": "Z1."}],
    ),
    (RECORD, "records", ["192.0.2.2", "192.0.2.1"], ["192.0.2.1", "192.0.2.2"]),
    ("aws:wafv2/ipSet:IpSet", "addresses", ["10.0.0.0/8", "0.0.0.0/2"], ["0.0.0.0/2", "10.0.0.0/8"]),
    (
        r.CLUSTER,
        "vpcConfig",
        {"subnetIds": ["subnet-b", "subnet-a"]},
        {"subnetIds": ["subnet-a", "subnet-b"]},
    ),
]


@pytest.mark.parametrize(("token", "name", "value", "expected"), FORMS_OF_INPUTS)
def test_an_output_has_the_form_in_which_the_provider_stores_the_input(
    token: str, name: str, value: Any, expected: Any
) -> None:
    assert stored(token, {name: value}) == {name: expected}
    assert stored(token, {name: expected}) == {name: expected}, "the second run of a review restores the form"


def test_the_outputs_with_other_texts_get_the_form_of_the_provider() -> None:
    documents: list[Any] = [
        {"Statement": [], "Condition": dict.fromkeys(addresses, 1)} for addresses in ("ba", "ab")
    ]
    role, other = ({"assumeRolePolicy": json.dumps(document)} for document in documents)
    outputs, declared = encode(role | {"arn": json.dumps(documents[0])}), encode(other)
    restore(outputs, r.ROLE, declared)
    assert decode(outputs)["assumeRolePolicy"] == '{"Condition":{"a":1,"b":1},"Statement":[]}'
    assert decode(outputs)["arn"] == json.dumps(documents[0]), "the program does not declare it"


def test_the_inputs_in_a_state_stay_as_the_program_wrote_them() -> None:
    target, inputs = AwsPlan(), {"name": "alias/app", "targetKeyId": KEY}
    created = target.create(resource(ALIAS, inputs))
    for live in (created, target.update(resource(ALIAS, inputs), created)):
        assert live.inputs == inputs
        assert live.outputs["targetKeyId"] == KEY_ID and live.outputs["targetKeyArn"] == KEY


def test_each_row_of_the_table_names_an_input_and_a_form() -> None:
    for token, rows in table("aws")["stored"].items():
        for path, form in rows.items():
            assert form in FORMS
            first, _, rest = path.partition(".")
            [hint] = schema.value_hints(schema.properties(schema.args_class(token))[first].hint)[:1]
            item = next((x for x in typing.get_args(hint) if rest), hint)
            assert not rest or rest in schema.properties(schema.value_hints(item)[0])
