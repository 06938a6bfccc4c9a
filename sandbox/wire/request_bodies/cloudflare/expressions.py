"""Checks of a ruleset's expressions with wirefilter, Cloudflare's own parser."""

from collections.abc import Iterator

from octorules_wirefilter import parse_expression

from sandbox.wire.values import Json


def faults(ruleset: Json) -> Iterator[str]:
    """Yield the parser's message for each invalid expression, with the path but without the expression."""
    for index, rule in enumerate(ruleset.get("rules", ())):
        expressions = rule.get("ratelimit", {}) | rule
        for name in sorted(expressions.keys() & {"expression", "counting_expression"}):
            # The API accepts "true", which the parser rejects.
            expression = "" if expressions[name] == "true" else expressions[name]
            parsed = parse_expression(expression)
            if "error" in parsed:
                first, *_, last = parsed["error"].strip().splitlines()
                yield f"/rules/{index}/{name}: could not parse filter expression: {first} {last.strip(' ^')}"
            early = [field for field in parsed["fields"] if field.startswith("http.response.")]
            if early and name == "expression":
                yield f"/rules/{index}/{name}: {early[0]} is not known before the response"
