"""Tests that the documents' commands of AWS Backup, and their options, are those of the AWS API."""

import re
import shlex

import pytest
from botocore.session import Session

from tests.support.docs.commands import commands

GLOBAL_OPTIONS = {"query", "output"}
"""Options of the AWS CLI itself."""

COMMANDS = [
    command.text
    for command in commands()
    if command.text.startswith(("aws backup ", "aws rds restore-db-instance-from-db-snapshot "))
]


def camel_case(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_and_its_options_exist(command: str) -> None:
    _, service, operation, *arguments = shlex.split(command)
    model = Session().get_service_model(service)
    by_name = {name.lower(): name for name in model.operation_names}
    shape = model.operation_model(by_name[camel_case(operation).lower()]).input_shape
    assert shape is not None
    members = {name.lower(): name for name in shape.members}
    options = {re.sub(r"^--(no-)?", "", argument) for argument in arguments if argument.startswith("--")}
    unknown = {option for option in options - GLOBAL_OPTIONS if camel_case(option).lower() not in members}
    assert unknown == set()
    set_members = {members[camel_case(option).lower()] for option in options - GLOBAL_OPTIONS}
    assert set(shape.required_members) <= set_members


def test_the_documents_have_the_commands_of_a_restore() -> None:
    operations = {command.split()[2] for command in COMMANDS}
    assert {"start-copy-job", "start-restore-job", "put-backup-vault-access-policy"} <= operations
