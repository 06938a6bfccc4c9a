from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf

DATABASE = "tls-database-parameter-old-version"


PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"


CLUSTER = "aws:rds/clusterParameterGroup:ClusterParameterGroup"


def group(family: str, **parameters: str) -> dict[str, Any]:
    pairs = [{"name": name.replace("__", "."), "value": value} for name, value in parameters.items()]
    return {"family": family, "parameters": pairs}


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        (group("postgres17", rds__force_ssl="1", ssl_min_protocol_version="TLSv1.2"), []),
        (group("postgres17"), []),
        (group("postgres15"), []),
        (group("postgres14"), ["parameters is without rds.force_ssl; add it with the value 1"]),
        (
            group("postgres11", rds__force_ssl="1"),
            ["parameters is without ssl_min_protocol_version; add it with the value TLSv1.2"],
        ),
        (
            group("postgres17", rds__force_ssl="0"),
            ["parameters[0].value is '0' for rds.force_ssl; set it to 1"],
        ),
        (
            group("postgres17", ssl_min_protocol_version="TLSv1.1"),
            ["parameters[0].value is 'TLSv1.1' for ssl_min_protocol_version; set it to TLSv1.2"],
        ),
        (group("mysql8.0", require_secure_transport="ON"), []),
        (group("mysql9.7"), []),
        (group("mysql8.4"), ["parameters is without require_secure_transport; add it with the value 1"]),
        (group("mysql8.0"), ["parameters is without require_secure_transport; add it with the value 1"]),
        (
            group("mysql5.7", require_secure_transport="1"),
            ["parameters is without tls_version; add it with the value TLSv1.2"],
        ),
        (
            group("mysql8.0", require_secure_transport="1", tls_version="TLSv1,TLSv1.2"),
            ["parameters[1].value is 'TLSv1,TLSv1.2' for tls_version; set it to TLSv1.2"],
        ),
        (
            group("sqlserver-ee-16.0", rds__force_ssl="1", rds__tls10="disabled"),
            ["parameters is without rds.tls11; add it with the value disabled"],
        ),
        (group("oracle-ee-19"), []),
        (group("mariadb11.8"), []),
        (group("mariadb11.4"), ["parameters is without require_secure_transport; add it with the value 1"]),
        (group("mariadb12.3"), []),
        # From which version on the default is enough, and which values are.
        (group("postgres12", rds__force_ssl="1"), []),
        (group("postgres", rds__force_ssl="1", ssl_min_protocol_version="TLSv1.3"), []),
        (
            group("postgres"),
            [
                "parameters is without rds.force_ssl; add it with the value 1",
                "parameters is without ssl_min_protocol_version; add it with the value TLSv1.2",
            ],
        ),
        (group("mysql8.0", require_secure_transport="on", tls_version="TLSv1.3"), []),
        (group("mysql8.0", require_secure_transport="1", tls_version="TLSv1.2,TLSv1.3"), []),
        (group("mysql8.0", require_secure_transport="1", tls_version="TLSv1.3,TLSv1.2"), []),
        *(
            (
                group(family, require_secure_transport="1"),
                ["parameters is without tls_version; add it with the value TLSv1.2"],
            )
            for family in ("mariadb10.6",)
        ),
        (group("mariadb11.4", require_secure_transport="1"), []),
    ],
)
def test_database_parameters(messages_of: MessagesOf, props: dict[str, Any], expected: list[str]) -> None:
    assert messages_of(DATABASE, PARAMETERS, props) == expected
    assert messages_of(DATABASE, CLUSTER, props) == expected


@pytest.mark.parametrize(
    ("props", "missing"),
    [
        (group("aurora-postgresql15"), ["rds.force_ssl; add it with the value 1"]),
        (group("aurora-postgresql16"), ["rds.force_ssl; add it with the value 1"]),
        (group("aurora-postgresql17"), []),
        (group("aurora-mysql8.0"), ["require_secure_transport; add it with the value 1"]),
        (
            group("aurora-mysql5.7", require_secure_transport="1"),
            ["tls_version; add it with the value TLSv1.2"],
        ),
    ],
)
def test_the_parameters_of_an_aurora_cluster_decide_and_not_its_members(
    messages_of: MessagesOf, props: dict[str, Any], missing: list[str]
) -> None:
    assert messages_of(DATABASE, CLUSTER, props) == [f"parameters is without {name}" for name in missing]
    assert messages_of(DATABASE, PARAMETERS, props) == []


def test_an_unknown_parameter_hides_no_other(messages_of: MessagesOf) -> None:
    parameters = [{"name": UNKNOWN, "value": "1"}, {"name": "ssl_min_protocol_version", "value": "TLSv1.1"}]
    assert messages_of(DATABASE, PARAMETERS, {"family": "postgres14", "parameters": parameters}) == [
        "parameters[1].value is 'TLSv1.1' for ssl_min_protocol_version; set it to TLSv1.2",
        "unknown: parameters[0].name",
    ]
    parameters[0] = {"name": "rds.force_ssl", "value": UNKNOWN}
    assert messages_of(DATABASE, PARAMETERS, {"family": "postgres14", "parameters": parameters}) == [
        "parameters[1].value is 'TLSv1.1' for ssl_min_protocol_version; set it to TLSv1.2",
        "unknown: parameters[0].value",
    ]


def ssl(*settings: tuple[str, str], engine: str = "oracle-ee") -> dict[str, Any]:
    pairs = [{"name": name, "value": value} for name, value in settings]
    return {"engineName": engine, "options": [{"optionName": "SSL", "optionSettings": pairs}]}


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        (ssl(("SQLNET.SSL_VERSION", "1.2")), []),
        (
            ssl(("SQLNET.SSL_VERSION", "1.2 or 1.0")),
            ["options[0].optionSettings[0].value is '1.2 or 1.0' for SQLNET.SSL_VERSION; set it to 1.2"],
        ),
        (
            ssl(("SQLNET.CIPHER_SUITE", "x")),
            ["options[0].optionSettings is without SQLNET.SSL_VERSION; add it with the value 1.2"],
        ),
        ({"engineName": "oracle-se2"}, ["options is without SSL; add it with SQLNET.SSL_VERSION 1.2"]),
        ({"engineName": "mysql"}, []),
    ],
)
def test_oracle_has_an_option_for_tls(
    messages_of: MessagesOf, props: dict[str, Any], expected: list[str]
) -> None:
    assert messages_of(DATABASE, "aws:rds/optionGroup:OptionGroup", props) == expected
