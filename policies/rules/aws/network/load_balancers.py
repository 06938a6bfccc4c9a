"""Rules on load balancers: invalid headers, access logs, deletion, request smuggling and the firewall."""

from pulumi_policy import Severity

from policies.engine.rule import Finding, Option, Options, Resource, Stack, Topic, Verdicts, expected
from policies.model.checks import guarded, must_be_true
from policies.model.references import referents

LOAD_BALANCERS = Topic(
    framework="AWS Foundational Security Best Practices",
    tags=("aws", "load-balancer"),
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html",
)
MODERN = tuple(
    f"aws:{module}/loadBalancer:LoadBalancer"
    for module in ("alb", "applicationloadbalancing", "elasticloadbalancingv2", "lb")
)
"""Types of application, network and gateway load balancers."""
CLASSIC = ("aws:elb/loadBalancer:LoadBalancer", "aws:elasticloadbalancing/loadBalancer:LoadBalancer")
LISTENERS = tuple(kind.replace("loadBalancer:LoadBalancer", "listener:Listener") for kind in MODERN)
FIREWALLS = (
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafregional/webAclAssociation:WebAclAssociation",
)


def _kind(resource: Resource) -> str:
    """Return application, network, gateway or classic."""
    if resource.type in CLASSIC:
        return "classic"
    return resource["loadBalancerType"].text() or "application"


@LOAD_BALANCERS.rule(
    "load-balancer-invalid-headers",
    types=MODERN,
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_131", "FSBP ELB.4"),
    remediation="Set dropInvalidHeaderFields to true.",
)
def invalid_headers(resource: Resource, _: Options) -> Verdicts:
    """Require application load balancers to drop headers with invalid names."""
    if _kind(resource) == "application":
        yield from must_be_true(resource["dropInvalidHeaderFields"])


@LOAD_BALANCERS.rule(
    "load-balancer-logs-missing",
    types=(*MODERN, *CLASSIC),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_91", "CKV_AWS_92", "FSBP ELB.5"),
    remediation="Set accessLogs with a bucket, and with enabled: true.",
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html",
)
def logs(resource: Resource, _: Options) -> Verdicts:
    """Require access logs of every load balancer except gateway load balancers, which have none."""
    kind, own = _kind(resource), resource["accessLogs"]
    if kind == "gateway":
        return
    # By default, the block of a classic load balancer is enabled, but the block of the others is not.
    enabled = own["enabled"].flag()
    if own.absent:
        yield expected(own, "a bucket, with enabled true")
    elif not (kind == "classic" if enabled is None else enabled):
        yield expected(own["enabled"], "true")


@LOAD_BALANCERS.rule(
    "load-balancer-deletion-unprotected",
    types=MODERN,
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_150", "FSBP ELB.6"),
    remediation="Set enableDeletionProtection to true.",
)
def deletion(resource: Resource, _: Options) -> Verdicts:
    """Require deletion protection for load balancers, whose addresses DNS records and firewalls name."""
    yield from must_be_true(resource["enableDeletionProtection"])


@LOAD_BALANCERS.rule(
    "load-balancer-desync-allowed",
    types=(*MODERN, *CLASSIC),
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_328", "FSBP ELB.12", "FSBP ELB.14"),
    remediation="Set desyncMitigationMode to defensive, its default, or to strictest.",
)
def desync(resource: Resource, _: Options) -> Verdicts:
    """Refuse load balancers that forward ambiguous requests, which enable request smuggling."""
    mode = resource["desyncMitigationMode"]
    if _kind(resource) in ("application", "classic") and mode.text() == "monitor":
        yield expected(mode, "'defensive' or 'strictest'")


@LOAD_BALANCERS.stack_rule(
    "load-balancer-without-firewall",
    about=MODERN,
    severity=Severity.MEDIUM,
    controls=("CKV2_AWS_28", "FSBP ELB.16"),
    remediation="Add an aws.wafv2.WebAclAssociation whose resourceArn is the load balancer's.",
    url="https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-associating-aws-resource.html",
)
def firewall(stack: Stack, _: Options) -> Verdicts:
    """Require a WAF for every application load balancer that the internet reaches."""
    balancers = stack.of(MODERN)
    named = {
        balancer.urn
        for part in stack.of(FIREWALLS)
        for balancer in referents(part, part["resourceArn"], balancers, "arn", "id")
    }
    for resource in balancers:
        if resource.urn not in named:
            yield from guarded(_firewall(resource), resource.urn)


def _firewall(resource: Resource) -> Verdicts:
    if _kind(resource) == "application" and not resource["internal"].flag():
        yield Finding(
            "the load balancer", "without a WAF", "add an aws.wafv2.WebAclAssociation", urn=resource.urn
        )


@LOAD_BALANCERS.stack_rule(
    "load-balancer-port-open-to-world",
    about=LISTENERS,
    severity=Severity.HIGH,
    controls=("Guide: firewall", "FSBP EC2.18"),
    remediation="Set internal to true, or give the load balancer security groups that name the networks.",
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html",
    options={
        "ports": Option(
            default=[80, 443],
            schema={
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": 65535},
                "description": "Ports on which a load balancer may listen without a security group; "
                "tls-load-balancer-plain-http judges port 80.",
            },
        )
    },
)
def ports(stack: Stack, options: Options) -> Verdicts:
    """Refuse listeners of public network load balancers on ports that the configuration does not list.

    Security groups of the load balancer limit who reaches it, and other rules judge them. Without one, every
    client reaches every listener.
    """
    balancers = stack.of(MODERN)
    allowed = [int(port) for port in options["ports"]]
    for listener in stack.of(LISTENERS):
        yield from guarded(_port(listener, balancers, allowed), listener.urn)


def _port(listener: Resource, balancers: list[Resource], allowed: list[int]) -> Verdicts:
    port = listener["port"]
    if port.absent or port.number() in allowed:
        return
    for balancer in referents(listener, listener["loadBalancerArn"], balancers, "arn", "id"):
        groups = balancer["securityGroups"]
        filtered = not groups.known or bool(groups.items())
        if _kind(balancer) == "network" and not balancer["internal"].flag() and not filtered:
            ports = " or ".join(map(str, allowed))
            remedy = f"set it to {ports}, or give the load balancer security groups"
            yield Finding(port.path, port.shown(), remedy, urn=listener.urn)
