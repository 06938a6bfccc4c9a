from typing import Any

import pytest

from policies.engine.rule import Resource
from policies.model.tls.tls_versions import is_safe_elb_policy
from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed, resource, urn

LISTENER = "aws:lb/listener:Listener"


HTTPS = {"protocol": "HTTPS", "port": 443, "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"}


POLICY = "tls-load-balancer-old-version"


# docs.aws.amazon.com/elasticloadbalancing: security policies of all three kinds of load balancers.
SAFE_POLICIES = [
    "TLS13-1-3-2021-06",
    "TLS13-1-2-Res-2021-06",
    "TLS13-1-2-2021-06",
    "TLS13-1-2-Ext1-2021-06",
    "TLS13-1-2-Ext2-2021-06",
    "TLS13-1-3-FIPS-2023-04",
    "TLS13-1-2-Res-FIPS-2023-04",
    "TLS13-1-2-FIPS-2023-04",
    "TLS13-1-2-Ext0-FIPS-2023-04",
    "TLS13-1-2-Ext1-FIPS-2023-04",
    "TLS13-1-2-Ext2-FIPS-2023-04",
    "TLS13-1-3-PQ-2025-09",
    "TLS13-1-2-Res-PQ-2025-09",
    "TLS13-1-2-PQ-2025-09",
    "TLS13-1-2-Ext1-PQ-2025-09",
    "TLS13-1-2-Ext2-PQ-2025-09",
    "TLS13-1-3-FIPS-PQ-2025-09",
    "TLS13-1-2-Res-FIPS-PQ-2025-09",
    "TLS13-1-2-FIPS-PQ-2025-09",
    "TLS-1-2-2017-01",
    "TLS-1-2-Ext-2018-06",
    "FS-1-2-Res-2020-10",
    "FS-1-2-Res-2019-08",
    "FS-1-2-2019-08",
]


OLD_POLICIES = [
    "TLS13-1-1-2021-06",
    "TLS13-1-0-2021-06",
    "TLS13-1-1-FIPS-2023-04",
    "TLS13-1-0-FIPS-2023-04",
    "TLS13-1-0-PQ-2025-09",
    "TLS13-1-0-FIPS-PQ-2025-09",
    "TLS-1-1-2017-01",
    "TLS-1-0-2015-04",
    "FS-1-1-2019-08",
    "FS-2018-06",
    "2016-08",
    "2015-05",
    "2015-03",
    "2015-02",
    "2014-10",
    "2014-01",
    "2011-08",
]


@pytest.mark.parametrize("name", SAFE_POLICIES)
def test_a_published_policy_from_tls_1_2_on_is_safe(name: str) -> None:
    assert is_safe_elb_policy(f"ELBSecurityPolicy-{name}")


@pytest.mark.parametrize("name", OLD_POLICIES)
def test_a_published_policy_below_tls_1_2_is_not_safe(name: str) -> None:
    assert not is_safe_elb_policy(f"ELBSecurityPolicy-{name}")


@pytest.mark.parametrize("module", ["lb", "alb", "elasticloadbalancingv2", "applicationloadbalancing"])
def test_a_listener_of_every_module_is_judged(messages_of: MessagesOf, module: str) -> None:
    assert messages_of(POLICY, f"aws:{module}/listener:Listener", HTTPS) == []
    assert messages_of(POLICY, f"aws:{module}/listener:Listener", changed(HTTPS, sslPolicy=None)) == [
        "sslPolicy is not set; set it to ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    ]


@pytest.mark.parametrize("protocol", ["https", "Https", "tls"])
def test_the_case_of_a_protocol_does_not_matter(messages_of: MessagesOf, protocol: str) -> None:
    assert messages_of(
        POLICY, LISTENER, {"protocol": protocol, "sslPolicy": "ELBSecurityPolicy-2016-08"}
    ) == ["sslPolicy is 'ELBSecurityPolicy-2016-08'; set it to ELBSecurityPolicy-TLS13-1-2-Res-2021-06"]
    forward = {"protocol": "http", "defaultActions": [{"type": "forward"}]}
    assert messages_of("tls-load-balancer-plain-http", LISTENER, forward) == [
        "protocol is 'http'; set it to HTTPS, or redirect to it in defaultActions"
    ]
    assert messages_of(
        "tls-target-group-plain-http", "aws:lb/targetGroup:TargetGroup", {"protocol": "http"}
    ) == ["protocol is 'http'; set it to HTTPS"]


def test_without_a_protocol_an_application_load_balancer_speaks_http(messages_of: MessagesOf) -> None:
    policy, forward = "tls-load-balancer-plain-http", [{"type": "forward"}]
    assert messages_of(policy, LISTENER, {"port": 80, "defaultActions": forward}) == [
        "protocol is not set; set it to HTTPS, or redirect to it in defaultActions"
    ]
    assert messages_of(policy, LISTENER, changed(REDIRECT, protocol=None) | {"port": 80}) == []
    gateway = {"defaultActions": forward}
    assert messages_of(policy, LISTENER, gateway) == []


def test_an_old_policy_of_a_network_load_balancer_is_named(messages_of: MessagesOf) -> None:
    listener = changed(HTTPS, protocol="TLS", sslPolicy="ELBSecurityPolicy-2016-08")
    assert messages_of(POLICY, LISTENER, listener) == [
        "sslPolicy is 'ELBSecurityPolicy-2016-08'; set it to ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    ]


@pytest.mark.parametrize("protocol", ["TCP", "HTTP", "UDP"])
def test_a_listener_without_tls_has_no_policy_to_judge(messages_of: MessagesOf, protocol: str) -> None:
    assert messages_of(POLICY, LISTENER, {"protocol": protocol}) == []


def test_an_unknown_policy_is_counted_and_not_passed(messages_of: MessagesOf) -> None:
    assert messages_of(POLICY, LISTENER, changed(HTTPS, sslPolicy=UNKNOWN)) == ["unknown: sslPolicy"]


REDIRECT = {"protocol": "HTTP", "defaultActions": [{"type": "redirect", "redirect": {"protocol": "HTTPS"}}]}


@pytest.mark.parametrize(
    ("props", "wrong"),
    [
        (REDIRECT, False),
        (HTTPS, False),
        (changed(REDIRECT, defaultActions=None), True),
        (changed(REDIRECT, defaultActions__0__redirect__protocol="HTTP"), True),
        (changed(REDIRECT, defaultActions=[*REDIRECT["defaultActions"], {"type": "forward"}]), True),
    ],
)
def test_plain_http_only_redirects(messages_of: MessagesOf, props: dict[str, Any], wrong: bool) -> None:
    expected = ["protocol is 'HTTP'; set it to HTTPS, or redirect to it in defaultActions"] if wrong else []
    assert messages_of("tls-load-balancer-plain-http", LISTENER, props) == expected


CLASSIC = "tls-classic-load-balancer-old-version"


LB_POLICY = "aws:elb/loadBalancerPolicy:LoadBalancerPolicy"


NEGOTIATION = "aws:elb/sslNegotiationPolicy:SslNegotiationPolicy"


REFERENCE = {
    "policyTypeName": "SSLNegotiationPolicyType",
    "policyAttributes": [{"name": "Reference-Security-Policy", "value": "ELBSecurityPolicy-TLS-1-2-2017-01"}],
}


def test_a_classic_load_balancer_refers_to_a_safe_policy(messages_of: MessagesOf) -> None:
    assert messages_of(CLASSIC, LB_POLICY, REFERENCE) == []
    old = changed(REFERENCE, policyAttributes__0__value="ELBSecurityPolicy-2016-08")
    assert messages_of(CLASSIC, LB_POLICY, old) == [
        "policyAttributes[0].value is 'ELBSecurityPolicy-2016-08'; set it to "
        "ELBSecurityPolicy-TLS-1-2-2017-01"
    ]
    assert messages_of(CLASSIC, LB_POLICY, changed(old, policyTypeName="ProxyProtocolPolicyType")) == []


@pytest.mark.parametrize("name", ["Protocol-SSLv3", "Protocol-TLSv1", "Protocol-TLSv1.1"])
def test_a_classic_load_balancer_switches_old_protocols_off(messages_of: MessagesOf, name: str) -> None:
    assert messages_of(CLASSIC, NEGOTIATION, {"attributes": [{"name": name, "value": "false"}]}) == []
    assert messages_of(CLASSIC, NEGOTIATION, {"attributes": [{"name": name, "value": "true"}]}) == [
        f"attributes[0].value is 'true' for {name}; set it to false"
    ]


def test_a_classic_load_balancer_may_switch_tls_1_2_on(messages_of: MessagesOf) -> None:
    assert (
        messages_of(CLASSIC, NEGOTIATION, {"attributes": [{"name": "Protocol-TLSv1.2", "value": "true"}]})
        == []
    )


@pytest.mark.parametrize("protocol", ["TCP", "TCP_UDP"])
def test_a_network_load_balancer_takes_no_plain_http(messages_of: MessagesOf, protocol: str) -> None:
    policy = "tls-load-balancer-plain-http"
    assert messages_of(policy, LISTENER, {"protocol": protocol, "port": 443}) == []
    assert messages_of(policy, LISTENER, {"protocol": protocol, "port": 80}) == [
        "port is 80; set it to 443, with protocol TLS, or TCP for targets that end TLS themselves"
    ]
    assert messages_of(policy, LISTENER, {"protocol": protocol, "port": UNKNOWN}) == ["unknown: port"]


@pytest.mark.parametrize("module", ["lb", "alb", "elasticloadbalancingv2", "applicationloadbalancing"])
def test_nothing_goes_to_targets_in_plain_http(messages_of: MessagesOf, module: str) -> None:
    policy, kind = "tls-target-group-plain-http", f"aws:{module}/targetGroup:TargetGroup"
    for protocol in ("HTTPS", "TLS", "TCP"):
        assert messages_of(policy, kind, {"protocol": protocol}) == []
    assert messages_of(policy, kind, {"targetType": "lambda"}) == []
    assert messages_of(policy, kind, {"protocol": "HTTP"}) == ["protocol is 'HTTP'; set it to HTTPS"]


BALANCER = "aws:elb/loadBalancer:LoadBalancer"


DEFAULT = "tls-classic-load-balancer-default"


def balancer(*listeners: dict[str, Any]) -> Resource:
    return resource(BALANCER, {"name": "lb", "listeners": list(listeners)}, "lb")


def choice(name: object = "lb", port: object = 443, **more: Any) -> Resource:
    props = {"loadBalancerName": name, "loadBalancerPort": port, "policyNames": ["tls"]}
    return resource("aws:elb/listenerPolicy:ListenerPolicy", props, **more)


def test_a_classic_listener_has_a_policy_of_its_own(messages_of_stack: MessagesOf) -> None:
    expected = [
        "listeners[0].lbProtocol is 'https' with the default policy; choose one that refers to TLS-1-2"
    ]
    https = balancer({"lbProtocol": "https", "lbPort": 443})
    assert messages_of_stack(DEFAULT, https) == expected
    assert messages_of_stack(DEFAULT, balancer({"lbProtocol": "SSL", "lbPort": 443})) != []
    assert messages_of_stack(DEFAULT, balancer({"lbProtocol": "tcp", "lbPort": 443})) == []
    assert messages_of_stack(DEFAULT, https, choice()) == []
    assert messages_of_stack(DEFAULT, https, choice(port=8443)) == expected
    assert messages_of_stack(DEFAULT, https, choice("other")) == expected
    negotiated = resource(NEGOTIATION, {"loadBalancer": "lb", "lbPort": 443})
    assert messages_of_stack(DEFAULT, https, negotiated) == []


def test_a_policy_that_may_be_the_listener_s_is_counted(messages_of_stack: MessagesOf) -> None:
    listening = balancer({"lbProtocol": UNKNOWN}, {"lbProtocol": "https", "lbPort": 443})
    assert messages_of_stack(DEFAULT, listening, choice(UNKNOWN)) == [
        "unknown: listeners[0].lbProtocol",
        "unknown: loadBalancerName",
    ]
    assert messages_of_stack(DEFAULT, listening, choice(UNKNOWN), choice()) == [
        "unknown: listeners[0].lbProtocol"
    ]
    depends = {"property_dependencies": {"loadBalancerName": (urn(BALANCER, "lb"),)}}
    https = balancer({"lbProtocol": "https", "lbPort": 443})
    assert messages_of_stack(DEFAULT, https, choice(UNKNOWN, **depends)) == []
    assert messages_of_stack(DEFAULT, https, choice(UNKNOWN, UNKNOWN, **depends)) == [
        "unknown: loadBalancerPort"
    ]
    assert messages_of_stack(DEFAULT, https, choice(UNKNOWN, 8443)) != []


def test_a_classic_load_balancer_takes_no_plain_http(messages_of: MessagesOf) -> None:
    listeners = [{"lbProtocol": UNKNOWN}, {"lbProtocol": "HTTP", "lbPort": 80}, {"lbProtocol": "https"}]
    assert messages_of("tls-load-balancer-plain-http", BALANCER, {"listeners": listeners}) == [
        "listeners[1].lbProtocol is 'HTTP'; set it to https; a classic load balancer cannot redirect",
        "unknown: listeners[0].lbProtocol",
    ]
