"""JMESPath with what the AWS tables ask besides."""

import ipaddress
import json
import re
from typing import Any

import jmespath
from jmespath.functions import Functions, signature

from sandbox.providers import aws_documents
from sandbox.providers.values import Json

DOCUMENT: Any = {"types": ["object", "string"]}
STRING: Any = {"types": ["string"]}
OBJECT: Any = {"types": ["object"]}


class AwsFunctions(Functions):
    """By name, after `_func_`."""

    @signature(STRING)
    def _func_network(self, block: str) -> "Json | None":
        """First and last address and length of a CIDR block; null where it is none, or has bits of a host."""
        try:
            found = ipaddress.ip_network(block)
        except ValueError:
            return None
        return {"first": int(found[0]), "last": int(found[-1]), "length": found.prefixlen}

    @signature(STRING)
    def _func_numbers(self, text: str) -> list[int]:
        """The whole numbers in a text, such as a version's."""
        return [int(digits) for digits in re.findall(r"\d+", text)]

    @signature(DOCUMENT)
    def _func_size(self, document: Any) -> int:
        """A policy document's characters as IAM counts them, without white space."""
        return len(re.sub(r"\s", "", document if isinstance(document, str) else json.dumps(document)))

    @signature(DOCUMENT, STRING, STRING, OBJECT)
    def _func_lets(self, document: Any, who: str, action: str, context: Json) -> bool:
        return aws_documents.lets(document, who, action, context)


OPTIONS = jmespath.Options(custom_functions=AwsFunctions())


def search(expression: str, value: Any) -> Any:
    """What an expression finds."""
    return jmespath.search(expression, value, OPTIONS)
