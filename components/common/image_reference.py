"""Container image references: `repository:tag@sha256:digest`.

The policies have their own parser, since they must not share code with the program that they check.
"""

import re
from dataclasses import dataclass

SHORT_DIGEST_LENGTH = 12
"""Number of digits of a digest in names and messages, as in the output of `docker images`."""


@dataclass(frozen=True, kw_only=True)
class ImageReference:
    """An image reference in its parts."""

    repository: str
    """The registry and the name: `public.ecr.aws/nginx/nginx-unprivileged`."""
    tag: str
    """The tag, such as `17.7-alpine3.22`; empty if there is none."""
    digest: str
    """The 64 hexadecimal digits of the SHA-256 digest; empty if there is none."""

    @property
    def short_digest(self) -> str:
        """The first 12 digits of the digest; empty if there is none."""
        return self.digest[:SHORT_DIGEST_LENGTH]

    @property
    def version(self) -> str:
        """The tag, or the short digest if there is no tag."""
        return self.tag or self.short_digest

    @property
    def label(self) -> str:
        """A short string for the version, valid in Kubernetes names and labels.

        It is the short digest if there is one. Otherwise, it is the tag in lower case, cut to 40 characters,
        with a hyphen in place of each run of characters that are neither letters nor digits.
        """
        if self.digest:
            return self.short_digest
        return re.sub(r"[^a-z0-9]+", "-", self.tag.lower())[:40].strip("-")


ECR_HOST = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
"""The host of a private ECR registry (ECR user guide, private registries)."""


@dataclass(frozen=True, kw_only=True)
class EcrRegistry:
    """A private ECR registry: an account has one in each region."""

    account: str
    region: str


def parse_ecr_registry(image: str) -> EcrRegistry | None:
    """Return the ECR registry of an image or repository; None for another registry."""
    match = ECR_HOST.fullmatch(image.partition("/")[0])
    return EcrRegistry(account=match["account"], region=match["region"]) if match else None


def parse_image_reference(image: str) -> ImageReference:
    """Split an image reference into its parts; a registry's port is not mistaken for a tag."""
    name, _, digest = image.partition("@sha256:")
    registry, slash, last_part = name.rpartition("/")
    last_name, _, tag = last_part.partition(":")
    return ImageReference(repository=f"{registry}{slash}{last_name}", tag=tag, digest=digest)
