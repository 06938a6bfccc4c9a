"""What the installed SDKs know: types by token, and which of AWS's can be tagged."""

import re
from collections.abc import Iterator
from pathlib import Path

import pulumi_aws

SDK = Path(pulumi_aws.__file__).parent
_TOKEN = re.compile(r"super\(\w+, __self__\)\.__init__\(\s*'(aws:[\w/]+:\w+)'")
_TAGS = re.compile(r"^                 tags: pulumi\.Input\[Optional\[Mapping\[str", re.MULTILINE)


def taggable() -> Iterator[str]:
    """The AWS types with a map of tags."""
    for file in sorted(SDK.rglob("*.py")):
        text = file.read_text()
        match = _TOKEN.search(text)
        if match and _TAGS.search(text):
            yield match[1]
