"""Tests of the decoder that is as strict as AWS's Go clients."""

import botocore.session
import pytest

from tests.support.sandbox.clouds import go_decoder


@pytest.mark.parametrize(
    ("service", "operation", "body", "message"),
    [
        ("ec2", "CreateVpc", "<x><vpc><isDefault>no</isDefault></vpc></x>", 'is "no", expected boolean'),
        (
            "ec2",
            "CreateSubnet",
            "<x><subnet><availableIpAddressCount/></subnet></x>",
            'is "", expected integer',
        ),
        (
            "ec2",
            "DescribeNatGateways",
            "<x><natGatewaySet><member/></natGatewaySet></x>",
            "called member, expected item",
        ),
        ("iam", "GetRole", "<GetRoleResponse><Role/></GetRoleResponse>", "GetRoleResult is missing"),
        (
            "iam",
            "GetRole",
            "<x><GetRoleResult><Role><CreateDate>2026-01-01</CreateDate></Role></GetRoleResult></x>",
            'is "2026-01-01", expected timestamp',
        ),
        (
            "kms",
            "DescribeKey",
            '{"KeyMetadata": {"CreationDate": "2026-01-01T00:00:00Z"}}',
            "expected timestamp",
        ),
        ("eks", "DescribeCluster", '{"cluster": {"version": 1.34}}', "is 1.34, expected string"),
        ("eks", "DescribeCluster", '{"cluster": {"deletionProtection": 0}}', "is 0, expected boolean"),
        ("eks", "DescribeCluster", '{"cluster": {"tags": []}}', "is [], expected map"),
    ],
)
def test_a_response_that_go_clients_reject_is_a_fault(
    service: str, operation: str, body: str, message: str
) -> None:
    model = botocore.session.Session().get_service_model(service).operation_model(operation)
    (fault,) = go_decoder.faults(model, 200, {}, body.encode())
    assert message in fault


def test_an_error_has_its_code_in_the_place_of_its_protocol() -> None:
    models = botocore.session.Session()
    wrapped = b"<ErrorResponse><Error><Code>x</Code></Error></ErrorResponse>"
    for service, operation, faults in (
        ("iam", "GetRole", []),
        ("s3control", "ListTagsForResource", []),
        ("ec2", "CreateVpc", ["no error code"]),
        ("s3", "GetBucketAcl", ["no error code"]),
    ):
        model = models.get_service_model(service).operation_model(operation)
        assert go_decoder.faults(model, 400, {}, wrapped) == faults
