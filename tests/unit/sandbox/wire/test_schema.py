"""Tests of loading SDK classes in several threads."""

import importlib
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pulumi
import pytest

from sandbox.providers.resource_types import resource_type, table
from sandbox.wire.schema import (
    UnknownTypeError,
    aliases,
    documented_id,
    documented_parts,
    documented_values,
    generated_secrets,
    is_documented_to_adopt,
    resource_class,
)
from tests.support.rows import each_row

SLOW = {
    "__init__.py": "import time\ntime.sleep(0.3)\nfrom .thing import *\n",
    "_utilities.py": "",
    "thing.py": "from . import _utilities\n__all__ = ['Thing']\n"
    "class Thing: pulumi_type = 'slow:index/thing:Thing'\n",
}


@pytest.fixture
def slow_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Add a package that has the structure of an SDK and a slow import; return its name."""
    package = tmp_path / "pulumi_slow"
    package.mkdir()
    for name, text in SLOW.items():
        (package / name).write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield package.name
    for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
        del sys.modules[name]


def test_a_provider_that_loads_a_part_does_not_disturb_the_import_of_the_program(slow_sdk: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        program = pool.submit(importlib.import_module, slow_sdk)
        while slow_sdk not in sys.modules:
            time.sleep(0.01)
        provider = pool.submit(resource_class, "slow:index/thing:Thing")
        assert program.result().Thing is provider.result()


def test_only_a_single_thread_loads_a_part_of_an_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that threads take turns: modules of an SDK import each other and could be incomplete."""
    load, loading, counts = importlib.import_module, list[str](), list[int]()

    def slow_import(name: str) -> ModuleType:
        loading.append(name)
        counts.append(len(loading))
        time.sleep(0.05)
        loading.remove(name)
        return load(name)

    monkeypatch.setattr(importlib, "import_module", slow_import)
    tokens = ["aws:ec2/routeTable:RouteTable", "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/vpc:Vpc"]
    resource_class.cache_clear()
    with ThreadPoolExecutor() as pool:
        names = [cls.__name__ for cls in pool.map(resource_class, tokens)]
    assert names == ["RouteTable", "SecurityGroup", "Vpc"]
    assert max(counts) == 1


@pytest.mark.parametrize(
    ("doc", "values"),
    [
        ("Valid values are `a` and `b`.", ("a", "b")),
        ("Valid values are: `a`, and `b`. The value `c` is also valid but partially supported.", ()),
    ],
)
def test_only_a_complete_list_of_values_in_the_documentation_counts(
    doc: str, values: tuple[str, ...]
) -> None:
    assert documented_values(doc) == values


@pytest.mark.parametrize(
    "token",
    [
        "aws:appsync/graphQLApi:GraphQLApi",
        "aws:cognito/userPoolUICustomization:UserPoolUICustomization",
        "aws:glue/mLTransform:MLTransform",
        "aws:guardduty/iPSet:IPSet",
        "aws:lambda/permission:Permission",
    ],
)
def test_the_class_of_a_type_is_known_if_its_module_is_spelled_otherwise(token: str) -> None:
    assert pulumi.get_type_token(resource_class(token)) == token


@pytest.mark.parametrize("token", ["aws:ec2:Vpc", "aws:ec2/Vpc:Vpc", "aws:ec2/vpc/vpc:Vpc"])
def test_a_type_has_a_single_token(token: str) -> None:
    with pytest.raises(UnknownTypeError, match=f"no resource type {token}"):
        resource_class(token)


@each_row(
    ("token", "names"),
    [
        ("tls:index/privateKey:PrivateKey", {"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"}),
        ("aws:iam/accessKey:AccessKey", {"secret", "sesSmtpPasswordV4"}),
        ("aws:rds/instance:Instance", set[str]()),  # The program chooses the password.
        ("kubernetes:core/v1:Secret", set[str]()),
        ("aws:iam/role:Role", set[str]()),
        ("kubernetes:example.com/v1:Foo", set[str]()),
    ],
)
def test_only_the_provider_chooses_a_generated_secret(token: str, names: set[str]) -> None:
    assert {*generated_secrets(token)} == names


def test_no_table_lets_a_program_choose_a_generated_secret() -> None:
    tokens = [
        token for package in ("aws", "cloudflare", "datadog") for token in table(package) if ":" in token
    ]
    chosen = [token for token in tokens if {*generated_secrets(token)} & {*resource_type(token).outputs}]
    assert (len(tokens) > 20, chosen) == (True, [])


@each_row(
    ("token", "names"),
    [
        ("cloudflare:index/dnsRecord:DnsRecord", {"cloudflare:index/record:Record"}),
        ("kubernetes:batch/v1:CronJob", {"kubernetes:batch/v1beta1:CronJob"}),
        ("aws:ec2/vpc:Vpc", set()),
        ("kubernetes:cert-manager.io/v1:Certificate", set()),
        ("nothing:index/x:X", set()),
        ("aws:../ec2/vpc:Vpc", set()),
        ("aws", set()),
    ],
)
def test_the_sdk_names_the_former_names_of_a_type(token: str, names: set[str]) -> None:
    assert names <= {*aliases(token)}
    assert bool(names) == bool(aliases(token))


@each_row(
    ("token", "expected"),
    [
        ("cloudflare:index/botManagement:BotManagement", "<zone_id>"),
        ("cloudflare:index/zoneSetting:ZoneSetting", "<zone_id>/<setting_id>"),
        ("cloudflare:index/dnsRecord:DnsRecord", "<zone_id>/<dns_record_id>"),
        ("cloudflare:no/such:Type", ""),
        ("no-type", ""),
    ],
)
def test_the_form_of_an_id_comes_from_the_documentation(token: str, expected: str) -> None:
    assert documented_id(token) == expected


@each_row(
    ("token", "expected"),
    [
        ("aws:route53domains/registeredDomain:RegisteredDomain", True),
        ("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl", True),
        ("aws:ec2/networkAcl:NetworkAcl", False),
        ("no-type", False),
    ],
)
def test_a_type_that_takes_over_an_object_is_known_by_its_documentation(
    token: str, *, expected: bool
) -> None:
    assert is_documented_to_adopt(token) == expected


@each_row(
    ("token", "name", "expected"),
    [
        ("aws:guardduty/detector:Detector", "datasources", "DetectorFeature"),
        ("aws:s3/bucket:Bucket", "requestPayer", "BucketRequestPaymentConfiguration"),
        ("aws:sqs/queue:Queue", "redrivePolicy", "RedrivePolicy"),
        ("aws:apigatewayv2/stage:Stage", "deploymentId", None),
        ("no-type", "any", None),
    ],
)
def test_a_property_in_place_of_which_the_documentation_recommends_a_type(
    token: str, name: str, expected: str | None
) -> None:
    assert documented_parts(token).get(name) == expected
