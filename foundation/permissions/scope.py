"""Names, ARNs and tags of one environment in an account that several environments share."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.common.iam_documents import Condition
from components.common.naming import Naming


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One environment: its buckets, and its resources by name (`pipe-<environment>`) or by the tag `env`."""

    naming: Naming
    """The environment's names."""
    copy_region: str
    """The second region, to which buckets are copied."""
    buckets: Sequence[str]
    """The environment's buckets; their access logs go to `<bucket>-logs`."""
    namespace: str
    """Namespace of the pods."""
    connection_arn: str
    """ARN of the runner's connection to GitHub."""

    def named(self, service: str, *resources: str) -> list[str]:
        """Return ARNs in the stack's region, as in `named("rds", "db:{}-*")`; `{}` is the stack's name."""
        return self._arns(service, [self.naming.region], resources)

    def named_anywhere(self, service: str, *resources: str) -> list[str]:
        """Return ARNs in the stack's region and in the copy region; `{}` is the stack's name."""
        return self._arns(service, [self.naming.region, self.copy_region], resources)

    def roles(self, *names: str) -> list[str]:
        """Return ARNs of roles, as in `roles("deploy")`."""
        return [self.naming.role_arn(name) for name in names]

    def bucket_arns(self, suffix: str = "") -> list[str]:
        """Return ARNs of the buckets and their log buckets; with the suffix `/*`, of their objects."""
        return [f"arn:aws:s3:::{bucket}{logs}{suffix}" for bucket in self.buckets for logs in ("", "-logs")]

    def request_tagged(self) -> Condition:
        """Return the condition that the request sets the tag `env` and the resource has no other value."""
        return {
            "StringEquals": {"aws:RequestTag/env": self.naming.environment},
            "StringEqualsIfExists": {"aws:ResourceTag/env": self.naming.environment},
        }

    def owned(self) -> Condition:
        """Return the condition that the resource has the tag `env` and the request does not change it."""
        return {
            "StringEquals": {"aws:ResourceTag/env": self.naming.environment},
            "StringEqualsIfExists": {"aws:RequestTag/env": self.naming.environment},
        }

    def _arns(self, service: str, regions: Sequence[str], resources: Sequence[str]) -> list[str]:
        prefix = [f"arn:aws:{service}:{region}:{self.naming.account}" for region in regions]
        return [
            f"{start}:{resource.format(self.naming.name())}" for start in prefix for resource in resources
        ]
