"""TLS 1.2 and newer at load balancers: listeners and classic policies."""

from pulumi_policy import Severity

from policies.engine import remediation
from policies.engine.rule import (
    Finding,
    Options,
    Resource,
    Stack,
    Unknown,
    Verdicts,
    check_each,
    expected,
)
from policies.engine.topics import TLS
from policies.model.checks import guarded
from policies.model.property_values import Value
from policies.model.references import referents
from policies.model.tls.tls_versions import ELB_POLICY, is_safe_elb_policy

_MODULES = ("lb", "alb", "elasticloadbalancingv2", "applicationloadbalancing")
LISTENERS = frozenset(f"aws:{module}/listener:Listener" for module in _MODULES)
LISTENER_RULES = tuple(f"aws:{module}/listenerRule:ListenerRule" for module in _MODULES)
CLASSIC = "aws:elb/loadBalancer:LoadBalancer"
TARGET_GROUPS = frozenset(f"aws:{module}/targetGroup:TargetGroup" for module in _MODULES)


@TLS.rule(
    "tls-load-balancer-old-version",
    remedy=remediation.set_to("sslPolicy", ELB_POLICY),
    types=LISTENERS,
    severity=Severity.HIGH,
    controls=("CKV_AWS_103", "FSBP ELB.17"),
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html",
    remediation=f"Set sslPolicy of the listener to {ELB_POLICY}.",
)
def load_balancer(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer on TLS listeners of load balancers."""
    if _protocol(resource["protocol"]) not in ("HTTPS", "TLS"):
        return
    policy = resource["sslPolicy"]
    if not is_safe_elb_policy(policy.text() or ""):  # absent: ELBSecurityPolicy-2016-08, which allows TLS 1.0
        yield expected(policy, ELB_POLICY)


@TLS.rule(
    "tls-load-balancer-plain-http",
    types=LISTENERS | {CLASSIC},
    severity=Severity.HIGH,
    controls=("CKV_AWS_2", "FSBP ELB.1"),
    remediation="Make the listener redirect to HTTPS, or give it protocol HTTPS and a certificate.",
)
def load_balancer_plain(resource: Resource, _: Options) -> Verdicts:
    """Allow plain HTTP at load balancers only for a redirect to HTTPS."""
    if resource.type == CLASSIC:
        yield from check_each(resource["listeners"].items(), _classic_plain)
        return
    protocol = _protocol(resource["protocol"])
    if protocol in ("TCP", "TCP_UDP") and resource["port"].number() == 80:
        # A network load balancer cannot redirect, so port 80 forwards plain HTTP.
        yield expected(resource["port"], "443, with protocol TLS, or TCP for targets that terminate TLS")
    if _is_plain(resource) and not _redirects(resource["defaultActions"]):
        yield expected(resource["protocol"], "HTTPS, or redirect to it in defaultActions")


def _is_plain(listener: Resource) -> bool:
    """Return True if an application load balancer's listener takes plain HTTP."""
    protocol = _protocol(listener["protocol"])
    # Absent: HTTP, but a gateway load balancer's listener has neither protocol nor port.
    return protocol == "HTTP" or (protocol is None and not listener["port"].absent)


def _redirects(actions: Value) -> bool:
    """Return True if every action redirects to HTTPS.

    The type decides which block the provider sends (terraform-provider-aws, internal/service/elbv2/
    listener.go, expandLbListenerAction).
    """
    return bool(actions.items()) and all(
        action["type"].text() == "redirect" and _protocol(action.at("redirect.protocol")) == "HTTPS"
        for action in actions.items()
    )


@TLS.stack_rule(
    "tls-load-balancer-rule-plain-http",
    about=LISTENER_RULES,
    severity=Severity.HIGH,
    controls=("CKV_AWS_2", "FSBP ELB.1"),
    remediation="Make the rule redirect to HTTPS, or move it to the listener with protocol HTTPS.",
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html",
)
def listener_rule_plain(stack: Stack, _: Options) -> Verdicts:
    """Allow rules of listeners in plain HTTP only for a redirect to HTTPS."""
    listeners = stack.of(LISTENERS)
    for rule in stack.of(LISTENER_RULES):
        yield from guarded(_listener_rule(rule, listeners), rule.urn)


def _listener_rule(rule: Resource, listeners: list[Resource]) -> Verdicts:
    if _redirects(rule["actions"]):
        return
    arn = rule["listenerArn"]
    named = referents(rule, arn, listeners, "id", "arn")
    if not named:
        yield Unknown(arn.path, rule.urn)  # a listener of another stack
    elif any(map(_is_plain, named)):
        shown = "a rule of a listener in plain HTTP, with another action than a redirect to HTTPS"
        yield Finding("actions", shown, "redirect to HTTPS, or move the rule to that listener", urn=rule.urn)


def _protocol(value: Value) -> str | None:
    """Return a protocol in upper case; the provider accepts any case."""
    text = value.text()
    return text and text.upper()


def _classic_plain(listener: Value) -> Verdicts:
    protocol = _protocol(listener["lbProtocol"])
    if protocol == "HTTP" or (protocol == "TCP" and listener["lbPort"].number() == 80):
        yield expected(listener["lbProtocol"], "https; a classic load balancer cannot redirect")


@TLS.rule(
    "tls-target-group-plain-http",
    types=TARGET_GROUPS,
    severity=Severity.MEDIUM,
    controls=("CKV_AWS_378",),
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-routing.html",
    remediation="Set protocol of the target group to HTTPS, or to TLS or TCP for a network load balancer.",
)
def target_group(resource: Resource, _: Options) -> Verdicts:
    """Refuse plain HTTP from load balancers to their targets."""
    if _protocol(resource["protocol"]) == "HTTP":  # absent: a Lambda function, which has none
        yield expected(resource["protocol"], "HTTPS")


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
    """Require TLS 1.2 or newer in negotiation policies of classic load balancers."""
    if resource.type.endswith(":LoadBalancerPolicy"):
        if resource["policyTypeName"].text() != "SSLNegotiationPolicyType":
            return
        attributes = resource["policyAttributes"]
    else:
        attributes = resource["attributes"]
    yield from check_each(attributes.items(), _classic_attribute)


def _classic_attribute(attribute: Value) -> Verdicts:
    name, value = attribute["name"].text(), attribute["value"]
    if name == "Reference-Security-Policy":
        if not is_safe_elb_policy(value.text() or ""):
            yield expected(value, "ELBSecurityPolicy-TLS-1-2-2017-01")
    elif name in ("Protocol-SSLv3", "Protocol-TLSv1", "Protocol-TLSv1.1") and value.flag():
        yield Finding(value.path, f"{value.shown()} for {name}", "set it to false")


_CHOICES = {
    "aws:elb/listenerPolicy:ListenerPolicy": ("loadBalancerName", "loadBalancerPort"),
    "aws:elb/sslNegotiationPolicy:SslNegotiationPolicy": ("loadBalancer", "lbPort"),
}
"""Types that select a policy for a listener, with their properties for the load balancer and the port."""


@TLS.stack_rule(
    "tls-classic-load-balancer-default",
    about=(CLASSIC,),
    severity=Severity.HIGH,
    controls=("CKV_AWS_103",),
    url="https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-security-policy-table.html",
    remediation="Give the listener a policy with an aws.elb.ListenerPolicy or aws.elb.SslNegotiationPolicy.",
)
def classic_default(stack: Stack, _: Options) -> Verdicts:
    """Require an explicit policy on TLS listeners of classic load balancers; the default accepts TLS 1.0."""
    choices = stack.of(_CHOICES)
    for balancer in stack.of((CLASSIC,)):
        yield from guarded(_classic_listeners(balancer, choices), balancer.urn)


def _classic_listeners(balancer: Resource, choices: list[Resource]) -> Verdicts:
    for listener in balancer["listeners"].items():
        yield from guarded(_classic_listener(balancer, listener, choices), balancer.urn)


def _classic_listener(balancer: Resource, listener: Value, choices: list[Resource]) -> Verdicts:
    if _protocol(listener["lbProtocol"]) not in ("HTTPS", "SSL"):
        return
    port, hidden = listener["lbPort"].number(), list[Unknown]()
    for choice in choices:
        named, at = (choice[key] for key in _CHOICES[choice.type])
        if at.known and at.number() != port:
            continue
        unknown = next((value for value in (named, at) if not value.known), None)
        if referents(choice, named, (balancer,), "name", "id"):
            unknown = None if at.known else at
        elif unknown is None and named.get() != balancer["name"].get():
            continue
        if unknown is None:
            return
        hidden.append(Unknown(unknown.path, choice.urn))
    if hidden:
        yield from hidden
    else:
        shown = f"{listener['lbProtocol'].shown()} with the default policy"
        yield Finding(
            listener["lbProtocol"].path, shown, "give it a policy without TLS 1.0 and 1.1", urn=balancer.urn
        )
