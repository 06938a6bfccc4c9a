"""Tests of the tables from which the sandbox derives the IAM actions and the resources of requests."""

import tomllib
from pathlib import Path
from typing import Any

import botocore.session

from sandbox.clouds.aws.authorization.actions import NAMES, PASSED_ROLES
from sandbox.clouds.aws.authorization.resources import PLACEHOLDER, TEMPLATES

SEQUENCES = Path(__file__).parents[3] / "support" / "sandbox" / "clouds" / "aws_sequences.toml"


def test_every_request_of_the_provider_has_a_resource() -> None:
    sequences: dict[str, Any] = tomllib.loads(SEQUENCES.read_text())
    steps = (step for row in sequences.values() for step in row["steps"])
    operations = {step["ask"].replace(" ", ":") for step in steps}
    assert len(operations) > 200
    assert operations - {"sts:GetCallerIdentity"} - set(TEMPLATES) == set()


def test_every_name_in_the_tables_is_a_parameter_of_its_operation() -> None:
    session = botocore.session.get_session()
    paths = {
        **{operation: [] for operation in NAMES},
        **{
            operation: [match["path"] for template in templates for match in PLACEHOLDER.finditer(template)]
            for operation, templates in TEMPLATES.items()
        },
    }
    for operation, roles in PASSED_ROLES.items():
        paths[operation] = [*paths[operation], *roles]
    unknown: list[str] = []
    for operation, names in paths.items():
        service, _, action = operation.partition(":")
        model = session.get_service_model(service).operation_model(action)
        unknown += [f"{operation}: {path}" for path in names if not _has(model.input_shape, path)]
    assert unknown == []


def _has(shape: Any, path: str) -> bool:
    """Return True if a shape has the members of a path; lists count as their items."""
    for name in path.split("."):
        while shape is not None and shape.type_name == "list":
            shape = shape.member
        if shape is None or shape.type_name != "structure" or name not in shape.members:
            return False
        shape = shape.members[name]
    return True
