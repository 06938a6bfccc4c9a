"""The resources of a stack that a property of another resource names."""

from collections.abc import Iterable

from policies.engine.rule import Resource
from policies.model.property_marks import INVENTED
from policies.model.property_values import Value


def is_determined(value: Value) -> bool:
    """Return True if a value is known, and no text that a review invents for one that nobody knows."""
    return value.known and not (value.text() or "").startswith(INVENTED)


def referents(source: Resource, value: Value, targets: Iterable[Resource], *keys: str) -> list[Resource]:
    """Return the targets that a property of `source` names by one of their properties `keys`.

    A dependency counts only while the value is unknown, which may then be of each dependency. A program can
    derive any text from the name of a resource, so a known value is compared, whatever it depends on.

    Each target of AWS has a name or an ARN as soon as it exists, so a text that is known before is another
    one's. The providers of a review do not repeat the IDs of other services in the outputs; for such a target
    without any of these properties, a dependency counts.
    """
    depends = source.property_dependencies.get(top_level(value), ())
    if not is_determined(value):
        return [target for target in targets if target.urn in depends]
    text = value.text()
    return [target for target in targets if text and _has(target, text, keys, target.urn in depends)]


def top_level(value: Value) -> str:
    """Return the name of the property of a resource that contains a value."""
    return value.path.partition("[")[0].partition(".")[0]


def _has(target: Resource, text: str, keys: Iterable[str], depends: bool) -> bool:
    texts = {target[key].text() for key in keys if target[key].known} - {None}
    if not texts and "id" in keys and target["arn"].known and (arn := target["arn"].text()):
        # Not every provider repeats the ID in the outputs. The ARN ends with it, behind `/` or `:`, or is
        # the ID (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
        return text == arn or arn.endswith((f"/{text}", f":{text}"))
    return text in texts if texts or target.type.startswith("aws:") else depends
