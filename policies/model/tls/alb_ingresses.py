"""The settings of the application load balancers that Ingresses create, as AWS' controllers read them."""

import re
from collections.abc import Iterator

from policies.engine.rule import Resource, Stack, cached
from policies.model.kubernetes.pods import kubernetes, objects
from policies.model.property_values import UnknownValueError, Value

ALB = "alb.ingress.kubernetes.io/"
"""The prefix of the annotations of the AWS Load Balancer Controller and of EKS Auto Mode."""

CLASSES = tuple(
    sorted(
        kubernetes("networking.k8s.io/v1", "IngressClass")
        | kubernetes("networking.k8s.io/v1beta1", "IngressClass")
    )
)
PARAMETERS = frozenset[str]().union(
    *(
        kubernetes(f"{group}/{version}", "IngressClassParams")
        for group in ("eks.amazonaws.com", "elbv2.k8s.aws")
        for version in ("v1", "v1beta1", "v1alpha1")
    )
)
"""The types of the parameters to which an IngressClass refers (AWS Load Balancer Controller, IngressClass;
EKS user guide, auto-configure-alb)."""

_CONTROLLERS = ("eks.amazonaws.com/alb", "ingress.k8s.aws/alb")
_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
_CERTIFICATES = ("certificateARNs", "certificateArn", "certificateArns")
"""The names of the property with certificates: those of EKS Auto Mode and of the controller's versions."""

BY_SPEC = re.compile(r"nginx|traefik|contour|haproxy|kong")
"""Classes and controllers that read certificates from spec.tls; AWS controllers use annotations."""

PORTS = 'a JSON list such as [{"HTTPS": 443}]'


def has_certificates(parameters: Value) -> bool:
    """Return True if the parameters of a class have certificates, with which its Ingresses listen on 443."""
    return any(parameters["spec"][name].items() for name in _CERTIFICATES)


def listeners(ports: Value) -> list[str] | None:
    """Return the protocols in a list of ports; None if it is not such a list.

    The controller decodes a list of objects from protocols to numbers (aws-load-balancer-controller,
    pkg/ingress/model_build_listener.go, computeIngressListenPorts).
    """
    entries = ports.json().items()
    protocols = [protocol for entry in entries for protocol in entry.entries()]
    if not protocols or any(not entry.entries() for entry in entries) or {*protocols} - {"HTTP", "HTTPS"}:
        return None
    return protocols


class AlbIngress:
    """An Ingress with the class and the parameters that decide its load balancer."""

    def __init__(self, classes: "_Classes", resource: Resource, ingress: Value) -> None:
        self._annotations = ingress.at("metadata.annotations")
        named = ingress.at("spec.ingressClassName")
        by_annotation = named.known and named.absent
        self._name = self._annotations["kubernetes.io/ingress.class"] if by_annotation else named
        classless = self._name.known and self._name.absent
        declared = classes.default() if classless else classes.of(resource, self._name)
        # A patch has no controller, so it does not tell whose class it is.
        self._class = None if declared is None or declared.at("spec.controller").absent else declared
        self._parameters = classes.parameters(self._class)

    def __bool__(self) -> bool:
        """Return True if AWS creates an application load balancer for the Ingress, or may do so.

        A class that another stack declares, or the cluster's default class, may have any controller. A name
        such as nginx counts as that controller's, unless the Ingress has annotations for AWS' controllers.
        """
        if self._class is not None:
            return self.controller in _CONTROLLERS
        annotated = any(key.startswith(ALB) for key in self._annotations.entries())
        return annotated or not BY_SPEC.search(self.controller)

    @property
    def controller(self) -> str:
        """The name of the controller; the name of the class if another stack declares the class."""
        value = self._name if self._class is None else self._class.at("spec.controller")
        return value.text() or ""

    def __getitem__(self, name: str) -> Value:
        """Return an annotation of the controller."""
        return self._annotations[f"{ALB}{name}"]

    @property
    def on_the_internet(self) -> bool:
        """True if the internet reaches the load balancer, or may do so.

        Parameters take precedence over annotations. Without either, the load balancer is internal, but a
        class that another stack declares may have any parameters.
        """
        chosen = None if self._parameters is None else self._parameters.at("spec.scheme")
        if chosen is None or chosen.absent:
            chosen = self["scheme"]
        if chosen.absent:
            return self._class is None or (self._parameters is None and self._refers)
        return chosen.text() != "internal"

    @property
    def _refers(self) -> bool:
        return self._class is not None and not self._class.at("spec.parameters").absent

    @property
    def certified(self) -> bool:
        """True if the Ingress has a certificate, with which the controller listens on 443 and not on 80."""
        by_class = self._parameters is not None and has_certificates(self._parameters)
        return by_class or bool(self["certificate-arn"].text())

    @property
    def redirects(self) -> bool:
        """True if every listener in plain HTTP redirects to HTTPS."""
        port = None if self._parameters is None else self._parameters.at("spec.sslRedirectPort")
        return bool((port and port.get()) or self["ssl-redirect"].number())


class _Classes:
    """The IngressClasses and their parameters of a stack, by name and by the URN of their resource."""

    def __init__(self, stack: Stack) -> None:
        self._classes = dict(_named(stack, CLASSES))
        self._parameters = dict(_named(stack, sorted(PARAMETERS)))
        declared = [
            (resource.urn, item.value) for resource in stack.of(CLASSES) for item in objects(resource)
        ]
        self._by_urn = dict(declared)
        self._declared = [value for _, value in declared]

    def of(self, resource: Resource, name: Value) -> Value | None:
        """Return the class that a resource names; dependencies replace an unknown name."""
        if name.known:
            return self._classes.get(name.text() or "")
        reached = [self._by_urn[urn] for urn in sorted(resource.reached & self._by_urn.keys())]
        if not reached:
            raise UnknownValueError(name.path)
        return reached[0]

    def default(self) -> Value | None:
        """Return the class that the cluster gives to an Ingress without a class, if the stack declares it.

        Kubernetes refuses such an Ingress if there are several (Kubernetes source,
        plugin/pkg/admission/network/defaultingressclass, getDefaultClass); the first one counts then.
        """
        marks = ((item.at("metadata.annotations")[_DEFAULT], item) for item in self._declared)
        return next((item for mark, item in marks if mark.text() == "true"), None)

    def parameters(self, ingress_class: Value | None) -> Value | None:
        """Return the parameters to which a class refers, if the stack declares them."""
        if ingress_class is None:
            return None
        return self._parameters.get(ingress_class.at("spec.parameters.name").text() or "")


def _named(stack: Stack, types: tuple[str, ...] | list[str]) -> Iterator[tuple[str, Value]]:
    for resource in stack.of(types):
        for item in objects(resource):
            name = item.value.at("metadata.name")
            if name.known and (text := name.text()):
                yield text, item.value


@cached
def classes(stack: Stack) -> _Classes:
    """Return the IngressClasses of a stack."""
    return _Classes(stack)
