"""Tests of invalid inputs and the messages about them. Each case has a single invalid property."""

import json
from typing import Any

import pytest

from sandbox.providers.rest.altered_secrets import alter_secrets
from sandbox.providers.rest.package import HIDDEN
from sandbox.wire.schema import UnknownTypeError
from sandbox.wire.values import UNKNOWN, Secret, map_items
from tests.support.rows import each_row
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.resources import VALID, Providers, changed


@each_row("token", VALID)
def test_valid_inputs_pass(providers: Providers, token: str):
    assert providers.faults(token, VALID[token]) == []


@each_row("token", VALID)
def test_unknown_and_secret_values_pass(providers: Providers, token: str):
    def make_unknown(value: Any) -> Any:
        return map_items(value, make_unknown) if isinstance(value, dict | list) else UNKNOWN

    constant = {key: value for key, value in VALID[token].items() if key in ("apiVersion", "kind")}
    assert providers.faults(token, make_unknown(VALID[token]) | constant) == []
    secret = {key: Secret(value) for key, value in VALID[token].items()}
    assert providers.faults(token, secret | constant) == []


def test_a_database_has_either_a_password_or_one_that_rds_manages(providers: Providers):
    both = {**VALID[r.DATABASE], "password": Secret("planted-password"), "manageMasterUserPassword": True}
    assert providers.faults(r.DATABASE, both) == ["manageMasterUserPassword: conflicts with password"]


FAULTS: list[tuple[str, str, Any, str]] = [
    (
        r.VPC,
        "cidr",
        "10.0.0.0/16",
        "cidr: there is no such property; closest: cidrBlock; allowed: assignGeneratedIpv6CidrBlock, "
        "cidrBlock, enableDnsHostnames, enableDnsSupport, enableNetworkAddressUsageMetrics, instanceTenancy, "
        "ipv4IpamPoolId, ipv4NetmaskLength, ipv6CidrBlock, ipv6CidrBlockNetworkBorderGroup, ipv6IpamPoolId, "
        "ipv6NetmaskLength, region, tags",
    ),
    (r.VPC, "enableDnsSupport", "yes", 'enableDnsSupport: "yes", a string; a boolean is required'),
    (r.VPC, "ipv4NetmaskLength", 16.5, "ipv4NetmaskLength: 16.5, a number; a whole number is required"),
    (r.VPC, "ipv4NetmaskLength", True, "ipv4NetmaskLength: true, a boolean; a whole number is required"),
    (r.VPC, "tags", ["a"], "tags: a list; an object is required"),
    (r.VPC, "tags.port", 443, "tags.port: 443, a number; a string is required"),
    (r.CLUSTER, "roleArn", None, "roleArn: missing; a string is required"),
    (r.CLUSTER, "vpcConfig.subnetIds", None, "vpcConfig.subnetIds: missing; a list is required"),
    (r.CLUSTER, "vpcConfig.subnetIds.1", 7, "vpcConfig.subnetIds[1]: 7, a number; a string is required"),
    (
        r.CLUSTER,
        "vpcConfig.endpointPublic",
        False,
        "vpcConfig.endpointPublic: there is no such property; closest: endpointPublicAccess, "
        "endpointPrivateAccess; allowed: clusterSecurityGroupId, controlPlaneEgressMode, "
        "endpointPrivateAccess, endpointPublicAccess, publicAccessCidrs, securityGroupIds, subnetIds, vpcId",
    ),
    (
        r.CLUSTER,
        "accessConfig.authenticationMode",
        "APIS",
        'accessConfig.authenticationMode: "APIS", a string, is not an allowed value; closest: "API"; '
        'allowed: "API", "API_AND_CONFIG_MAP", "CONFIG_MAP"',
    ),
    (r.DATABASE, "port", Secret("5432"), "port: (a secret) a string; a whole number is required"),
    (
        r.DATABASE,
        "networkType",
        Secret("hunter2"),
        "networkType: (a secret) a string, is not an allowed value; allowed: IPV4, DUAL",
    ),
    (
        r.RULE,
        "prefixListId",
        "pl-1",
        "exactly one of cidrIpv4, cidrIpv6, prefixListId, referencedSecurityGroupId is required; "
        "found: cidrIpv4, prefixListId",
    ),
    (
        r.ROLE,
        "assumeRolePolicy",
        "{",
        "assumeRolePolicy: is not JSON: "
        "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    (
        r.ROLE,
        "assumeRolePolicy",
        r.RIGHTS,
        "assumeRolePolicy.Statement[0]: an object, "
        "cannot have a Resource: this is the trust policy of a role",
    ),
    (
        r.ROLE_POLICY,
        "policy",
        r.TRUST,
        "policy.Statement[0]: an object, cannot have a Principal: this is the policy of an identity",
    ),
    (
        r.ROLE_POLICY,
        "policy",
        r.RIGHTS.replace("2012-10-17", "2012-10-18"),
        'policy.Version: "2012-10-18", a string, is not an allowed value; '
        'closest: "2012-10-17", "2008-10-17"; allowed: "2008-10-17", "2012-10-17"',
    ),
    (
        r.ROLE_POLICY,
        "policy",
        r.RIGHTS.replace("Allow", "allow"),
        'policy.Statement[0].Effect: "allow", a string, is not an allowed value; closest: "Allow"; '
        'allowed: "Allow", "Deny"',
    ),
    (
        r.ROLE_POLICY,
        "policy",
        r.RIGHTS.replace("s3:GetObject", "GetObject"),
        'policy.Statement[0].Action: "GetObject", a string, is not an action; '
        "service:Action or * is required",
    ),
    (
        r.ROLE_POLICY,
        "policy",
        r.RIGHTS.replace("Resource", "Resources"),
        "policy.Statement[0].Resources: there is no such field; closest: Resource, NotResource; "
        "allowed: Action, Condition, Effect, NotAction, NotPrincipal, NotResource, Principal, Resource, Sid",
    ),
    (r.RECORD, "ttl", None, "ttl: missing; a number is required"),
    (
        r.RULESET,
        "phase",
        "http_rate_limit",
        'phase: "http_rate_limit", a string, is not an allowed value; closest: "http_ratelimit", '
        '"magic_transit_ratelimit"; allowed: "ddos_l4", "ddos_l7", "http_config_settings", '
        '"http_custom_errors", "http_log_custom_fields", "http_ratelimit", "http_request_cache_settings", '
        '"http_request_dynamic_redirect", "http_request_firewall_custom", "http_request_firewall_managed", '
        '"http_request_late_transform", "http_request_origin", "http_request_redirect", '
        '"http_request_sanitize", "http_request_sbfm", "http_request_transform", '
        '"http_response_cache_settings", "http_response_compression", "http_response_firewall_managed", '
        '"http_response_headers_transform", "magic_transit", "magic_transit_ids_managed", '
        '"magic_transit_managed", "magic_transit_ratelimit"',
    ),
    (r.SETTING, "value", "1.4", "/value: Input should be '1.0', '1.1', '1.2' or '1.3'"),
    (r.SETTING, "settingId", "min_tls", "no such setting"),
    (
        r.CERTIFICATE,
        "requestedValidity",
        100,
        "/requested_validity: Input should be 7, 30, 90, 365, 730, 1095 or 5475",
    ),
    (r.RECORD, "content", None, "/: content or data is required"),
    (r.RECORD, "ttl", 5, "/ttl: Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."),
    (
        r.MONITOR,
        "monitorThresholds.critical",
        "0.02",
        "Alert threshold (0.02) does not match that used in the query (0.01).",
    ),
    (
        r.MONITOR,
        "query",
        "errors > 1",
        "The value provided for parameter 'query' is invalid: syntax error after ''",
    ),
    (
        r.MONITOR,
        "onMissingData",
        "resolved",
        'onMissingData: "resolved", a string, is not an allowed value; closest: "resolve"; '
        'allowed: "default", "resolve", "show_and_notify_no_data", "show_no_data"',
    ),
    (r.RELEASE, "chart", None, "chart: missing; a string is required"),
]


@each_row(("token", "path", "value", "message"), FAULTS)
def test_a_wrong_property_is_refused(providers: Providers, token: str, path: str, value: Any, message: str):
    assert message in providers.faults(token, changed(token, path, value))


GRANT = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:List*"], "Resource": ["*"], "Principal": "*"}
ONE_OF = "policy.Statement[0]: an object, has to have exactly one of"
STATEMENTS: list[tuple[dict[str, Any], str]] = [
    ({"Effect": None}, "policy.Statement[0].Effect: missing"),
    ({"Sid": 1}, "policy.Statement[0].Sid: 1, a number; string is required"),
    ({"NotAction": "s3:*"}, f"{ONE_OF} Action and NotAction"),
    ({"Resource": None}, f"{ONE_OF} Resource and NotResource"),
    ({"Principal": None}, f"{ONE_OF} Principal and NotPrincipal"),
    (
        {"Principal": "me"},
        'policy.Statement[0].Principal: "me", a string, is not a principal; "*" or an object is required',
    ),
    (
        {"Action": ["s3:GetObject", "*:*"]},
        'policy.Statement[0].Action[1]: "*:*", a string, is not an action; service:Action or * is required',
    ),
    (
        {"Action": "s3:GetObject\n"},
        'policy.Statement[0].Action: "s3:GetObject\n", a string, '
        "is not an action; service:Action or * is required",
    ),
    ({"Resource": [1]}, "policy.Statement[0].Resource[0]: 1, a number; string is required"),
    ({"Condition": []}, "policy.Statement[0].Condition: a list; object is required"),
    ({"Condition": {"Bool": "x"}}, 'policy.Statement[0].Condition.Bool: "x", a string; object is required'),
]
DOCUMENTS: list[tuple[Any, str]] = [
    ([], "policy: a list; object is required"),
    ({"Statement": [GRANT]}, "policy.Version: missing"),
    ({"Version": "2012-10-17"}, "policy.Statement: missing"),
    ({"Version": "2012-10-17", "Statement": []}, "policy.Statement: a list, has no statement"),
    (
        {"Version": "2012-10-17", "Statement": ["x"]},
        'policy.Statement[0]: "x", a string; object is required',
    ),
]


@each_row("days", [6, 31])
def test_a_deletion_window_outside_the_limits_is_refused(providers: Providers, days: int):
    faults = providers.faults("aws:kms/key:Key", {"deletionWindowInDays": days})
    assert faults == [f"deletionWindowInDays: {days}, a number, is not within 7 to 30"]


def bucket_policy_faults(providers: Providers, document: Any) -> list[str]:
    inputs = {"bucket": "pipe-backup", "policy": json.dumps(document)}
    return providers.faults("aws:s3/bucketPolicy:BucketPolicy", inputs)


@each_row(("document", "message"), DOCUMENTS)
def test_an_invalid_policy_document_is_refused(providers: Providers, document: Any, message: str):
    assert bucket_policy_faults(providers, document) == [message]


@each_row(("change", "message"), STATEMENTS)
def test_an_invalid_policy_statement_is_refused(providers: Providers, change: dict[str, Any], message: str):
    statement = {key: value for key, value in {**GRANT, **change}.items() if value is not None}
    assert bucket_policy_faults(providers, {"Version": "2012-10-17", "Statement": [statement]}) == [message]


def test_a_single_statement_without_a_list_passes(providers: Providers):
    assert bucket_policy_faults(providers, {"Version": "2012-10-17", "Statement": GRANT}) == []


SECURITY_HEADER = {"strict_transport_security": {"enabled": True, "max_age": 31536000, "nosniff": True}}


def test_a_setting_that_is_an_object_passes(providers: Providers):
    inputs = {"zoneId": "z", "settingId": "security_header", "value": SECURITY_HEADER}
    assert providers.faults(r.SETTING, inputs) == []


def test_a_setting_in_camel_case_is_refused(providers: Providers):
    value = {"strict_transport_security": {"enabled": True, "maxAge": "a year", "max_age": "a year"}}
    assert providers.faults(r.SETTING, {"zoneId": "z", "settingId": "security_header", "value": value}) == [
        "/value/strict_transport_security/max_age: Input should be a valid number",
        "/value/strict_transport_security/maxAge: Extra inputs are not permitted",
    ]


@each_row("secret", [("zoneId",), ("value",), ("zoneId", "value")])
def test_a_secret_hides_only_the_faults_of_its_input(providers: Providers, secret: tuple[str, ...]):
    inputs: dict[str, Any] = {"zoneId": "z", "settingId": "./ssl", "value": "off"}
    marked = inputs | {name: Secret(inputs[name]) for name in secret}
    assert providers.faults(r.SETTING, marked) == ["no such setting"]
    assert providers.faults(r.SETTING, marked | {"zoneId": UNKNOWN}) == ["no such setting"]


def test_a_word_that_is_a_secret_hides_no_message_with_this_word(providers: Providers):
    inputs: dict[str, Any] = {"zoneId": "z", "settingId": "./ssl", "value": Secret("setting")}
    assert providers.faults(r.SETTING, inputs) == ["no such setting"]


@each_row("critical", ["5.5", "5.50", "55e-1"])
def test_a_fault_that_depends_on_a_secret_is_hidden_in_every_spelling(providers: Providers, critical: str):
    inputs: dict[str, Any] = {
        "name": "it",
        "type": "query alert",
        "message": "it",
        "query": "avg(last_5m):avg:system.load.1{*} > 7",
        "monitorThresholds": {"critical": critical},
    }
    (fault,) = providers.faults(r.MONITOR, inputs)
    assert "(5.5)" in fault
    marked = inputs | {"monitorThresholds": {"critical": Secret(critical)}}
    assert providers.faults(r.MONITOR, marked) == [HIDDEN]


def test_only_secrets_are_altered_and_keep_their_types():
    inputs = {"a": Secret({"b": [True, 0, -2, 2.5, "a9fZ-", None, UNKNOWN]}), "c": 0, "d": "a"}
    altered = {"a": Secret({"b": [False, 1, -4, 5.0, "b0aG-", None, UNKNOWN]}), "c": 0, "d": "a"}
    assert alter_secrets(inputs) == altered


def test_the_fault_of_a_secret_is_not_shown(providers: Providers):
    inputs: dict[str, Any] = {"zoneId": "z", "settingId": "ssl", "value": "planted"}
    assert len(providers.faults(r.SETTING, inputs)) == 1
    assert providers.faults(r.SETTING, inputs | {"value": Secret("planted")}) == []
    dashboard = {"dashboard": Secret('{"title": "Pipe", "widgets": []}')}
    assert providers.faults("datadog:index/dashboardJson:DashboardJson", dashboard) == []


def test_a_dashboard_without_a_layout_is_refused(providers: Providers):
    token = "datadog:index/dashboardJson:DashboardJson"
    assert providers.faults(token, {"dashboard": '{"title": "Pipe", "widgets": []}'}) == [
        "missing: layout_type"
    ]


CONTAINER = "spec.template.spec.containers.0"
OBJECT_FAULTS: list[tuple[str, str, Any, str]] = [
    (
        r.DEPLOYMENT,
        f"{CONTAINER}.imagePolicy",
        "Always",
        "spec.template.spec.containers[0].imagePolicy: there is no such field; closest: imagePullPolicy, "
        "resizePolicy, image; allowed: args, command, env, envFrom, image, imagePullPolicy, lifecycle, "
        "livenessProbe, name, ports, readinessProbe, resizePolicy, resources, restartPolicy, "
        "restartPolicyRules, securityContext, startupProbe, stdin, stdinOnce, terminationMessagePath, "
        "terminationMessagePolicy, tty, volumeDevices, volumeMounts … (25 in all)",
    ),
    (r.DEPLOYMENT, f"{CONTAINER}.name", None, "spec.template.spec.containers[0].name: missing"),
    (r.DEPLOYMENT, "spec.replicas", "3", 'spec.replicas: "3", a string; integer is required'),
    (
        r.DEPLOYMENT,
        f"{CONTAINER}.imagePullPolicy",
        "Sometimes",
        'spec.template.spec.containers[0].imagePullPolicy: "Sometimes", a string, is not an allowed value; '
        'allowed: "Always", "IfNotPresent", "Never"',
    ),
    (
        r.DEPLOYMENT,
        f"{CONTAINER}.resources.limits.memory",
        "256MB",
        'spec.template.spec.containers[0].resources.limits.memory: "256MB", a string, '
        "is not a quantity such as 250m, 0.5, 512Mi or 2Gi",
    ),
    (
        r.DEPLOYMENT,
        "spec.template.metadata.labels.app",
        "web",
        'spec.template.metadata.labels.app: does not match spec.selector, which requires "api", a string',
    ),
    (
        r.DEPLOYMENT,
        "metadata.name",
        "Api_1",
        'metadata.name: "Api_1", a string, is not a valid name; a-z, 0-9, - and . are allowed, at most 253',
    ),
    (
        r.DEPLOYMENT,
        "metadata.labels.app",
        "the api",
        'metadata.labels.app: "the api", a string, is not a valid label value; '
        "A-Z, a-z, 0-9, -, _ and . are allowed, at most 63",
    ),
    (
        r.SECRET,
        "stringData.password",
        Secret(5),
        "stringData.password: (a secret) a number; string is required",
    ),
    (
        r.SECRET,
        "stringData",
        Secret({"password": 5}),
        "stringData.password: (a secret) a number; string is required",
    ),
    (
        r.NAMESPACE,
        "kind",
        "Namespaces",
        'kind: "Namespaces", a string, does not exist in Kubernetes 1.34 with apiVersion "v1", a string',
    ),
]


@each_row(("token", "path", "value", "message"), OBJECT_FAULTS)
def test_a_wrong_field_of_an_object_is_refused(
    providers: Providers, token: str, path: str, value: Any, message: str
):
    assert message in providers.faults(token, changed(token, path, value))


@each_row("token", ["aws:ec2/vpcs:Vpcs", "datadog:index/alarm:Alarm", "cloudflare:index/vpc:Vpc"])
def test_a_type_that_the_sdk_lacks_is_refused(providers: Providers, token: str):
    package = token.partition(":")[0]
    with pytest.raises(UnknownTypeError, match=f"^pulumi-{package} has no resource type {token}$"):
        providers.faults(token, {})
