"""A rule on the IDs and names that Cloudflare's provider puts into the path of a request."""

import re
from urllib.parse import unquote

from pulumi_policy import Severity

from policies.engine.rule import ANYTHING, Options, Resource, Verdicts, check_each, disallowed
from policies.engine.topics import CLOUDFLARE
from policies.model.property_values import Value

PREFIX = "cloudflare:"

SETTING_ID = "settingId"

ENDS_OF_IDS = ("Id", "Identifier")

NAMES = frozenset(
    {
        "bucketName",
        "hostname",
        "identifier",
        "originIp",
        "projectName",
        "scriptName",
        "snippetName",
        "workflowName",
    }
)
"""The inputs that are one segment of a path, in addition to IDs.

Source: cloudflare-go 6.10.0, the arguments of `fmt.Sprintf` in the methods with which the provider creates
and changes resources, compared with the inputs of pulumi-cloudflare 6.23.1. None of its 2,001 paths is
escaped, and `requestconfig.Execute` resolves each with `url.URL.Parse`. So the setting `./ssl` is the setting
`ssl`, and the zone `ZONE/settings/ssl?` leads to a setting of this zone.
"""

SEGMENT_OF_TYPE = {
    "cloudflare:index/r2CustomDomain:R2CustomDomain": ("domain",),
    "cloudflare:index/streamCaptionLanguage:StreamCaptionLanguage": ("language",),
}
"""Further inputs that are one segment, by type. Other types have an input of this name in the body."""

SEGMENTS = ("keyName", "url")
"""The inputs that may be several segments: the key of a value in Workers KV, and the page of a test."""

_NAME = re.compile(r"[a-z0-9_]+")
"""Pattern of the names of settings (Cloudflare API, zones, settings)."""

_DELIMITERS = re.compile(r"[/\\?#%]")

_DOTS = (".", "..")


@CLOUDFLARE.rule(
    "cloudflare-path-ambiguous",
    types=ANYTHING,
    severity=Severity.CRITICAL,
    controls=("Design: rules judge what is created",),
    remediation="Use the ID or name as Cloudflare shows it, without parts of an address.",
    url="https://developers.cloudflare.com/api/",
)
def ambiguous(resource: Resource, _: Options) -> Verdicts:
    """Refuse IDs and names with which a request to Cloudflare reaches another object than the rules judge."""
    if resource.component or not resource.type.startswith(PREFIX):
        return
    yield from check_each(resource.props.entries().items(), lambda entry: _input(resource.type, *entry))


def _input(resource_type: str, name: str, value: Value) -> Verdicts:
    if name == SETTING_ID:
        if not _NAME.fullmatch(value.text() or ""):
            yield disallowed(value, "use the name of a setting, such as 'ssl'")
    elif not value.known:
        return  # An update judges the value: an ID is unknown only until its object exists.
    elif _is_segment(resource_type, name):
        text = value.text() or ""
        if text in _DOTS or _DELIMITERS.search(text):
            yield disallowed(value, "use an ID or a name without '/', '\\', '?', '#', '%' and relative parts")
    elif name in SEGMENTS and not {*_DOTS}.isdisjoint(re.split(r"[/\\?#]", unquote(value.text() or ""))):
        yield disallowed(value, "remove the parts '.' and '..'")


def _is_segment(resource_type: str, name: str) -> bool:
    names = NAMES.union(SEGMENT_OF_TYPE.get(resource_type, ()))
    return name.endswith(ENDS_OF_IDS) or name in names
