"""What the clients in Go stumble over, and botocore does not."""

import botocore.session
import pytest

from tests.support.sandbox.clouds import go_decoder


@pytest.mark.parametrize(
    ("service", "operation", "body", "said"),
    [
        ("ec2", "CreateVpc", "<x><vpc><isDefault>no</isDefault></vpc></x>", 'is "no", and no boolean'),
        (
            "ec2",
            "CreateSubnet",
            "<x><subnet><availableIpAddressCount/></subnet></x>",
            'is "", and no integer',
        ),
        (
            "ec2",
            "DescribeNatGateways",
            "<x><natGatewaySet><member/></natGatewaySet></x>",
            "called member, not item",
        ),
        ("iam", "GetRole", "<GetRoleResponse><Role/></GetRoleResponse>", "GetRoleResult is not there"),
        (
            "iam",
            "GetRole",
            "<x><GetRoleResult><Role><CreateDate>2026-01-01</CreateDate></Role></GetRoleResult></x>",
            'is "2026-01-01", and no timestamp',
        ),
        (
            "kms",
            "DescribeKey",
            '{"KeyMetadata": {"CreationDate": "2026-01-01T00:00:00Z"}}',
            "and no timestamp",
        ),
        ("eks", "DescribeCluster", '{"cluster": {"version": 1.34}}', "is 1.34, and no string"),
        ("eks", "DescribeCluster", '{"cluster": {"deletionProtection": 0}}', "is 0, and no boolean"),
        ("eks", "DescribeCluster", '{"cluster": {"tags": []}}', "is [], and no map"),
    ],
)
def test_an_answer_is_read_strictly(service: str, operation: str, body: str, said: str) -> None:
    model = botocore.session.Session().get_service_model(service).operation_model(operation)
    (fault,) = go_decoder.faults(model, 200, {}, body.encode())
    assert said in fault


def test_a_refusal_has_its_code_where_its_protocol_has_it() -> None:
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
