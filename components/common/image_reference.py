"""References of container images: `repository:tag@sha256:digest`.

The policies parse image references by themselves: a guard must not share the code that it guards.
"""

import re
from dataclasses import dataclass

SHORT_DIGEST_LENGTH = 12
"""Digits of a digest that names and messages show, as `docker images` does."""


@dataclass(frozen=True, kw_only=True)
class ImageReference:
    """An image reference in its parts."""

    repository: str
    """The registry and the name: `public.ecr.aws/nginx/nginx-unprivileged`."""
    tag: str
    """The tag, such as `17.7-alpine3.22`; empty without one."""
    digest: str
    """The 64 hexadecimal digits of the SHA-256 digest; empty without one."""

    @property
    def short_digest(self) -> str:
        """The first 12 digits of the digest; empty without one."""
        return self.digest[:SHORT_DIGEST_LENGTH]

    @property
    def version(self) -> str:
        """The tag, or the short digest where there is no tag."""
        return self.tag or self.short_digest

    @property
    def label(self) -> str:
        """A text that differs from version to version and fits into names and labels of Kubernetes.

        The short digest if there is one, else the tag in lower case, with a hyphen for every other character.
        """
        if self.digest:
            return self.short_digest
        return re.sub(r"[^a-z0-9]+", "-", self.tag.lower())[:40].strip("-")


def parse_image_reference(image: str) -> ImageReference:
    """Split an image reference; the port of a registry is not a tag."""
    name, _, digest = image.partition("@sha256:")
    registry, slash, last_part = name.rpartition("/")
    last_name, _, tag = last_part.partition(":")
    return ImageReference(repository=f"{registry}{slash}{last_name}", tag=tag, digest=digest)
