"""TLS 1.2 and newer at AWS endpoints: CloudFront, API Gateway and OpenSearch."""

import re
from collections.abc import Iterator

from pulumi_policy import Severity

from policies.engine import remediation
from policies.engine.rule import (
    Options,
    Resource,
    Verdicts,
    check_each,
    expected,
)
from policies.engine.topics import TLS
from policies.model.checks import must_be_true
from policies.model.property_values import Value
from policies.model.tls.tls_versions import SAFE_VERSIONS

_CLOUDFRONT_SAFE = re.compile(r"TLSv1\.[23]_\d{4}")


REST_API = "aws:apigateway/restApi:RestApi"


_API_GATEWAY_SAFE = re.compile(r"TLS_1_[23]|SecurityPolicy_TLS1[23]_(?!1_[01]_)\w+")


@TLS.rule(
    "tls-cloudfront-old-version",
    types=(
        "aws:cloudfront/distribution:Distribution",
        "aws:cloudfront/multitenantDistribution:MultitenantDistribution",
    ),
    severity=Severity.HIGH,
    controls=("CKV_AWS_174", "CKV_AWS_34", "FSBP CloudFront.9", "FSBP CloudFront.10"),
    remediation=(
        "Use a certificate of your own with minimumProtocolVersion TLSv1.2_2021, and TLSv1.2 to origins."
    ),
)
def cloudfront(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer between CloudFront and its viewers and origins."""
    version = resource.at("viewerCertificate.minimumProtocolVersion")
    # The default certificate of *.cloudfront.net always allows TLSv1.
    default = resource.at("viewerCertificate.cloudfrontDefaultCertificate")
    if default.flag():
        yield expected(
            default, "false, with a certificate of your own and minimumProtocolVersion TLSv1.2_2021"
        )
    elif not _CLOUDFRONT_SAFE.fullmatch(version.text() or ""):
        yield expected(version, "TLSv1.2_2021")
    yield from check_each(_origins(resource), _origin)
    behaviours = [
        resource["defaultCacheBehavior"],
        *(item for key in ("orderedCacheBehaviors", "cacheBehaviors") for item in resource[key].items()),
    ]
    yield from check_each((behaviour["viewerProtocolPolicy"] for behaviour in behaviours), _viewer)


def _origins(resource: Resource) -> Iterator[Value]:
    """Yield the settings of custom origins; a multi-tenant distribution has them in a list."""
    for origin in resource["origins"].items():
        yield origin["customOriginConfig"]
        several = origin["customOriginConfigs"]
        yield from several.items() if several.known else [several]


def _origin(origin: Value) -> Verdicts:
    yield from check_each([origin["originProtocolPolicy"]], _encrypted)
    protocols = origin["originSslProtocols"]
    old = [name for name in protocols.texts() if name not in SAFE_VERSIONS]
    if old:
        yield expected(protocols, "['TLSv1.2']")


def _encrypted(policy: Value) -> Verdicts:
    if policy.text() == "http-only":  # match-viewer uses the protocol of the viewers, which _viewer checks
        yield expected(policy, "https-only")


def _viewer(policy: Value) -> Verdicts:
    if policy.text() == "allow-all":
        yield expected(policy, "redirect-to-https")


@TLS.rule(
    "tls-api-gateway-old-version",
    remedy=remediation.api_gateway,
    types=("aws:apigateway/domainName:DomainName", "aws:apigatewayv2/domainName:DomainName", REST_API),
    severity=Severity.HIGH,
    controls=("CKV_AWS_206",),
    remediation="Set the security policy of the domain, or of the REST API's own endpoint, to TLS_1_2.",
)
def api_gateway(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer for API Gateway domains and for the default endpoints of REST APIs."""
    if resource.type == REST_API and (
        resource["disableExecuteApiEndpoint"].flag()
        or (
            resource["securityPolicy"].absent
            and "PRIVATE" in resource.at("endpointConfiguration.types").texts()  # its default is TLS_1_2
        )
    ):
        return
    if "apigatewayv2" in resource.type:
        policy = resource.at("domainNameConfiguration.securityPolicy")
    else:
        policy = resource["securityPolicy"]
    if not _API_GATEWAY_SAFE.fullmatch(policy.text() or ""):  # absent: TLS_1_0
        yield expected(policy, "TLS_1_2")


@TLS.rule(
    "tls-search-domain-old-version",
    types=("aws:opensearch/domain:Domain", "aws:elasticsearch/domain:Domain"),
    severity=Severity.HIGH,
    controls=("CKV_AWS_228", "CKV_AWS_83"),
    remediation=(
        "Set domainEndpointOptions: enforceHttps true and tlsSecurityPolicy Policy-Min-TLS-1-2-2019-07."
    ),
)
def search_domain(resource: Resource, _: Options) -> Verdicts:
    """Require HTTPS with TLS 1.2 or newer for OpenSearch domains."""
    yield from must_be_true(resource.at("domainEndpointOptions.enforceHttps"))
    policy = resource.at("domainEndpointOptions.tlsSecurityPolicy")
    if not (policy.text() or "").startswith("Policy-Min-TLS-1-2-"):
        yield expected(policy, "Policy-Min-TLS-1-2-2019-07")
