"""A rule on TLS from the internet to load balancers and Ingresses, and from load balancers to the pods."""

from fnmatch import fnmatchcase

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Unknown, Verdicts, expected
from policies.engine.topics import ACROSS_PROVIDERS
from policies.model.checks import guarded
from policies.model.kubernetes.mounts import Mounts, mounts
from policies.model.kubernetes.pods import Pod, objects, patches
from policies.model.kubernetes.types import INGRESSES, SERVICES
from policies.model.property_values import UnknownValueError, Value
from policies.model.tls.alb_ingresses import ALB, BY_SPEC, PORTS, AlbIngress, classes, listeners
from policies.model.tls.nginx import Files


@ACROSS_PROVIDERS.stack_rule(
    "tls-hop-load-balancer",
    about=(*SERVICES, *INGRESSES),
    severity=Severity.HIGH,
    controls=("Guide: SSL/TLS settings",),
    remediation=(
        "Re-encrypt at the load balancer (a certificate and the backend protocol ssl, or HTTPS for an ALB), "
        "or pass TLS through to nginx with a ConfigMap of this stack. Replace port 80 by 443, and give every "
        "host of an Ingress a certificate."
    ),
)
def load_balancer_hop(stack: Stack, _: Options) -> Verdicts:
    """Require TLS from the internet to load balancers and Ingresses, and from load balancers to the pods."""
    for resource in stack.of((*SERVICES, *INGRESSES)):
        if not patches(resource):
            yield from guarded(_objects(stack, resource), resource.urn)


def _objects(stack: Stack, resource: Resource) -> Verdicts:
    for item in objects(resource):
        if resource.type in SERVICES:
            yield from guarded(_service(stack, resource, item.value), resource.urn)
            yield from guarded(_overriding(resource, item.value), resource.urn)
        else:
            yield from guarded(_ingress(stack, resource, item.value), resource.urn)


_AWS = "service.beta.kubernetes.io/aws-load-balancer-"


def _service(stack: Stack, resource: Resource, service: Value) -> Verdicts:
    if not _on_the_internet(service):
        return
    notes = service.at("metadata.annotations")
    certified = not notes[f"{_AWS}ssl-cert"].absent
    if certified:
        yield from guarded(_re_encrypted(resource, notes[f"{_AWS}backend-protocol"]), resource.urn)
    chosen = notes[f"{_AWS}ssl-ports"] if certified else None
    for port in service.at("spec.ports").items():
        yield from guarded(_port(stack, resource, service, port, chosen), resource.urn)


def _re_encrypted(resource: Resource, backend: Value) -> Verdicts:
    if backend.text() not in ("ssl", "https"):  # absent: forwarded without TLS
        yield resource.attach(expected(backend, "'ssl'"))


def _on_the_internet(service: Value) -> bool:
    if service.at("spec.type").text() != "LoadBalancer":
        return False
    notes = service.at("metadata.annotations")
    scheme = notes[f"{_AWS}scheme"]
    # The controller reads `internal` only without a scheme (aws-load-balancer-controller,
    # pkg/service/model_build_load_balancer.go, buildLoadBalancerSchemeViaAnnotation).
    return notes[f"{_AWS}internal"].flag() is not True if scheme.absent else scheme.text() != "internal"


def _terminates_tls(port: Value, chosen: Value) -> bool:
    """Return True if the certificate applies to a port: the list of TLS ports names it, or is absent."""
    listed = {name.strip() for name in str(chosen.get() or "*").split(",")}
    return bool(listed & {"*", str(port["port"].get()), port["name"].text()})


def _port(stack: Stack, resource: Resource, service: Value, port: Value, certified: Value | None) -> Verdicts:
    """Require the pods of a port to terminate TLS, unless the load balancer has a certificate for it."""
    if certified is not None and _terminates_tls(port, certified):
        return
    if port["port"].number() == 80:
        yield resource.attach(expected(port["port"], "443"))
        return
    mounted = mounts(stack)
    selected = mounted.selected_by(service)
    if not selected and mounted.unknown:
        yield from mounted.unknown  # the Service may select one of them
        return
    unknown: list[Unknown] = []
    for owner, pod in selected:
        try:
            if not _pod_terminates_tls(mounted, owner, pod, port, unknown):
                break
        except UnknownValueError as fault:
            unknown.append(Unknown(fault.path, owner.urn))
    else:
        if selected:
            yield from unknown
            return
    remedy = (
        "let nginx listen on it with ssl (in a ConfigMap of this stack), or terminate TLS at the load "
        "balancer and re-encrypt to the pods (backend protocol ssl)"
    )
    shown = f"{port['port'].shown()}, where no pod terminates TLS"
    yield Finding(port["port"].path, shown, remedy, urn=resource.urn)


def _pod_terminates_tls(
    mounted: Mounts, owner: Resource, pod: Pod, port: Value, unknown: list[Unknown]
) -> bool:
    """Return True if the nginx of a pod terminates TLS on a port, or may do so; append unknown values."""
    wanted = _target(pod, port)
    unread: list[Unknown] = []
    for resource, item in mounted.files(owner, pod):
        files = Files(item)
        if any(wanted & server.tls_ports for server in files.servers()):
            return True
        unread += (
            Unknown(verdict.path, resource.urn) for verdict in files.unread if isinstance(verdict, Unknown)
        )
    unknown += unread
    return bool(unread)


def _target(pod: Pod, port: Value) -> set[int]:
    """Return the numbers of the pod's ports that a Service port targets by number or name."""
    target = port["port"] if port["targetPort"].absent else port["targetPort"]
    number, name = target.number(), target.get()
    if number is not None:
        return {int(number)}
    return {
        int(container_port["containerPort"].number() or 0)
        for value in pod.values()
        for container_port in value["ports"].items()
        if container_port["name"].get() == name
    }


def _overriding(resource: Resource, service: Value) -> Verdicts:
    """Refuse plain HTTP by a Service: its annotations take precedence over those of an Ingress.

    Source: AWS Load Balancer Controller, Ingress annotations. Plain HTTP is the default, so that only an
    Ingress with HTTPS has a use for this annotation.
    """
    backend = service.at("metadata.annotations")[f"{ALB}backend-protocol"]
    if backend.text() not in (None, "HTTPS"):
        yield resource.attach(expected(backend, "'HTTPS'"))


def _ingress(stack: Stack, resource: Resource, ingress: Value) -> Verdicts:
    balancer = AlbIngress(classes(stack), resource, ingress)
    yield from guarded(_balancer(resource, balancer), resource.urn)
    yield from guarded(_hosts(resource, ingress, balancer.controller), resource.urn)


def _balancer(resource: Resource, balancer: AlbIngress) -> Verdicts:
    """Require TLS on both sides of an application load balancer that the internet reaches."""
    if balancer and balancer.on_the_internet:
        yield from guarded(_backend(resource, balancer["backend-protocol"]), resource.urn)
        yield from guarded(_listeners(resource, balancer), resource.urn)


def _backend(resource: Resource, backend: Value) -> Verdicts:
    if backend.text() != "HTTPS":  # absent: HTTP
        yield resource.attach(expected(backend, "'HTTPS'"))


def _listeners(resource: Resource, balancer: AlbIngress) -> Verdicts:
    ports = balancer["listen-ports"]
    if ports.absent:
        if not balancer.certified:  # the controller listens on port 80 only
            yield resource.attach(expected(balancer["certificate-arn"], "the certificate of the hosts"))
        return
    protocols = listeners(ports)
    if protocols is None:
        yield resource.attach(expected(ports, PORTS))
    elif "HTTP" in protocols and not balancer.redirects:
        yield resource.attach(expected(balancer["ssl-redirect"], "the port of HTTPS, such as '443'"))


def _hosts(resource: Resource, ingress: Value, controller: str) -> Verdicts:
    """Require a certificate for every host of an Ingress, unless nginx passes TLS through to the pods."""
    notes = ingress.at("metadata.annotations")
    if not BY_SPEC.search(controller) or notes["nginx.ingress.kubernetes.io/ssl-passthrough"].flag():
        return
    certified = ingress.at("spec.tls")
    if not certified.items():
        yield resource.attach(expected(certified, "the hosts, each with the Secret of its certificate"))
        return
    hosts = {host for entry in certified.items() for host in entry["hosts"].texts() or ["*"]}
    for rule in ingress.at("spec.rules").items():
        yield from guarded(_host(resource, rule["host"], hosts), resource.urn)


def _host(resource: Resource, host: Value, certified: set[str]) -> Verdicts:
    text = host.text() or ""
    if text and not any(fnmatchcase(text, pattern) for pattern in certified):
        shown = f"{host.shown()}, for which spec.tls has no certificate"
        yield Finding(host.path, shown, "add it to spec.tls", urn=resource.urn)
