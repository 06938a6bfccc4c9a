from typing import Any

import pytest

from policies.engine.rule import Resource
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, resource, urn

INSTANCE = "aws:rds/instance:Instance"


GROUP = "aws:rds/parameterGroup:ParameterGroup"


GOOD = {"name": "pipe", "family": "postgres17"}


BAD = {"name": "pipe", "family": "postgres14"}


DATABASE = "tls-hop-database"


def database(name: str = "pipe", **more: Any) -> Resource:
    return resource(INSTANCE, {"parameterGroupName": name}, **more)


def test_a_database_uses_a_group_that_forces_tls(messages_of_stack: MessagesOf) -> None:
    assert messages_of_stack(DATABASE, database(), resource(GROUP, GOOD)) == []
    assert messages_of_stack(DATABASE, database(), resource(GROUP, BAD)) == [
        "parameterGroupName is a group in which parameters is without rds.force_ssl; "
        "add it with the value 1; correct the group"
    ]
    assert messages_of_stack(DATABASE, database("default.postgres14"), resource(GROUP, GOOD)) == [
        "parameterGroupName is 'default.postgres14'; set it to a parameter group of this stack "
        "that forces TLS"
    ]


@pytest.mark.parametrize(
    ("props", "forced"),
    [
        ({"parameterGroupName": "default.postgres15"}, True),
        ({"parameterGroupName": "default.mariadb11.8"}, True),
        ({"parameterGroupName": "default.mysql8.4"}, False),
        ({"engine": "postgres", "engineVersion": "17.4"}, True),
        ({"engine": "postgres", "engineVersion": "14"}, False),
        ({"engine": "postgres"}, False),
        ({"engine": "db2-ae", "engineVersion": "11.5"}, False),
    ],
)
def test_some_default_groups_force_tls(
    messages_of_stack: MessagesOf, props: dict[str, str], forced: bool
) -> None:
    shown = repr(props["parameterGroupName"]) if "parameterGroupName" in props else "not set"
    expected = f"parameterGroupName is {shown}; set it to a parameter group of this stack that forces TLS"
    assert messages_of_stack(DATABASE, resource(INSTANCE, props)) == ([] if forced else [expected])


def test_a_group_of_another_stack_is_not_known(messages_of_stack: MessagesOf) -> None:
    assert messages_of_stack(DATABASE, database("shared"), resource(GROUP, GOOD)) == [
        "unknown: parameterGroupName"
    ]
    hidden = resource(INSTANCE, {"engine": "postgres", "engineVersion": UNKNOWN})
    assert messages_of_stack(DATABASE, hidden) == ["unknown: engineVersion"]


def test_oracle_uses_a_group_with_the_option_ssl(messages_of_stack: MessagesOf) -> None:
    oracle = resource(INSTANCE, {"engine": "oracle-ee", "optionGroupName": "o", "parameterGroupName": "p"})
    parameters = resource(GROUP, {"name": "p", "family": "oracle-ee-19"})
    options = "aws:rds/optionGroup:OptionGroup"
    setting = {"optionName": "SSL", "optionSettings": [{"name": "SQLNET.SSL_VERSION", "value": "1.2"}]}
    good = resource(options, {"name": "o", "engineName": "oracle-ee", "options": [setting]})
    assert messages_of_stack(DATABASE, oracle, parameters, good) == []
    bare = resource(options, {"name": "o", "engineName": "oracle-ee"})
    assert messages_of_stack(DATABASE, oracle, parameters, bare) == [
        "optionGroupName is a group in which options is without SSL; add it with SQLNET.SSL_VERSION 1.2; "
        "correct the group"
    ]
    assert messages_of_stack(DATABASE, resource(INSTANCE, {"engine": "oracle-ee"}), parameters) == [
        "optionGroupName is not set; set it to an option group of this stack with SSL"
    ]


def test_the_group_is_found_by_dependency(messages_of_stack: MessagesOf) -> None:
    depends = {"parameterGroupName": (urn(GROUP),)}
    first = database(UNKNOWN, property_dependencies=depends)
    assert messages_of_stack(DATABASE, first, resource(GROUP, {"family": "postgres17"})) == []
    assert messages_of_stack(DATABASE, first, resource(GROUP, {"family": "postgres14"})) != []
    assert messages_of_stack(DATABASE, first, resource(GROUP, {"family": UNKNOWN})) == ["unknown: family"]
    assert messages_of_stack(DATABASE, database(UNKNOWN)) == ["unknown: parameterGroupName"]


RECORD = resource("cloudflare:index/dnsRecord:DnsRecord", {"proxied": True})


def setting(name: str, zone: str = "") -> Resource:
    return resource("cloudflare:index/zoneSetting:ZoneSetting", {"zoneId": zone, "settingId": name}, name)


def record(zone: str, proxied: object = True) -> Resource:
    return resource("cloudflare:index/dnsRecord:DnsRecord", {"zoneId": zone, "proxied": proxied}, zone)


def test_the_edge_of_an_owner_sets_tls(messages_of_stack: MessagesOf) -> None:
    policy = "tls-hop-edge"
    assert messages_of_stack(policy, RECORD, setting("min_tls_version"), setting("ssl")) == []
    assert messages_of_stack(policy, RECORD, setting("ssl")) == [
        "zone setting min_tls_version is not set by this stack; "
        "declare a cloudflare.ZoneSetting min_tls_version with the value '1.2'"
    ]
    assert len(messages_of_stack(policy, RECORD)) == 2
    assert messages_of_stack(policy, RECORD, owner=False) == []
    assert messages_of_stack(policy) == []
    assert (
        messages_of_stack(
            policy, RECORD, resource("cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride", {})
        )
        == []
    )


def test_the_settings_of_another_zone_do_not_count(messages_of_stack: MessagesOf) -> None:
    policy = "tls-hop-edge"
    both = (setting("min_tls_version", "b"), setting("ssl", "b"))
    assert messages_of_stack(policy, record("b"), *both) == []
    assert len(messages_of_stack(policy, record("a"), *both)) == 2
    assert len(messages_of_stack(policy, record("a"), record("b"), *both)) == 2
    override = resource("cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride", {"zoneId": "a"})
    assert messages_of_stack(policy, record("a"), record("b"), *both, override) == []


def test_a_record_that_may_be_proxied_is_counted(messages_of_stack: MessagesOf) -> None:
    policy = "tls-hop-edge"
    assert messages_of_stack(policy, record("a", UNKNOWN)) == ["unknown: proxied"]
    assert messages_of_stack(policy, record("a", False)) == []
    assert (
        messages_of_stack(policy, record("a", UNKNOWN), setting("min_tls_version", "a"), setting("ssl", "a"))
        == []
    )
    certain = resource("cloudflare:index/record:Record", {"zoneId": "a", "proxied": True})
    assert len(messages_of_stack(policy, record("a", UNKNOWN), certain)) == 2
    assert messages_of_stack(policy, record(UNKNOWN), setting("ssl", "b")) == ["unknown: zoneId"]
    assert len(messages_of_stack(policy, record(UNKNOWN))) == 2


def test_a_database_cluster_uses_a_group_that_forces_tls(messages_of_stack: MessagesOf) -> None:
    def cluster(name: str) -> Resource:
        return resource("aws:rds/cluster:Cluster", {"dbClusterParameterGroupName": name})

    def group(family: str) -> Resource:
        props = {"name": "pipe", "family": family}
        return resource("aws:rds/clusterParameterGroup:ClusterParameterGroup", props)

    assert messages_of_stack(DATABASE, cluster("pipe"), group("aurora-postgresql17")) == []
    assert messages_of_stack(DATABASE, cluster("pipe"), group("aurora-postgresql16")) == [
        "dbClusterParameterGroupName is a group in which parameters is without rds.force_ssl; "
        "add it with the value 1; correct the group"
    ]
    assert messages_of_stack(DATABASE, cluster("other"), group("aurora-postgresql17")) == [
        "unknown: dbClusterParameterGroupName"
    ]
    assert messages_of_stack(DATABASE, cluster("default.aurora-postgresql16")) == [
        "dbClusterParameterGroupName is 'default.aurora-postgresql16'; "
        "set it to a parameter group of this stack that forces TLS"
    ]
