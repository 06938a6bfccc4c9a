"""Tests of types that are names of one kind of objects."""

import pytest

from review.stacks.object_kinds import kind_of, kinds_of

SAME = [
    ("aws:s3/bucketObject:BucketObject", "aws:s3/bucketObjectv2:BucketObjectv2"),
    ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2"),
    ("aws:lb/listener:Listener", "aws:alb/listener:Listener"),
    ("aws:elasticsearch/domain:Domain", "aws:opensearch/domain:Domain"),
    ("aws:ses/emailIdentity:EmailIdentity", "aws:sesv2/emailIdentity:EmailIdentity"),
    ("aws:ses/domainIdentity:DomainIdentity", "aws:sesv2/emailIdentity:EmailIdentity"),
    ("aws:ses/identityPolicy:IdentityPolicy", "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy"),
    ("aws:s3/objectCopy:ObjectCopy", "aws:s3/bucketObjectv2:BucketObjectv2"),
    ("aws:apigateway/domainName:DomainName", "aws:apigatewayv2/domainName:DomainName"),
    ("aws:rds/subnetGroup:SubnetGroup", "aws:docdb/subnetGroup:SubnetGroup"),
    ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:DeploymentPatch"),
    # Only the aliases in the SDK connect these.
    ("aws:ec2/encryptionControl:EncryptionControl", "aws:ec2/vpcEncryptionControl:VpcEncryptionControl"),
    ("cloudflare:index/record:Record", "cloudflare:index/dnsRecord:DnsRecord"),
    (
        "cloudflare:index/tunnel:Tunnel",
        "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared",
    ),
    ("kubernetes:networking.k8s.io/v1:Ingress", "kubernetes:extensions/v1beta1:Ingress"),
    ("kubernetes:core/v1:Event", "kubernetes:events.k8s.io/v1:Event"),
]

DIFFERENT = [
    ("aws:lb/loadBalancer:LoadBalancer", "aws:elb/loadBalancer:LoadBalancer"),
    ("aws:apigateway/stage:Stage", "aws:apigatewayv2/stage:Stage"),
    ("aws:rds/subnetGroup:SubnetGroup", "aws:elasticache/subnetGroup:SubnetGroup"),
    ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "kubernetes:crd.projectcalico.org/v1:NetworkPolicy"),
    ("kubernetes:a.example/v1:ReviewV1", "kubernetes:a.example/v1:ReviewV2"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_types_for_the_same_objects_are_of_one_kind(first: str, second: str) -> None:
    kinds = kinds_of([first, second, "aws:ec2/vpc:Vpc"])
    assert kinds[first] == kinds[second] != kinds["aws:ec2/vpc:Vpc"]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_types_for_other_objects_are_of_other_kinds(first: str, second: str) -> None:
    kinds = kinds_of([first, second])
    assert kinds[first] != kinds[second]


def test_a_type_without_a_class_in_an_sdk_is_of_its_own_kind() -> None:
    types = [
        "pulumi:index:Stash",
        "b",
        "pulumi-python:dynamic:Resource",
        "aws:../x:Y",
        f"kubernetes:a:{'B' * 300}",
    ]
    assert kinds_of(types) == {token: kind_of(token) for token in types}
