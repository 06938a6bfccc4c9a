"""TLS 1.2 and newer at every place where AWS or Cloudflare lets one choose a version."""

import re
from collections.abc import Iterator

from pulumi_policy import Severity

from policies import remedies
from policies.documents import Statement, statements
from policies.rule import Finding, Options, Resource, Topic, Verdicts, each, wrong
from policies.unknowns import Value

TLS = Topic(
    framework="Deployment guide: SSL/TLS settings",
    tags=("tls", "encryption-in-transit"),
    url="https://datatracker.ietf.org/doc/html/rfc8996",
)

LISTENERS = frozenset(
    f"aws:{module}/listener:Listener"
    for module in ("lb", "alb", "elasticloadbalancingv2", "applicationloadbalancing")
)
# The newest policy that speaks TLS 1.2; published ones name their oldest version after TLS13-, TLS- or FS-
# (docs.aws.amazon.com, elasticloadbalancing, "Security policies"); the older names allow TLS 1.0.
_ELB_WANTED = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
_ELB_SAFE = re.compile(r"ELBSecurityPolicy-(TLS13|TLS|FS)-1-[23]-[\w-]+")
_CLOUDFRONT_SAFE = re.compile(r"TLSv1\.[23]_\d{4}")
_API_GATEWAY_SAFE = re.compile(r"TLS_1_[23]|SecurityPolicy_TLS1[23]_(?!1_[01]_)\w+")
_CLOUDFLARE_SAFE = ("1.2", "1.3")


def safe_elb_policy(name: str) -> bool:
    """Whether an Elastic Load Balancing security policy refuses everything below TLS 1.2."""
    return _ELB_SAFE.fullmatch(name) is not None


@TLS.rule(
    "tls-load-balancer-old-version",
    remedy=remedies.set_to("sslPolicy", _ELB_WANTED),
    types=LISTENERS,
    severity=Severity.HIGH,
    controls=("CKV_AWS_103", "FSBP ELB.17"),
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html",
    remediation=f"Set sslPolicy of the listener to {_ELB_WANTED}.",
)
def load_balancer(resource: Resource, _: Options) -> Verdicts:
    """A load balancer's TLS listener accepts TLS 1.2 and newer only."""
    if resource["protocol"].text() not in ("HTTPS", "TLS"):
        return
    policy = resource["sslPolicy"]
    if not safe_elb_policy(policy.text() or ""):  # absent: ELBSecurityPolicy-2016-08, which speaks TLS 1.0
        yield wrong(policy, _ELB_WANTED)


@TLS.rule(
    "tls-load-balancer-plain-http",
    types=LISTENERS,
    severity=Severity.HIGH,
    controls=("CKV_AWS_2", "FSBP ELB.1"),
    remediation="Make the listener redirect to HTTPS, or give it protocol HTTPS and a certificate.",
)
def load_balancer_plain(resource: Resource, _: Options) -> Verdicts:
    """A load balancer's HTTP listener does nothing but redirect to HTTPS."""
    if resource["protocol"].text() != "HTTP":
        return
    actions = resource["defaultActions"].items()
    redirects = [action for action in actions if action.at("redirect.protocol").text() == "HTTPS"]
    if not actions or len(redirects) < len(actions):
        yield wrong(resource["protocol"], "HTTPS, or redirect to it in defaultActions")


@TLS.rule(
    "tls-classic-load-balancer-old-version",
    types=(
        "aws:elb/loadBalancerPolicy:LoadBalancerPolicy",
        "aws:elb/sslNegotiationPolicy:SslNegotiationPolicy",
    ),
    severity=Severity.HIGH,
    controls=("CKV_AWS_103",),
    remediation="Refer to ELBSecurityPolicy-TLS-1-2-2017-01, or switch the old protocols off.",
)
def classic_load_balancer(resource: Resource, _: Options) -> Verdicts:
    """A classic load balancer's negotiation policy accepts TLS 1.2 and newer only."""
    if resource.type.endswith(":LoadBalancerPolicy"):
        if resource["policyTypeName"].text() != "SSLNegotiationPolicyType":
            return
        attributes = resource["policyAttributes"]
    else:
        attributes = resource["attributes"]
    yield from each(attributes.items(), _classic_attribute)


def _classic_attribute(attribute: Value) -> Verdicts:
    name, value = attribute["name"].text(), attribute["value"]
    if name == "Reference-Security-Policy":
        if not safe_elb_policy(value.text() or ""):
            yield wrong(value, "ELBSecurityPolicy-TLS-1-2-2017-01")
    elif name in ("Protocol-SSLv3", "Protocol-TLSv1", "Protocol-TLSv1.1") and value.flag():
        yield Finding(value.path, f"{value.shown()} for {name}", "set it to false")


@TLS.rule(
    "tls-cloudfront-old-version",
    types=("aws:cloudfront/distribution:Distribution",),
    severity=Severity.HIGH,
    controls=("CKV_AWS_174", "CKV_AWS_34", "FSBP CloudFront.10"),
    remediation=(
        "Use a certificate of your own with minimumProtocolVersion TLSv1.2_2021, and TLSv1.2 to origins."
    ),
)
def cloudfront(resource: Resource, _: Options) -> Verdicts:
    """CloudFront speaks TLS 1.2 or newer to viewers and to origins."""
    version = resource.at("viewerCertificate.minimumProtocolVersion")
    # The default certificate of *.cloudfront.net goes with TLSv1, whatever is asked for.
    default = resource.at("viewerCertificate.cloudfrontDefaultCertificate")
    if default.flag():
        yield wrong(default, "false, with a certificate of your own and minimumProtocolVersion TLSv1.2_2021")
    elif not _CLOUDFRONT_SAFE.fullmatch(version.text() or ""):
        yield wrong(version, "TLSv1.2_2021")
    yield from each(
        (origin.at("customOriginConfig.originSslProtocols") for origin in resource["origins"].items()),
        _origin,
    )
    behaviours = [resource["defaultCacheBehavior"], *resource["orderedCacheBehaviors"].items()]
    yield from each((behaviour["viewerProtocolPolicy"] for behaviour in behaviours), _viewer)


def _origin(protocols: Value) -> Verdicts:
    old = [name for name in protocols.texts() if name not in ("TLSv1.2", "TLSv1.3")]
    if old:
        yield wrong(protocols, "['TLSv1.2']")


def _viewer(policy: Value) -> Verdicts:
    if policy.text() == "allow-all":
        yield wrong(policy, "redirect-to-https")


@TLS.rule(
    "tls-api-gateway-old-version",
    remedy=remedies.api_gateway,
    types=("aws:apigateway/domainName:DomainName", "aws:apigatewayv2/domainName:DomainName"),
    severity=Severity.HIGH,
    controls=("CKV_AWS_206",),
    remediation="Set the domain's security policy to TLS_1_2.",
)
def api_gateway(resource: Resource, _: Options) -> Verdicts:
    """A domain of API Gateway accepts TLS 1.2 and newer only."""
    if "apigatewayv2" in resource.type:
        policy = resource.at("domainNameConfiguration.securityPolicy")
    else:
        policy = resource["securityPolicy"]
    if not _API_GATEWAY_SAFE.fullmatch(policy.text() or ""):  # absent: TLS_1_0
        yield wrong(policy, "TLS_1_2")


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
    """An OpenSearch domain enforces HTTPS with TLS 1.2 or newer."""
    enforced = resource.at("domainEndpointOptions.enforceHttps")
    if not enforced.flag():
        yield wrong(enforced, "true")
    policy = resource.at("domainEndpointOptions.tlsSecurityPolicy")
    if not (policy.text() or "").startswith("Policy-Min-TLS-1-2-"):
        yield wrong(policy, "Policy-Min-TLS-1-2-2019-07")


@TLS.rule(
    "tls-cloudflare-zone-old-version",
    remedy=remedies.cloudflare_zone,
    types=(
        "cloudflare:index/zoneSetting:ZoneSetting",
        "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride",
    ),
    severity=Severity.HIGH,
    controls=("CKV_CLOUDFLARE: minimum TLS version", "CIS Cloudflare 1.2"),
    url="https://developers.cloudflare.com/ssl/edge-certificates/additional-options/minimum-tls/",
    remediation="Set the zone setting min_tls_version to 1.2; Cloudflare's default is 1.0.",
)
def cloudflare_zone(resource: Resource, _: Options) -> Verdicts:
    """A Cloudflare zone accepts TLS 1.2 and newer only."""
    if resource.type.endswith(":ZoneSetting"):
        if resource["settingId"].text() != "min_tls_version":
            return
        version = resource["value"]
    else:
        version = resource.at("settings.minTlsVersion")
    yield from _cloudflare_version(version)


@TLS.rule(
    "tls-cloudflare-hostname-old-version",
    remedy=remedies.cloudflare_hostname,
    types=(
        "cloudflare:index/hostnameTlsSetting:HostnameTlsSetting",
        "cloudflare:index/customHostname:CustomHostname",
        "cloudflare:index/r2CustomDomain:R2CustomDomain",
    ),
    severity=Severity.HIGH,
    controls=("CIS Cloudflare 1.2",),
    url="https://developers.cloudflare.com/api/resources/hostnames/subresources/settings/subresources/tls/",
    remediation="Set the host's own minimum TLS version to 1.2; it overrides the zone's.",
)
def cloudflare_hostname(resource: Resource, _: Options) -> Verdicts:
    """A host with TLS settings of its own in Cloudflare accepts TLS 1.2 and newer only."""
    kind = resource.type.rpartition(":")[2]
    if kind == "HostnameTlsSetting":
        if resource["settingId"].text() == "min_tls_version":
            yield from _cloudflare_version(resource["value"])
    elif kind == "R2CustomDomain":
        yield from _cloudflare_version(resource["minTls"])  # absent: 1.0
    elif not (version := resource.at("ssl.settings.minTlsVersion")).absent:  # absent: as the zone has it
        yield from _cloudflare_version(version)


def _cloudflare_version(version: Value) -> Verdicts:
    if version.text() not in _CLOUDFLARE_SAFE:
        yield wrong(version, "'1.2' or '1.3'")


@TLS.rule(
    "tls-bucket-policy-missing-denial",
    types=("aws:s3/bucketPolicy:BucketPolicy",),
    severity=Severity.HIGH,
    controls=("FSBP S3.5", "CIS AWS 2.1.1"),
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
    remediation=(
        "Deny s3:* to everybody when aws:SecureTransport is false, and when s3:TlsVersion is below 1.2."
    ),
)
def bucket_policy(resource: Resource, _: Options) -> Verdicts:
    """A bucket policy denies plain HTTP and TLS below 1.2."""
    policy = resource["policy"]
    denials = [found for found in statements(policy) if _denies_everything(found)]
    if not any(_is_plain_http(found) for found in denials):
        remedy = 'deny s3:* on the bucket and its objects under {"Bool": {"aws:SecureTransport": "false"}}'
        yield Finding(policy.path, "without a denial of plain HTTP", remedy)
    if not any(_is_old_tls(found) for found in denials):
        remedy = 'deny s3:* on the bucket and its objects under {"NumericLessThan": {"s3:TlsVersion": "1.2"}}'
        yield Finding(policy.path, "without a denial of TLS below 1.2", remedy)


def _denies_everything(found: Statement) -> bool:
    objects = any(name == "*" or name.endswith("*") for name in found.resources)
    bucket = any(name == "*" or not name.endswith("/*") for name in found.resources)
    whole = objects and bucket and not found.inverted
    return found.effect == "Deny" and found.everybody and found.covers("s3:*") and whole


def _is_plain_http(found: Statement) -> bool:
    return len(found.conditions) == 1 and (
        found.conditions[0].operator in ("Bool", "BoolIfExists")
        and found.conditions[0].key == "aws:securetransport"
        and found.conditions[0].values == ("false",)
    )


def _is_old_tls(found: Statement) -> bool:
    if len(found.conditions) != 1:
        return False
    [condition] = found.conditions
    operator = condition.operator in ("NumericLessThan", "NumericLessThanIfExists")
    return operator and condition.key == "s3:tlsversion" and condition.values in (("1.2",), ("1.3",))


# AmazonRDS UserGuide: PostgreSQL.Concepts.General.SSL, MySQL.Concepts.SSLSupport, SQLServer.Ciphers.
Wanted = tuple[str, tuple[str, ...], bool]


def _database_parameters(family: str) -> list[Wanted]:
    """Name, allowed values, and whether its default is enough, of each parameter that decides about TLS."""
    engine, _, rest = (
        family.partition("postgresql") if "postgresql" in family else family.partition("postgres")
    )
    if rest or family.startswith(("postgres", "aurora-postgresql")):
        major = int(match[0]) if (match := re.match(r"\d+", rest)) else 0
        return [
            ("rds.force_ssl", ("1",), major >= (17 if engine else 15)),
            ("ssl_min_protocol_version", ("TLSv1.2", "TLSv1.3"), major >= 12),
        ]
    if family.startswith(("mysql", "aurora-mysql", "mariadb")):
        safe = ("TLSv1.2", "TLSv1.3", "TLSv1.2,TLSv1.3", "TLSv1.3,TLSv1.2")
        return [
            ("require_secure_transport", ("1", "ON", "on"), family == "mysql8.4"),
            ("tls_version", safe, not family.startswith(("mysql5", "aurora-mysql5", "mariadb10"))),
        ]
    if family.startswith("sqlserver"):
        old = [(name, ("disabled",), False) for name in ("rds.tls10", "rds.tls11")]
        return [("rds.force_ssl", ("1",), False), *old]
    return []


def database_faults(group: Resource) -> Iterator[Finding]:
    """What lets a connection without TLS 1.2 into a database with these parameters."""
    given = {item["name"].text() or "": item["value"] for item in group["parameters"].items()}
    for name, allowed, by_default in _database_parameters(group["family"].text() or ""):
        if name in given:
            value = given[name]
            if str(value.get()).strip() not in allowed:
                yield Finding(value.path, f"{value.shown()} for {name}", f"set it to {allowed[0]}")
        elif not by_default:
            yield Finding("parameters", f"without {name}", f"add it with the value {allowed[0]}")


@TLS.rule(
    "tls-database-parameter-old-version",
    types=("aws:rds/parameterGroup:ParameterGroup", "aws:rds/clusterParameterGroup:ClusterParameterGroup"),
    severity=Severity.HIGH,
    controls=("CKV2_AWS_69", "FSBP RDS.38"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
    remediation="Set rds.force_ssl to 1 and ssl_min_protocol_version to TLSv1.2 (PostgreSQL).",
)
def database_parameters(resource: Resource, _: Options) -> Verdicts:
    """A database parameter group forces TLS, of version 1.2 or newer."""
    yield from database_faults(resource)
