"""Checks of the expressions of a ruleset with Cloudflare's own parser, wirefilter."""

from collections.abc import Iterator

from octorules_wirefilter import parse_expression

from sandbox.wire.values import Json


def faults(ruleset: Json) -> Iterator[str]:
    """Yield the parser's message for each wrong expression, with its path but without the expression."""
    for place, rule in enumerate(ruleset.get("rules", ())):
        texts = rule.get("ratelimit", {}) | rule
        for name in sorted(texts.keys() & {"expression", "counting_expression"}):
            # The API reads this one, too, and the parser does not.
            found = parse_expression("" if texts[name] == "true" else texts[name])
            if "error" in found:
                first, *_, last = found["error"].strip().splitlines()
                yield f"/rules/{place}/{name}: could not parse filter expression: {first} {last.strip(' ^')}"
            early = [field for field in found["fields"] if field.startswith("http.response.")]
            if early and name == "expression":
                yield f"/rules/{place}/{name}: {early[0]} is not known before the response"
