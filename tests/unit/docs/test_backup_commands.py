"""Tests that the commands of restores from AWS Backup are those of the AWS API and name real resources."""

import re
import shlex

import pytest
from botocore.session import Session

from tests.support.docs.commands import commands
from tools.documents import generate_docs

GLOBAL_OPTIONS = {"query", "output"}
"""Options of the AWS CLI itself."""

PREFIXES = (
    "aws backup ",
    "aws iam create-service-linked-role ",
    "aws rds modify-db-instance ",
    "aws rds restore-db-instance-from-db-snapshot ",
)
COMMANDS = [command.text for command in commands() if command.text.startswith(PREFIXES)]


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
    assert {"create-service-linked-role", "modify-db-instance"} <= operations


def test_a_restored_database_gets_the_network_the_parameters_and_the_key_of_the_program() -> None:
    text = "\n".join(command.text for command in commands() if command.text.startswith("aws "))
    names = {
        "aws:rds/subnetGroup:SubnetGroup": re.findall(r"--db-subnet-group-name (\S+)", text),
        "aws:rds/parameterGroup:ParameterGroup": re.findall(r"--db-parameter-group-name (\S+)", text),
        "aws:kms/alias:Alias": re.findall(r"--master-user-secret-kms-key-id (\S+)", text),
        "aws:ec2/securityGroup:SecurityGroup": re.findall(r"Name=group-name,Values=(\S+)", text),
    }
    resources = generate_docs.evaluate_program("prod")
    for kind, mentioned in names.items():
        assert mentioned, kind
        assert set(mentioned) <= {item.inputs["name"] for item in resources if item.type == kind}, kind
