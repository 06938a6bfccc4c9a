from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed

CLOUDFRONT = "aws:cloudfront/distribution:Distribution"


DISTRIBUTION: dict[str, Any] = {
    "viewerCertificate": {"acmCertificateArn": "arn:x", "minimumProtocolVersion": "TLSv1.2_2021"},
    "origins": [
        {"customOriginConfig": {"originProtocolPolicy": "https-only", "originSslProtocols": ["TLSv1.2"]}},
        {"s3OriginConfig": {}},
    ],
    "defaultCacheBehavior": {"viewerProtocolPolicy": "redirect-to-https"},
    "orderedCacheBehaviors": [{"viewerProtocolPolicy": "https-only"}],
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"viewerCertificate__minimumProtocolVersion": "TLSv1.3_2025"}, []),
        (
            {"viewerCertificate__minimumProtocolVersion": "TLSv1.1_2016"},
            ["viewerCertificate.minimumProtocolVersion is 'TLSv1.1_2016'; set it to TLSv1.2_2021"],
        ),
        (
            {"viewerCertificate__minimumProtocolVersion": None},
            ["viewerCertificate.minimumProtocolVersion is not set; set it to TLSv1.2_2021"],
        ),
        (
            {"viewerCertificate__cloudfrontDefaultCertificate": True},
            [
                "viewerCertificate.cloudfrontDefaultCertificate is True; set it to false, with "
                "a certificate of your own "
                "and minimumProtocolVersion TLSv1.2_2021"
            ],
        ),
        (
            {"origins__0__customOriginConfig__originSslProtocols": ["TLSv1", "TLSv1.2"]},
            [
                "origins[0].customOriginConfig.originSslProtocols is ['TLSv1', 'TLSv1.2']; set "
                "it to ['TLSv1.2']"
            ],
        ),
        (
            {"origins__0__customOriginConfig__originProtocolPolicy": "http-only"},
            ["origins[0].customOriginConfig.originProtocolPolicy is 'http-only'; set it to https-only"],
        ),
        (
            {
                "origins__0__customOriginConfig__originProtocolPolicy": UNKNOWN,
                "origins__0__customOriginConfig__originSslProtocols": ["SSLv3"],
            },
            [
                "origins[0].customOriginConfig.originSslProtocols is ['SSLv3']; set it to ['TLSv1.2']",
                "unknown: origins[0].customOriginConfig.originProtocolPolicy",
            ],
        ),
        ({"origins__0__customOriginConfig__originProtocolPolicy": "match-viewer"}, []),
        (
            {"defaultCacheBehavior__viewerProtocolPolicy": "allow-all"},
            ["defaultCacheBehavior.viewerProtocolPolicy is 'allow-all'; set it to redirect-to-https"],
        ),
        (
            {"orderedCacheBehaviors__0__viewerProtocolPolicy": "allow-all"},
            ["orderedCacheBehaviors[0].viewerProtocolPolicy is 'allow-all'; set it to redirect-to-https"],
        ),
    ],
)
def test_cloudfront(messages_of: MessagesOf, changes: dict[str, Any], expected: list[str]) -> None:
    assert messages_of("tls-cloudfront-old-version", CLOUDFRONT, changed(DISTRIBUTION, **changes)) == expected


def test_a_distribution_of_tenants_is_judged(messages_of: MessagesOf) -> None:
    kind, policy = (
        "aws:cloudfront/multitenantDistribution:MultitenantDistribution",
        "tls-cloudfront-old-version",
    )
    tenants: dict[str, Any] = {
        "viewerCertificate": {"acmCertificateArn": "arn:x", "minimumProtocolVersion": "TLSv1.2_2021"},
        "origins": [{"customOriginConfigs": [{"originProtocolPolicy": "https-only"}]}],
        "defaultCacheBehavior": {"viewerProtocolPolicy": "https-only"},
        "cacheBehaviors": [{"viewerProtocolPolicy": "https-only"}],
    }
    assert messages_of(policy, kind, tenants) == []
    old = changed(
        tenants,
        viewerCertificate__minimumProtocolVersion="TLSv1",
        origins__0__customOriginConfigs__0__originProtocolPolicy="http-only",
        cacheBehaviors__0__viewerProtocolPolicy="allow-all",
    )
    assert messages_of(policy, kind, old) == [
        "viewerCertificate.minimumProtocolVersion is 'TLSv1'; set it to TLSv1.2_2021",
        "origins[0].customOriginConfigs[0].originProtocolPolicy is 'http-only'; set it to https-only",
        "cacheBehaviors[0].viewerProtocolPolicy is 'allow-all'; set it to redirect-to-https",
    ]
    unknown = changed(tenants, origins__0__customOriginConfigs=UNKNOWN)
    assert messages_of(policy, kind, unknown) == ["unknown: origins[0].customOriginConfigs"]


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"securityPolicy": "TLS_1_2"}, []),
        ({"securityPolicy": "SecurityPolicy_TLS13_1_3_2025_09"}, []),
        ({"securityPolicy": "TLS_1_0"}, ["securityPolicy is 'TLS_1_0'; set it to TLS_1_2"]),
        ({}, ["securityPolicy is not set; set it to TLS_1_2"]),
        ({"disableExecuteApiEndpoint": True}, []),
        ({"endpointConfiguration": {"types": "REGIONAL"}}, ["securityPolicy is not set; set it to TLS_1_2"]),
        ({"endpointConfiguration": {"types": "PRIVATE"}}, []),
        (
            {"endpointConfiguration": {"types": "PRIVATE"}, "securityPolicy": "TLS_1_0"},
            ["securityPolicy is 'TLS_1_0'; set it to TLS_1_2"],
        ),
    ],
)
def test_a_rest_api_s_own_endpoint(
    messages_of: MessagesOf, props: dict[str, Any], expected: list[str]
) -> None:
    assert messages_of("tls-api-gateway-old-version", "aws:apigateway/restApi:RestApi", props) == expected


@pytest.mark.parametrize(
    "policy", ["TLS_1_2", "SecurityPolicy_TLS13_1_3_2025_09", "SecurityPolicy_TLS12_PFS_2025_EDGE"]
)
def test_api_gateway_from_tls_1_2_on(messages_of: MessagesOf, policy: str) -> None:
    assert (
        messages_of(
            "tls-api-gateway-old-version", "aws:apigateway/domainName:DomainName", {"securityPolicy": policy}
        )
        == []
    )


def test_api_gateway_without_a_policy_speaks_tls_1_0(messages_of: MessagesOf) -> None:
    assert messages_of("tls-api-gateway-old-version", "aws:apigateway/domainName:DomainName", {}) == [
        "securityPolicy is not set; set it to TLS_1_2"
    ]
    v2 = {"domainNameConfiguration": {"securityPolicy": "TLS_1_0"}}
    assert messages_of("tls-api-gateway-old-version", "aws:apigatewayv2/domainName:DomainName", v2) == [
        "domainNameConfiguration.securityPolicy is 'TLS_1_0'; set it to TLS_1_2"
    ]


SEARCH = {
    "domainEndpointOptions": {"enforceHttps": True, "tlsSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10"}
}


def test_a_search_domain_enforces_https_and_tls_1_2(messages_of: MessagesOf) -> None:
    kind = "aws:opensearch/domain:Domain"
    assert messages_of("tls-search-domain-old-version", kind, SEARCH) == []
    assert messages_of("tls-search-domain-old-version", kind, {}) == [
        "domainEndpointOptions.enforceHttps is not set; set it to true",
        "domainEndpointOptions.tlsSecurityPolicy is not set; set it to Policy-Min-TLS-1-2-2019-07",
    ]
