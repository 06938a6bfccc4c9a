from typing import Any

import pytest

from tests.policies.conftest import Said

DATABASE = "tls-database-parameter-old-version"


PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"


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
        (group("aurora-postgresql16"), ["parameters is without rds.force_ssl; add it with the value 1"]),
        (group("aurora-postgresql17"), []),
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
        (group("mysql8.4"), []),
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
        # From which version on the default is enough, and which values are.
        (group("aurora-postgresql15"), ["parameters is without rds.force_ssl; add it with the value 1"]),
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
        (
            group("aurora-mysql8.0"),
            ["parameters is without require_secure_transport; add it with the value 1"],
        ),
        *(
            (
                group(family, require_secure_transport="1"),
                ["parameters is without tls_version; add it with the value TLSv1.2"],
            )
            for family in ("aurora-mysql5.7", "mariadb10.6")
        ),
        (group("mariadb11.4", require_secure_transport="1"), []),
    ],
)
def test_database_parameters(said: Said, props: dict[str, Any], expected: list[str]) -> None:
    assert said(DATABASE, PARAMETERS, props) == expected
    assert said(DATABASE, "aws:rds/clusterParameterGroup:ClusterParameterGroup", props) == expected
