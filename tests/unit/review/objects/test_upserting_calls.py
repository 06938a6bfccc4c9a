"""Comparison of the tables of calls that take over what exists with AWS's documentation of them."""

import functools
import gzip
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import botocore
import pytest

from review.findings.foreign_objects import REPLACED, UPSERTED
from review.objects.parts import is_of_account, object_inputs
from sandbox.wire import schema
from tests.support.review.stacks import resource

SERVICES = {
    "AWS Config": "config",
    "AWS IoT": "iot",
    "CloudWatch": "cloudwatch",
    "CloudWatch Logs": "logs",
    "EventBridge": "events",
    "S3 Glacier": "glacier",
    "SNS": "sns",
    "SQS": "sqs",
    "Step Functions": "stepfunctions",
    "X-Ray": "xray",
}
"""Folder of botocore for each service that the table names."""

MODULES: Mapping[str, tuple[str, ...]] = {
    "appautoscaling": ("application-autoscaling",),
    "bedrock": ("bedrock", "bedrock-agent", "bedrock-agentcore-control"),
    "cfg": ("config",),
    "cloudwatch": ("cloudwatch", "events", "logs"),
    "ecrpublic": ("ecr-public",),
    "lex": ("lex-models",),
    "msk": ("kafka",),
    "s3": ("s3", "s3control"),
    "s3tables": ("s3tables",),
    "sfn": ("stepfunctions",),
    "ssoadmin": ("sso-admin",),
    "vpclattice": ("vpc-lattice",),
}
"""Folders of botocore for the modules of pulumi-aws that have another name."""

TAKES_OVER = re.compile(
    r"creates? (or|and) updates?|adds? or updates?|updat\w+ an existing|overwrit|idempotent|succeed"
    r"|exact same attributes|CREATE_IN_PROGRESS and UPDATE_IN_PROGRESS|updated with an incremented",
    re.I,
)
"""Sentences that say that a call accepts an object that exists."""

UPSERTS = re.compile(
    r"[^.]*\b(create|add|register|set|attache?)s?\b[^.]* (or|and) (update|replace|overwrite)s?\b", re.I
)
"""First sentences of a call that creates an object or replaces an existing one."""

WITHOUT_CHECKSUM = "without a checksum, PreconditionFailedException if it exists"
"""Reason for which Lex refuses a new object with an existing name (PutBot, PutIntent: checksum)."""

EXCEPTIONS = {
    "aws:amp/anomalyDetector:AnomalyDetector": "CreateAnomalyDetector",
    "aws:cloudwatch/eventApiDestination:EventApiDestination": "CreateApiDestination of EventBridge",
    "aws:cloudwatch/queryDefinition:QueryDefinition": "without its ID, a definition is a new one",
    "aws:fms/adminAccount:AdminAccount": "AssociateAdminAccount",
    "aws:iam/policy:Policy": "CreatePolicy",
    "aws:lex/bot:Bot": WITHOUT_CHECKSUM,
    "aws:lex/botAlias:BotAlias": WITHOUT_CHECKSUM,
    "aws:lex/intent:Intent": WITHOUT_CHECKSUM,
    "aws:lex/slotType:SlotType": WITHOUT_CHECKSUM,
    "aws:lex/v2modelsBot:V2modelsBot": "CreateBot",
    "aws:organizations/policy:Policy": "CreatePolicy",
    "aws:ram/permission:Permission": "CreatePermission",
    "aws:s3control/directoryBucketAccessPointScope:DirectoryBucketAccessPointScope": (
        "its access point is of another module, so that no resource counts as its owner"
    ),
    "aws:ssm/parameter:Parameter": "only with the input `overwrite`",
}
"""Types of which a call seems to update existing objects, and the reason for which they are in no table."""


@functools.cache
def service(name: str) -> Mapping[str, Any]:
    """Return the description of an API, which is empty for an unknown one."""
    [*paths] = sorted((Path(botocore.__file__).parent / "data" / name).glob("*/service-2.json.gz"))
    return json.loads(gzip.decompress(paths[-1].read_bytes())) if paths else {"operations": {}}


def documentation(api: Mapping[str, Any], call: str) -> str:
    """Return the documentation of a call and of its parameters, without tags."""
    operation = api["operations"][call]
    members = api["shapes"][operation["input"]["shape"]]["members"].values()
    texts = [operation.get("documentation", ""), *(member.get("documentation", "") for member in members)]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", " ".join(texts)))


@functools.cache
def upserting_calls(module: str) -> Collection[str]:
    """Return the nouns of the calls of a module's APIs that create or replace an object."""
    return {
        re.sub(r"^[A-Z][a-z]+", "", call)
        for name in MODULES.get(module, (module,))
        for call, operation in service(name)["operations"].items()
        if UPSERTS.match(re.sub(r"<[^>]+>", "", operation.get("documentation", "")))
        if "Tag" not in call and not call.startswith("Update")
    }


@pytest.mark.parametrize("call", sorted({*UPSERTED.values()}))
def test_the_documentation_of_a_call_says_that_it_takes_over_what_exists(call: str) -> None:
    title, _, operation = call.rpartition(", ")
    assert TAKES_OVER.search(documentation(service(SERVICES[title]), operation))


def test_a_type_whose_call_replaces_an_existing_object_is_in_a_table() -> None:
    missing: set[str] = set()
    for token in schema.type_tokens("aws"):
        module, kind = token.removeprefix("aws:").partition("/")[0], token.rpartition(":")[-1]
        if any(noun.endswith(kind) or kind.endswith(noun) for noun in upserting_calls(module)):
            names = schema.properties(schema.args_class(token))
            it = resource(token, "it", dict.fromkeys(names, "it"))
            if not (token in UPSERTED or token in REPLACED or is_of_account(it) or object_inputs(it)):
                missing.add(token)
    assert missing == EXCEPTIONS.keys()
