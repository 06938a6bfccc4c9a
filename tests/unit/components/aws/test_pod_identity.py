"""Tests of the roles that pods get."""

from tests.support.components import aws
from tests.support.components.fixtures import Declare

ROLE = "arn:aws:iam::123456789012:role"


def test_each_service_account_has_its_own_role(declare_component: Declare) -> None:
    recorder = declare_component(aws.pod_identity)
    associations = recorder.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    roles = {association["serviceAccount"]: association["roleArn"] for association in associations.values()}
    assert roles == {
        "pipe-backup": f"{ROLE}/pipe-test-backup",
        "pipe-restore": f"{ROLE}/pipe-test-restore",
        "pipe-database-roles": f"{ROLE}/pipe-test-database-roles",
        "pipe-api": f"{ROLE}/pipe-test-api",
    }
    for association in associations.values():
        assert (association["clusterName"], association["namespace"]) == ("pipe-test", "pipe")
