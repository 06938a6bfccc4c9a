"""Generator of the JSON Schema of review.json, which it prints.

Every field is required, and no other field is allowed.
"""

import json
from typing import Any

from pydantic import TypeAdapter

from review.model import Report

report: dict[str, Any] = TypeAdapter(Report).json_schema(mode="serialization")
for part in (report, *report["$defs"].values()):
    part |= {"additionalProperties": False, "required": sorted(part["properties"])}
schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **report}
print(json.dumps(schema, indent=2, ensure_ascii=False))
