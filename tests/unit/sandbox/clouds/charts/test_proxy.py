"""Tests of the proxy that answers for chart repositories out of reach."""

import io
import json
import socket
import tarfile
import threading
from collections.abc import Generator

import pytest
import urllib3

from sandbox.clouds.charts import proxy

UNREACHABLE = "https://charts.invalid/stable"
"""A URL without an address: the domain invalid has none (RFC 6761, section 6.4)."""


@pytest.fixture(scope="module")
def all_lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory, all_lines: list[str]) -> Generator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("charts")
    with proxy.serve(folder, ["3.273.1"], all_lines.append) as variables:
        yield variables
    assert list(folder.iterdir()) == []


@pytest.fixture
def lines(all_lines: list[str]) -> list[str]:
    """Return the list of the lines that the proxy says during a test."""
    all_lines.clear()
    return all_lines


@pytest.fixture
def client(variables: dict[str, str]) -> urllib3.ProxyManager:
    return urllib3.ProxyManager(variables["HTTPS_PROXY"], ca_certs=variables["SSL_CERT_FILE"], retries=False)


def test_a_chart_out_of_reach_comes_from_the_proxy_and_the_host_is_named_once(
    client: urllib3.ProxyManager, lines: list[str]
) -> None:
    [entry] = json.loads(client.request("GET", f"{UNREACHABLE}/index.yaml").data)["entries"]["datadog"]
    assert (entry["version"], entry["urls"]) == ("3.273.1", ["datadog-3.273.1.tgz"])
    data = client.request("GET", f"{UNREACHABLE}/{entry['urls'][0]}").data
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
        metadata, schema = (
            json.load(file)
            for name in ("Chart.yaml", "values.schema.json")
            if (file := archive.extractfile(f"datadog/{name}"))
        )
    assert (metadata["name"], metadata["version"]) == ("datadog", "3.273.1")
    assert schema["additionalProperties"] is False and "clusterAgent" in schema["properties"]
    assert {name.split("/")[1] for name in names} >= {"values.yaml", "templates"}
    assert client.request("GET", f"{UNREACHABLE}/other-3.273.1.tgz").status == 404
    assert lines == ["charts.invalid is out of reach: charts come from the sandbox (datadog)"]


def test_a_client_that_does_not_trust_the_proxy_gets_no_chart(variables: dict[str, str]) -> None:
    stranger = urllib3.ProxyManager(variables["HTTPS_PROXY"], retries=False)
    with pytest.raises(urllib3.exceptions.SSLError):
        stranger.request("GET", f"{UNREACHABLE}/index.yaml")


def test_a_connection_to_a_host_in_reach_is_passed_on(variables: dict[str, str], lines: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(100).upper())

        threading.Thread(target=echo, daemon=True).start()
        host = f"127.0.0.1:{server.getsockname()[1]}"
        address = variables["HTTPS_PROXY"].rpartition("/")[2].split(":")
        with (
            socket.create_connection((address[0], int(address[1]))) as tunnel,
            tunnel.makefile("rwb") as file,
        ):
            file.write(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            file.flush()
            assert [file.readline(), file.readline()] == [b"HTTP/1.1 200 OK\r\n", b"\r\n"]
            file.write(b"hello")
            file.flush()
            assert file.read() == b"HELLO"
    assert lines == []


def test_only_tunnels_are_served(variables: dict[str, str]) -> None:
    assert urllib3.request("GET", f"{variables['HTTPS_PROXY']}/index.yaml", retries=False).status == 405
