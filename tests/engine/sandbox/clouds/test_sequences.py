"""What the real plugins ask one after the other in the life of a resource, replayed.

As in the sources of the Terraform providers on which they are built: terraform-provider-datadog
(datadog/resource_datadog_*.go, and what Datadog answered it, datadog/tests/cassettes) and
terraform-provider-cloudflare (internal/services/*/resource.go). What the AWS plugin asks is in
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
"""A verb, a path in which # is the id of what was made, what is sent, and the status of the answer."""

MONITOR, SLO, TEST = of_datadog.MONITOR, of_datadog.SLO, of_datadog.TEST
MONITORS, TESTS = "/api/v1/monitor", "/api/v1/synthetics/tests"
ACCOUNTS = "/api/v2/integration/aws/accounts"
QUOTED = f"{ACCOUNTS}/%22#%22"  # resource_datadog_integration_aws_account.go writes the id as Go shows a text
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
        ("GET", f"{TESTS}/api/#", None, 200),  # until it is there
        ("GET", f"{TESTS}/#", None, 200),  # tells of what kind it is
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
CLOSED = {"flatten_cname": False, "ipv4_only": False, "ipv6_only": False}  # the plugin adds it
# ruleset/schema.go: a rule without parameters has empty ones.
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
        # With all that is in the state: what the API has made of the data, too.
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
        ("PATCH", "~/settings/security_header", HEADER, 200),  # an update; nothing is asked to delete it
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
    for verb, path, sent, wanted in steps:
        filled = {"public_ids": [ident]} if sent == {"public_ids": ["#"]} else sent
        status, body = client(verb, path.replace("#", ident), filled)
        assert status == wanted, (verb, path, body)
        if verb == "POST" and not ident and body and "dry_run" not in path:
            made = body.get("result", body.get("data", body))
            one = cast("dict[str, Any]", made[0] if isinstance(made, list) else made)
            ident = str(one.get("public_id") or one["id"])


def compared(dashboard: Json) -> Json:
    """What the plugin compares of a dashboard in each preview (resource_datadog_dashboard_json.go)."""
    own = ("id", "author_handle", "author_name", "created_at", "modified_at", "url")
    kept = {key: item for key, item in dashboard.items() if key not in own}
    kept |= {"widgets": [{"definition": one["definition"]} for one in dashboard["widgets"]]}
    read_only = kept.pop("is_read_only", False)
    return kept if isinstance(kept.get("restricted_roles"), list) else kept | {"is_read_only": read_only}


def test_a_dashboard_differs_by_what_datadog_adds_unless_it_is_said() -> None:
    widgets = [{"definition": {"type": "note", "content": "x"}}]
    less: Json = {"title": "x", "layout_type": "ordered", "description": "x", "widgets": widgets}
    whole: Json = less | {"notify_list": [], "restricted_roles": [], "template_variables": []}
    with serve(DatadogApi()) as url:
        client = Client(url, **of_datadog.KEYS)
        for given, same in ((less, False), (whole, True)):
            made = client("POST", "/api/v1/dashboard", given)[1]
            read = client("GET", f"/api/v1/dashboard/{made['id']}")[1]
            assert made == read and (compared(read) == compared(given)) is same
            added = {key: read[key] for key in read.keys() - given.keys() if key in whole}
            assert added in ({"notify_list": None, "restricted_roles": [], "template_variables": None}, {})


@pytest.mark.parametrize("what", DATADOG)
def test_what_the_datadog_plugin_asks_is_answered(what: str) -> None:
    with serve(DatadogApi()) as url:
        replay(Client(url, **of_datadog.KEYS), DATADOG[what])


@pytest.mark.parametrize("what", CLOUDFLARE)
def test_what_the_cloudflare_plugin_asks_is_answered(what: str) -> None:
    with serve(CloudflareApi(["pipe.dev"])) as url:
        zone = of_cloudflare.Zone(url)
        own = f"/zones/{zone.id}"
        steps = [(verb, path.replace("~", own), sent, ends) for verb, path, sent, ends in CLOUDFLARE[what]]
        replay(zone, steps)


def said(aws: AwsAccount, service: str, call: str, **given: Any) -> str:
    """The code of a refusal; empty: it is answered."""
    try:
        getattr(aws.client(service), call)(**given)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code", "")
    return ""


def test_a_new_bucket_is_closed_and_encrypted() -> None:
    with empty_account() as aws:
        s3, place = aws.client("s3"), {"LocationConstraint": "ap-northeast-1"}
        s3.create_bucket(Bucket="pipe-it", CreateBucketConfiguration=place)
        block = s3.get_public_access_block(Bucket="pipe-it")["PublicAccessBlockConfiguration"]
        assert len(block) == 4 and all(block.values())
        owner = s3.get_bucket_ownership_controls(Bucket="pipe-it")["OwnershipControls"]["Rules"]
        assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        s3.delete_bucket_encryption(Bucket="pipe-it")  # back to S3's own
        (rule,) = s3.get_bucket_encryption(Bucket="pipe-it")["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        s3.delete_public_access_block(Bucket="pipe-it")
        assert said(aws, "s3", "get_public_access_block", Bucket="pipe-it").startswith("NoSuch")


def test_nothing_is_said_of_tags_where_there_are_none() -> None:
    with empty_account() as aws:
        sent: list[dict[str, Any]] = []

        def keep(params: dict[str, Any], **_: Any) -> None:
            sent.append({**params})

        aws.create("cluster")
        aws.client("eks").meta.events.register("before-parameter-build.eks.CreateCluster", keep)
        config = {"region": "ap-northeast-1"}
        aws.target.create(replace(aws.resource("cluster", name="bare", tags=None), id="", config=config))
        assert [one for one in sent if "tags" in one] == [] != sent
