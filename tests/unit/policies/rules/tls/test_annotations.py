from typing import Any

import pytest

from tests.support.policies.pytest_fixtures import UNKNOWN, MessagesOf, changed

ANNOTATION = "tls-annotation-old-version"


INGRESS, SERVICE = "kubernetes:networking.k8s.io/v1:Ingress", "kubernetes:core/v1:Service"


ALB, NLB = "alb.ingress.kubernetes.io/", "service.beta.kubernetes.io/aws-load-balancer-"


COMMUNITY = "nginx.ingress.kubernetes.io/"


CONTOUR = "projectcontour.io/tls-minimum-protocol-version"


WANTED = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"


def annotated(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations}}


@pytest.mark.parametrize(
    ("kind", "annotations", "expected"),
    [
        (INGRESS, {}, []),
        (INGRESS, {f"{ALB}certificate-arn": "arn:x", f"{ALB}ssl-policy": WANTED}, []),
        (
            INGRESS,
            {f"{ALB}certificate-arn": "arn:x"},
            [f'metadata.annotations["{ALB}ssl-policy"] is not set; set it to {WANTED}'],
        ),
        (
            INGRESS,
            {f"{ALB}listen-ports": '[{"HTTPS": 443}]'},
            [f'metadata.annotations["{ALB}ssl-policy"] is not set; set it to {WANTED}'],
        ),
        (INGRESS, {f"{ALB}listen-ports": '[{"HTTP": 80}]'}, []),
        (
            INGRESS,
            {f"{ALB}ssl-policy": "ELBSecurityPolicy-2016-08"},
            [f"metadata.annotations[\"{ALB}ssl-policy\"] is 'ELBSecurityPolicy-2016-08'; set it to {WANTED}"],
        ),
        (SERVICE, {f"{NLB}ssl-cert": "arn:x", f"{NLB}ssl-negotiation-policy": WANTED}, []),
        (
            SERVICE,
            {f"{NLB}ssl-cert": "arn:x"},
            [f'metadata.annotations["{NLB}ssl-negotiation-policy"] is not set; set it to {WANTED}'],
        ),
        (INGRESS, {f"{COMMUNITY}proxy-ssl-protocols": "TLSv1.2"}, []),
        (
            INGRESS,
            {f"{COMMUNITY}proxy-ssl-protocols": "TLSv1.1 TLSv1.2"},
            [
                f"metadata.annotations[\"{COMMUNITY}proxy-ssl-protocols\"] is 'TLSv1.1 TLSv1.2'; "
                "set it to 'TLSv1.2 TLSv1.3'"
            ],
        ),
        (INGRESS, {f"{COMMUNITY}server-snippet": "ssl_protocols TLSv1.3;"}, []),
        (
            INGRESS,
            {f"{COMMUNITY}server-snippet": "ssl_protocols TLSv1;"},
            [
                f"metadata.annotations[\"{COMMUNITY}server-snippet\"] (line 1): ssl_protocols is 'TLSv1'; "
                "set it to TLSv1.2 TLSv1.3"
            ],
        ),
        (
            INGRESS,
            {f"{COMMUNITY}server-snippet": "location /x { proxy_ssl_protocols TLSv1; }"},
            [
                f'metadata.annotations["{COMMUNITY}server-snippet"] (line 1): proxy_ssl_protocols is '
                "'TLSv1'; set it to TLSv1.2 TLSv1.3"
            ],
        ),
        *(
            (
                INGRESS,
                {name: "ssl_protocols TLSv1;"},
                [
                    f"metadata.annotations[\"{name}\"] (line 1): ssl_protocols is 'TLSv1'; "
                    "set it to TLSv1.2 TLSv1.3"
                ],
            )
            for name in (
                "nginx.org/server-snippets",
                "nginx.org/location-snippets",
                f"{COMMUNITY}auth-snippet",
            )
        ),
        (INGRESS, {CONTOUR: "1.2"}, []),
        (INGRESS, {CONTOUR: "1.3"}, []),
        (
            INGRESS,
            {CONTOUR: "1.1"},
            [f"metadata.annotations[\"{CONTOUR}\"] is '1.1'; set it to '1.2' or '1.3'"],
        ),
        (
            INGRESS,
            {f"{COMMUNITY}server-snippet": "if ("},
            [
                f'metadata.annotations["{COMMUNITY}server-snippet"] is no nginx configuration '
                "(unfinished); correct it, so that it can be checked"
            ],
        ),
    ],
)
def test_annotations(
    messages_of: MessagesOf, kind: str, annotations: dict[str, str], expected: list[str]
) -> None:
    assert messages_of(ANNOTATION, kind, annotated(**annotations)) == expected


def test_an_unknown_annotation_is_counted(messages_of: MessagesOf) -> None:
    props = changed(annotated(**{f"{ALB}ssl-policy": UNKNOWN}))
    assert messages_of(ANNOTATION, INGRESS, props) == [f'unknown: metadata.annotations["{ALB}ssl-policy"]']


@pytest.mark.parametrize("group", ["networking.k8s.io/v1beta1", "extensions/v1beta1"])
def test_older_forms_of_an_ingress_count(messages_of: MessagesOf, group: str) -> None:
    old = annotated(**{f"{ALB}ssl-policy": "ELBSecurityPolicy-2016-08"})
    assert len(messages_of(ANNOTATION, f"kubernetes:{group}:Ingress", old)) == 1
