"""A rule on TLS 1.2 and newer in the annotations of Ingresses and Services, and in Ingress classes."""

from collections.abc import Mapping

from pulumi_policy import Severity

from policies.engine.rule import (
    Options,
    Resource,
    Verdicts,
    check_each,
    expected,
)
from policies.engine.topics import TLS
from policies.model.checks import guarded
from policies.model.kubernetes.pods import kubernetes, objects
from policies.model.kubernetes.types import INGRESSES
from policies.model.property_values import Value
from policies.model.tls.alb_ingresses import ALB, PARAMETERS, PORTS, has_certificates, listeners
from policies.model.tls.nginx import old_versions, protocol_list, unreadable
from policies.model.tls.nginx_parser import NotNginxError, parse
from policies.model.tls.tls_versions import ELB_POLICY, is_safe_elb_policy

_PROTOCOLS = "nginx.ingress.kubernetes.io/proxy-ssl-protocols"


_SNIPPETS = (
    *(
        f"nginx.ingress.kubernetes.io/{name}"
        for name in ("auth-snippet", "configuration-snippet", "server-snippet", "stream-snippet")
    ),
    *(f"nginx.org/{name}" for name in ("location-snippets", "server-snippets")),
)


_CONTOUR = "projectcontour.io/tls-minimum-protocol-version"


_ELB_POLICIES = (
    "alb.ingress.kubernetes.io/ssl-policy",
    "service.beta.kubernetes.io/aws-load-balancer-ssl-negotiation-policy",
)


@TLS.rule(
    "tls-annotation-old-version",
    types=INGRESSES | PARAMETERS | kubernetes("core/v1", "Service"),
    severity=Severity.HIGH,
    controls=("CKV_AWS_103",),
    url="https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/",
    remediation=(
        "Name a security policy whose oldest version is TLS 1.2, or leave old protocols out of the list."
    ),
)
def annotations(resource: Resource, _: Options) -> Verdicts:
    """Require TLS 1.2 or newer in annotations of Ingresses and Services, and in IngressClassParams."""
    for item in objects(resource):
        if resource.type in PARAMETERS:
            yield from guarded(_parameters(item.value))
            continue
        present = item.value.at("metadata.annotations").entries()
        yield from check_each([present[key] for key in present if key in _ELB_POLICIES], _elb_policy)
        yield from check_each([present[key] for key in present if key == _PROTOCOLS], protocol_list)
        yield from check_each([present[key] for key in present if key in _SNIPPETS], _snippet)
        yield from check_each([present[key] for key in present if key == _CONTOUR], _contour)
        yield from _missing_policy(item.value.at("metadata.annotations"), present)


def _parameters(parameters: Value) -> Verdicts:
    """Check the policy of a class, which takes precedence over the annotation of an Ingress.

    Source: aws-load-balancer-controller, pkg/ingress/model_build_listener.go,
    computeIngressExplicitSSLPolicy.
    """
    policy = parameters.at("spec.sslPolicy")
    if not policy.absent or has_certificates(parameters):
        yield from _elb_policy(policy)


def _elb_policy(value: Value) -> Verdicts:
    if not is_safe_elb_policy(value.text() or ""):
        yield expected(value, ELB_POLICY)


def _snippet(value: Value) -> Verdicts:
    try:
        directives = parse(value.text() or "")
    except NotNginxError as fault:
        yield unreadable(value, fault)
        return
    yield from old_versions(value, directives)


def _contour(value: Value) -> Verdicts:
    if value.text() not in ("1.2", "1.3"):
        yield expected(value, "'1.2' or '1.3'")


def _missing_policy(annotations: Value, present: Mapping[str, Value]) -> Verdicts:
    """Require a policy on TLS load balancers; the default ELBSecurityPolicy-2016-08 allows TLS 1.0."""
    balancer = "service.beta.kubernetes.io/aws-load-balancer-"
    terminates = f"{balancer}ssl-cert" in present
    policy = f"{balancer}ssl-negotiation-policy"
    if terminates and policy not in present:
        yield expected(annotations[policy], ELB_POLICY)
    if f"{ALB}ssl-policy" in present:
        return
    ports = present.get(f"{ALB}listen-ports")
    protocols = None if ports is None else listeners(ports)
    if ports is not None and protocols is None:
        yield expected(ports, PORTS)
    elif f"{ALB}certificate-arn" in present or "HTTPS" in (protocols or ()):
        yield expected(annotations[f"{ALB}ssl-policy"], ELB_POLICY)
