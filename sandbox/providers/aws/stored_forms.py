"""The inputs as the AWS provider stores them: some outputs have another form than the input.

The differences are no changes: the provider suppresses them (DiffSuppressFunc), or compares the stored forms.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from google.protobuf.struct_pb2 import Struct

from sandbox.providers.resource_types import table
from sandbox.wire.values import Json, Secret, decode, encode, known, plain

ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""The characters that Go's JSON escapes (encoding/json: HTMLEscape)."""

VERSION_FIRST = re.compile(r'(?s)^(\{\n?)(.*?)(,\s*)?(  )?("Version":\s*"2012-10-17")(,)?(\n)?(.*?)(\})')
"""The pattern with which the provider puts the version of an inline policy first (terraform-provider-aws,
internal/verify/json.go: LegacyPolicyNormalize).
"""

DOMAIN_PARTS = re.compile(r"(\\[0-7]{3}|^\*(?=\.)|[a-z0-9._-])|(.)", re.DOTALL)
"""Pattern of the parts of a domain name that Route 53 keeps, and of any other character, which it escapes."""

LARGEST_LIMIT = 10**7
"""The limit of a budget from which its form is unknown: Java writes such a number with an exponent."""

PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": "-1"}
"""The stored names of protocols (terraform-provider-aws, internal/service/ec2/vpc_security_group.go:
protocolForValue, with the numbers of IANA).
"""


def stored(token: str, inputs: Json) -> Json:
    """Return the inputs of a type as the provider stores them.

    Without a row in the table, an IAM policy document is stored without white space and with sorted keys
    (terraform-provider-aws, internal/sdkv2/schema.go: IAMPolicyDocumentSchemaRequired, and
    internal/verify/json.go: PolicyToSet).
    """
    rows: Mapping[str, str] = table("aws")["stored"].get(token, {})
    forms = {path: FORMS[form] for path, form in rows.items()}
    documents = {name: normalized for name in _policy_documents(inputs) if name not in forms}
    for path, form in (documents | forms).items():
        inputs = _changed(inputs, path.split("."), form)
    return inputs


def restore(outputs: Struct, token: str, declared: Struct) -> None:
    """Give the declared properties among the outputs of a resource the provider's form again.

    Other texts in them may have another order in a set, or as keys of a document.
    """
    inputs = {name: value for name, value in decode(outputs).items() if name in declared.fields}
    for name, value in stored(token, inputs).items():
        if value != inputs[name]:
            outputs.fields[name].CopyFrom(encode({name: value}).fields[name])


def _policy_documents(inputs: Json) -> Iterator[str]:
    """Yield the names of the inputs that are IAM policy documents."""
    for name, value in inputs.items():
        content = plain(value)
        is_text = isinstance(content, str) and content.lstrip().startswith("{")
        document = _parsed(content) if is_text else content
        if isinstance(document, dict) and "Statement" in document:
            yield name


def _changed(value: Any, path: Sequence[str], form: Callable[[Any], Any]) -> Any:
    """Return a value with the form at a path; a path has no positions in lists."""
    if isinstance(value, Secret):
        return Secret(_changed(value.value, path, form))
    if not path:
        return value if known(value) != value else form(value)
    if isinstance(value, list):
        return [_changed(item, path, form) for item in cast(list[Any], value)]
    if not isinstance(value, dict) or path[0] not in value:
        return cast(Any, value)
    members = cast(Json, value)
    return members | {path[0]: _changed(members[path[0]], path[1:], form)}


def normalized(value: Any, *, escapes: Mapping[str, str] = ESCAPES) -> Any:
    """Return a JSON document as Go writes it; other values unchanged.

    An object becomes a text (pulumi-terraform-bridge, pkg/tfbridge: TransformJSONDocument). A text that is
    not JSON stays (terraform-plugin-sdk, helper/structure/normalize_json.go).
    """
    document = _parsed(value) if isinstance(value, str) else value
    if document is None:
        return value
    text = json.dumps(_go_numbers(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "".join(escapes.get(character, character) for character in text)


def _event_pattern(value: Any) -> Any:
    """Return an event pattern (internal/service/events/rule.go: ruleEventPatternJSONDecoder)."""
    return normalized(value, escapes={})


def _version_first(value: Any) -> Any:
    text = normalized(value)
    return VERSION_FIRST.sub(r"\1\4\5\3\2\6\7\8\9", text, count=1) if isinstance(text, str) else text


def _parsed(text: str) -> Any:
    """Return the content of a JSON text; None if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _go_numbers(value: Any) -> Any:
    """Return a JSON value in which whole numbers have no decimal point: Go reads each number as a double."""
    if isinstance(value, dict):
        return {key: _go_numbers(item) for key, item in cast(Json, value).items()}
    if isinstance(value, list):
        return [_go_numbers(item) for item in cast(list[Any], value)]
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 1e21:
        return value
    return int(float(value)) if float(value).is_integer() else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _without_scheme(value: Any) -> Any:
    return value.removeprefix("https://") if isinstance(value, str) else value


def _last_part(value: Any) -> Any:
    return value.rpartition("/")[2] if isinstance(value, str) and value.startswith("arn:") else value


def _protocol(value: Any) -> Any:
    return PROTOCOLS.get(value.lower(), value.lower()) if isinstance(value, str) else value


def _decimal(value: Any) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return str(number) if abs(number) < LARGEST_LIMIT else value


def _sorted_set(value: Any) -> Any:
    """Return a set of texts in the order of the provider's state (zclconf/go-cty, cty/set_internals.go: Less,
    and pulumi-terraform-bridge, pkg/tfshim/sdk-v2/cty.go: objectFromCtyValue).
    """
    if not isinstance(value, list):
        return value
    items = cast(list[Any], value)
    return sorted(set(items)) if all(isinstance(item, str) for item in items) else items


def _record_name(value: Any) -> Any:
    return value.removesuffix(".").lower() if isinstance(value, str) else value


def _domain_name(value: Any) -> Any:
    """Return the name of a zone as Route 53 spells it (terraform-provider-aws,
    internal/service/route53/clean.go: normalizeDomainName and normalizeDomainNameToAPI).
    """
    if not isinstance(value, str) or value == ".":
        return value
    name = re.sub("[A-Z]", lambda match: match[0].lower(), value.removesuffix("."))
    return DOMAIN_PARTS.sub(lambda match: match[1] or f"\\{ord(match[2]):03o}", name)


FORMS: Mapping[str, Callable[[Any], Any]] = {
    "document": normalized,
    "event pattern": _event_pattern,
    "version first": _version_first,
    "lower case": _lower,
    "without scheme": _without_scheme,
    "last part of an ARN": _last_part,
    "protocol": _protocol,
    "decimal": _decimal,
    "set": _sorted_set,
    "domain name": _domain_name,
    "record name": _record_name,
}
"""The forms in the table `stored` of resource_types.toml."""
