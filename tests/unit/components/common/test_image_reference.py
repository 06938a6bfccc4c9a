"""Tests of image references."""

import pytest

from components.common.image_reference import EcrRegistry, parse_ecr_registry, parse_image_reference

DIGEST = "05e27da35aec3ef50260332a6aa98138c3e90d9259886f8630a37bb0638a29dd"


@pytest.mark.parametrize(
    ("image", "repository", "tag", "digest"),
    [
        ("api:1.4.2", "api", "1.4.2", ""),
        ("registry:5000/pipe/api:1.4.2", "registry:5000/pipe/api", "1.4.2", ""),
        ("registry:5000/pipe/api", "registry:5000/pipe/api", "", ""),
        (f"registry/pipe/api@sha256:{DIGEST}", "registry/pipe/api", "", DIGEST),
        (f"registry:5000/pipe/api:1.4.2@sha256:{DIGEST}", "registry:5000/pipe/api", "1.4.2", DIGEST),
    ],
)
def test_a_reference_is_split_into_its_parts(image: str, repository: str, tag: str, digest: str) -> None:
    reference = parse_image_reference(image)
    assert (reference.repository, reference.tag, reference.digest) == (repository, tag, digest)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("pipe/api:1.4.2", "1.4.2"),
        (f"pipe/api:1.4.2@sha256:{DIGEST}", "1.4.2"),
        (f"pipe/api@sha256:{DIGEST}", "05e27da35aec"),
    ],
)
def test_the_version_is_the_tag_or_a_short_digest(image: str, version: str) -> None:
    assert parse_image_reference(image).version == version


@pytest.mark.parametrize(
    ("image", "label"),
    [
        (f"registry/pipe/api@sha256:{DIGEST}", "05e27da35aec"),
        (f"registry/pipe/api:1.4.2@sha256:{DIGEST}", "05e27da35aec"),
        ("registry:5000/pipe/api:1.4.2", "1-4-2"),
        ("pipe/api:V1.4.2_rc.1-", "v1-4-2-rc-1"),
        ("pipe/api:" + "a" * 60, "a" * 40),
    ],
)
def test_the_label_fits_names_and_labels_of_kubernetes(image: str, label: str) -> None:
    assert parse_image_reference(image).label == label


@pytest.mark.parametrize(
    ("image", "account", "region"),
    [
        (
            "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api:1.4.2",
            "123456789012",
            "ap-northeast-1",
        ),
        ("123456789012.dkr.ecr.ap-northeast-3.amazonaws.com/pipe/api", "123456789012", "ap-northeast-3"),
    ],
)
def test_an_image_in_ecr_names_its_account_and_region(image: str, account: str, region: str) -> None:
    assert parse_ecr_registry(image) == EcrRegistry(account=account, region=region)


@pytest.mark.parametrize(
    "image",
    [
        "public.ecr.aws/nginx/nginx-unprivileged:1.28.3-alpine",
        "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com.example.org/pipe/api",
        "12345.dkr.ecr.ap-northeast-1.amazonaws.com/pipe/api",
        "pipe/api:1.4.2",
    ],
)
def test_an_image_outside_ecr_names_no_account(image: str) -> None:
    assert parse_ecr_registry(image) is None
