"""A replay of the requests of the real plugins in the life of a resource.

The requests are taken from the Terraform providers on which the plugins are built: terraform-provider-datadog
(datadog/resource_datadog_*.go, and the recorded responses in datadog/tests/cassettes) and
terraform-provider-cloudflare (internal/services/*/resource.go). The requests of the AWS plugin are in
aws_sequences.toml.
"""

from dataclasses import replace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from sandbox.clouds.cloudflare.api import CloudflareApi
from sandbox.clouds.datadog.api import DatadogApi
from sandbox.clouds.web import Json
from tests.engine.sandbox.clouds.cloudflare import test_api as of_cloudflare
from tests.engine.sandbox.clouds.datadog import test_api as of_datadog
from tests.support.sandbox.clouds.local_api import Client, serve
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account

Step = tuple[str, str, Any, int]
"""A verb, a path in which # stands for the created object's ID, a body, and the expected status."""

MONITOR, SLO, TEST = of_datadog.MONITOR, of_datadog.SLO, of_datadog.TEST
MONITORS, TESTS = "/api/v1/monitor", "/api/v1/synthetics/tests"
ACCOUNTS = "/api/v2/integration/aws/accounts"
QUOTED = f"{ACCOUNTS}/%22#%22"  # resource_datadog_integration_aws_account.go quotes the ID, as Go does
TAGGED = of_datadog.changed(of_datadog.ACCOUNT, "data.attributes.account_tags", ["team:x"])

DATADOG: dict[str, list[Step]] = {
    "a monitor": [
        ("POST", f"{MONITORS}/validate", MONITOR, 200),  # in the preview
        ("POST", MONITORS, MONITOR | {"draft_status": "published", "restricted_roles": None}, 200),
        ("GET", f"{MONITORS}/#?with_assets=true", None, 200),
        ("POST", f"{MONITORS}/#/validate", MONITOR | {"message": "x"}, 200),
        ("PUT", f"{MONITORS}/#", MONITOR | {"message": "x", "draft_status": "published"}, 200),
        ("DELETE", f"{MONITORS}/#", None, 200),
        ("GET", f"{MONITORS}/#", None, 404),
    ],
    "an objective": [
        ("POST", "/api/v1/slo", SLO, 200),
        ("GET", "/api/v1/slo/#", None, 200),
        ("PUT", "/api/v1/slo/#", SLO | {"description": "x"}, 200),
        ("DELETE", "/api/v1/slo/#", None, 200),
        ("GET", "/api/v1/slo/#", None, 404),
    ],
    "a dashboard": [
        ("POST", "/api/v1/dashboard", of_datadog.DASHBOARD, 200),
        ("GET", "/api/v1/dashboard/#", None, 200),
        ("PUT", "/api/v1/dashboard/#", of_datadog.DASHBOARD | {"title": "x"}, 200),
        ("DELETE", "/api/v1/dashboard/#", None, 200),
        ("GET", "/api/v1/dashboard/#", None, 404),
    ],
    "a synthetic test": [
        ("POST", f"{TESTS}/api", TEST, 200),
        ("GET", f"{TESTS}/api/#", None, 200),  # until the test exists
        ("GET", f"{TESTS}/#", None, 200),  # returns the type of the test
        ("PUT", f"{TESTS}/api/#", TEST | {"message": "x"}, 200),
        ("POST", f"{TESTS}/delete", {"public_ids": ["#"]}, 200),
        ("GET", f"{TESTS}/#", None, 404),
    ],
    "an AWS account": [
        ("POST", ACCOUNTS, of_datadog.ACCOUNT, 200),
        ("GET", QUOTED, None, 200),
        ("PATCH", QUOTED, TAGGED, 200),
        ("GET", QUOTED, None, 200),
        ("DELETE", QUOTED, None, 204),
        ("GET", QUOTED, None, 404),
    ],
}

RECORD, RULESET = of_cloudflare.RECORD, of_cloudflare.RULESET
DATA = {"flags": 0, "tag": "issue", "value": "pki.goog"}
CAA = {"name": "pipe.dev", "type": "CAA", "data": DATA, "proxied": False, "ttl": 1}
CLOSED = {"flatten_cname": False, "ipv4_only": False, "ipv6_only": False}  # added by the plugin
# ruleset/schema.go: a rule without parameters gets an empty object.
WHOLE: Json = RULESET | {"rules": [of_cloudflare.RULE | {"action_parameters": {}, "enabled": True}]}
HEADER = {"value": {"strict_transport_security": {"enabled": True, "max_age": 60}}}

CLOUDFLARE: dict[str, list[Step]] = {
    "a record": [
        ("POST", "~/dns_records", RECORD | {"settings": CLOSED}, 200),
        ("GET", "~/dns_records/#", None, 200),
        ("PUT", "~/dns_records/#", RECORD | {"comment": "x", "settings": CLOSED, "tags": []}, 200),
        ("DELETE", "~/dns_records/#", None, 200),
        ("GET", "~/dns_records/#", None, 404),
    ],
    "a record made of data": [
        ("POST", "~/dns_records", CAA, 200),
        ("GET", "~/dns_records/#", None, 200),
        # The body has everything in the state, including what the API has derived from the data.
        ("PUT", "~/dns_records/#", CAA | {"content": '0 issue "pki.goog"', "settings": {}, "tags": []}, 200),
        ("DELETE", "~/dns_records/#", None, 200),
    ],
    "a zone": [
        ("GET", "/zones?match=all&name=pipe.dev", None, 200),
        ("GET", "~", None, 200),
    ],
    "a ruleset": [
        ("POST", "~/rulesets?dry_run=true", WHOLE, 200),  # in the preview
        ("POST", "~/rulesets", WHOLE, 200),
        ("GET", "~/rulesets/#", None, 200),
        ("PUT", "~/rulesets/#?dry_run=true", WHOLE | {"description": "x"}, 200),
        ("PUT", "~/rulesets/#", WHOLE | {"description": "x"}, 200),
        ("DELETE", "~/rulesets/#", None, 204),
        ("GET", "~/rulesets/#", None, 404),
    ],
    "a setting": [
        ("PATCH", "~/settings/security_header", HEADER | {"id": "security_header"}, 200),
        ("GET", "~/settings/security_header", None, 200),
        ("PATCH", "~/settings/security_header", HEADER, 200),  # An update; a deletion sends no request.
    ],
    "DNSSEC": [
        ("PATCH", "~/dnssec", {"status": "active"}, 200),
        ("GET", "~/dnssec", None, 200),
        ("PATCH", "~/dnssec", {"status": "active"}, 200),
        ("DELETE", "~/dnssec", None, 200),
    ],
    "a certificate": [
        ("POST", "/certificates", of_cloudflare.CERTIFICATE, 200),
        ("GET", "/certificates/#", None, 200),
        ("DELETE", "/certificates/#", None, 200),
        ("GET", "/certificates/#", None, 404),
    ],
}


def replay(client: Client, steps: list[Step]) -> None:
    ident = ""
    for verb, path, sent, expected in steps:
        filled = {"public_ids": [ident]} if sent == {"public_ids": ["#"]} else sent
        status, body = client(verb, path.replace("#", ident), filled)
        assert status == expected, (verb, path, body)
        if verb == "POST" and not ident and body and "dry_run" not in path:
            result = body.get("result", body.get("data", body))
            item = cast("dict[str, Any]", result[0] if isinstance(result, list) else result)
            ident = str(item.get("public_id") or item["id"])


def compared(dashboard: Json) -> Json:
    """Return the part of a dashboard that the plugin compares (resource_datadog_dashboard_json.go)."""
    own = ("id", "author_handle", "author_name", "created_at", "modified_at", "url", "is_read_only")
    members = {key: item for key, item in dashboard.items() if key not in own}
    members["widgets"] = [{"definition": widget["definition"]} for widget in dashboard["widgets"]]
    if not isinstance(members.get("restricted_roles"), list):
        members["is_read_only"] = dashboard.get("is_read_only", False)
    return members


def test_a_dashboard_without_datadogs_defaults_differs_in_each_preview() -> None:
    widgets = [{"definition": {"type": "note", "content": "x"}}]
    less: Json = {"title": "x", "layout_type": "ordered", "description": "x", "widgets": widgets}
    whole: Json = less | {"notify_list": [], "restricted_roles": [], "template_variables": []}
    with serve(DatadogApi()) as url:
        client = Client(url, **of_datadog.KEYS)
        for sent, same in ((less, False), (whole, True)):
            created = client("POST", "/api/v1/dashboard", sent)[1]
            read = client("GET", f"/api/v1/dashboard/{created['id']}")[1]
            assert created == read and (compared(read) == compared(sent)) is same
            added = {key: read[key] for key in read.keys() - sent.keys() if key in whole}
            assert added in ({"notify_list": None, "restricted_roles": [], "template_variables": None}, {})


@pytest.mark.parametrize("sequence", DATADOG)
def test_the_datadog_plugins_requests_are_answered(sequence: str) -> None:
    with serve(DatadogApi()) as url:
        replay(Client(url, **of_datadog.KEYS), DATADOG[sequence])


@pytest.mark.parametrize("sequence", CLOUDFLARE)
def test_the_cloudflare_plugins_requests_are_answered(sequence: str) -> None:
    with serve(CloudflareApi(["pipe.dev"])) as url:
        zone = of_cloudflare.Zone(url)
        own = f"/zones/{zone.id}"
        steps = [
            (verb, path.replace("~", own), sent, ends) for verb, path, sent, ends in CLOUDFLARE[sequence]
        ]
        replay(zone, steps)


def error_code(aws: AwsAccount, service: str, call: str, **params: Any) -> str:
    """Return the error code of a call; empty if it succeeds."""
    try:
        getattr(aws.client(service), call)(**params)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code", "")
    return ""


def test_a_new_bucket_is_private_and_encrypted() -> None:
    with empty_account() as aws:
        s3, place = aws.client("s3"), {"LocationConstraint": "ap-northeast-1"}
        s3.create_bucket(Bucket="pipe-it", CreateBucketConfiguration=place)
        block = s3.get_public_access_block(Bucket="pipe-it")["PublicAccessBlockConfiguration"]
        assert len(block) == 4 and all(block.values())
        owner = s3.get_bucket_ownership_controls(Bucket="pipe-it")["OwnershipControls"]["Rules"]
        assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        s3.delete_bucket_encryption(Bucket="pipe-it")  # S3 then uses its own key again.
        (rule,) = s3.get_bucket_encryption(Bucket="pipe-it")["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        s3.delete_public_access_block(Bucket="pipe-it")
        assert error_code(aws, "s3", "get_public_access_block", Bucket="pipe-it").startswith("NoSuch")


def test_a_call_without_tags_sends_none() -> None:
    with empty_account() as aws:
        sent: list[dict[str, Any]] = []

        def keep(params: dict[str, Any], **_: Any) -> None:
            sent.append({**params})

        aws.create("cluster")
        aws.client("eks").meta.events.register("before-parameter-build.eks.CreateCluster", keep)
        config = {"region": "ap-northeast-1"}
        aws.target.create(replace(aws.resource("cluster", name="bare", tags=None), id="", config=config))
        assert [item for item in sent if "tags" in item] == [] != sent
