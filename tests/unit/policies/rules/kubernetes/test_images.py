from typing import Any

import pytest

from tests.support.policies.fixtures import CONTAINER
from tests.support.policies.pytest_fixtures import MessagesOf, changed
from tests.support.policies.workloads import AT, DEPLOYMENT_TYPE, deployment, pod

PINNED = "an image with a version or digest, such as name:1.4.2 or name@sha256:…"


@pytest.mark.parametrize(
    "image", ["pipe/api", "pipe/api:latest", "host:5000/pipe/api", "host:5000/api:latest", ""]
)
@pytest.mark.parametrize("field", ["containers", "initContainers", "ephemeralContainers"])
def test_an_image_that_is_not_pinned_is_named(messages_of: MessagesOf, image: str, field: str) -> None:
    props = pod(**{field: [changed(CONTAINER, image=image)]})
    assert messages_of("workload-image-latest", DEPLOYMENT_TYPE, props) == [
        f"spec.template.spec.{field}[0].image is {image!r}; set it to {PINNED}"
    ]


@pytest.mark.parametrize(
    "image", ["pipe/api:1.4.2", "host:5000/pipe/api:v1", "api@sha256:" + "a" * 64, "a:latest1"]
)
def test_a_pinned_image_passes(messages_of: MessagesOf, image: str) -> None:
    assert messages_of("workload-image-latest", DEPLOYMENT_TYPE, deployment(image=image)) == []


@pytest.mark.parametrize(
    ("policy", "change", "expected"),
    [
        (
            "workload-image-without-digest",
            {"image": "pipe/api:1.4.2"},
            "image is 'pipe/api:1.4.2'; set it to the same image by its digest, name@sha256:…",
        ),
        (
            "workload-image-pull-not-always",
            {"image": "pipe/api:1.4.2"},
            "imagePullPolicy is not set; set it to 'Always'",
        ),
        (
            "workload-image-pull-not-always",
            {"image": "pipe/api:1.4.2", "imagePullPolicy": "IfNotPresent"},
            "imagePullPolicy is 'IfNotPresent'; set it to 'Always'",
        ),
    ],
)
def test_one_change_to_a_container_is_named(
    messages_of: MessagesOf, policy: str, change: dict[str, Any], expected: str
) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**change)) == [f"{AT}.{expected}"]


@pytest.mark.parametrize(
    ("policy", "change"),
    [
        ("workload-image-pull-not-always", {"image": "a:1", "imagePullPolicy": "Always"}),
    ],
)
def test_what_a_rule_allows_passes(messages_of: MessagesOf, policy: str, change: dict[str, Any]) -> None:
    assert messages_of(policy, DEPLOYMENT_TYPE, deployment(**change)) == []
