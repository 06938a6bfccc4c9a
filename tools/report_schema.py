"""Prints the JSON Schema of review.json, in which every field is always there, and no other."""

import json
from typing import Any

from pydantic import TypeAdapter

from review.model import Report

found: dict[str, Any] = TypeAdapter(Report).json_schema(mode="serialization")
for part in (found, *found["$defs"].values()):
    part |= {"additionalProperties": False, "required": sorted(part["properties"])}
schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
print(json.dumps(schema, indent=2, ensure_ascii=False))
