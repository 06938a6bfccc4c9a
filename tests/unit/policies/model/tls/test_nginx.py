import time

import pytest

from tests.support.policies.pytest_fixtures import MessagesOf, resource

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECONDS = 4.0


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({f"{n}.conf": "include *.conf;" for n in range(30)}, "to more than 100000 directives"),
        (
            {
                "0.conf": "server { listen 1; include 1.conf; }",
                "1.conf": "location / { include 2.conf; }",
                "2.conf": "location / { include 1.conf; }",
            },
            "deeper than 64",
        ),
        (
            {f"{n}.conf": f"server {{ }} include {n + 1}.conf; include {n + 1}.conf;" for n in range(60)},
            "to more than 100000 directives",
        ),
        ({f"{n:03}.conf": f"server {{ }} include {n + 1:03}.conf;" for n in range(300)}, "deeper than 64"),
    ],
)
def test_files_that_include_each_other_without_end_are_a_finding(
    messages_of_stack: MessagesOf, files: dict[str, str], limit: str
) -> None:
    began = time.process_time()
    data = {name: f"{text} ssl_certificate a;" for name, text in files.items()}
    assert messages_of_stack("tls-nginx-version-missing", resource(CONFIG_MAP, {"data": data})) == [
        f"data is nginx configuration whose includes lead {limit}; include each file in one place, so that it"
        " can be checked"
    ]
    assert time.process_time() - began < SECONDS
