"""Names that pulumi-aws generates for resources for which the program sets none."""

from sandbox.providers.resource_types import digits, resource_type, table
from sandbox.providers.target import Resource
from sandbox.wire.values import Json, plain

LENGTH = 7
"""Number of hexadecimal digits at the end of a name whose type has no other form."""


def named_property(token: str) -> str:
    """Return the property of a type with the physical name, which the provider generates if it is not set."""
    return str(_form(token).get("property") or resource_type(token).name)


def generated_name(resource: Resource, seed: bytes) -> str:
    """Return a generated name in the form of the resource's type: the logical name, and a random part.

    The digits follow the transformed name, and a beginning or end is added last
    (pulumi-terraform-bridge, pkg/tfbridge/names.go: ComputeAutoNameDefault).
    """
    form, inputs = _form(resource.type), plain(resource.inputs)
    name = resource.name.lower() if form.get("lower") else resource.name
    is_short = "short" in form and form["short"] in str(inputs.get("engine")).lower()
    count = form["shortDigits"] if is_short else form.get("digits", LENGTH)
    if count:
        random = digits(resource.urn + seed.hex(), count)
        if form.get("letters"):
            random = "".join(chr(ord("a") + int(digit, 16)) for digit in random)
        name = f"{name}{form.get('separator', '-')}{random}"
    prefix = str(form.get("prefix", ""))
    suffix = ".fifo" if inputs.get(form.get("fifo", "")) is True else ""
    return f"{prefix}{name.removeprefix(prefix)}{suffix}"


def _form(token: str) -> Json:
    return table("aws")["generated_names"].get(token, {})
