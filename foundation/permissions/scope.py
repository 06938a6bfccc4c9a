"""What belongs to one environment in an account that several share: names, ARNs, tags."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.common.iam_documents import Condition
from components.common.naming import Labels


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One environment: what is named `pipe-<environment>…` or tagged `env`, and the listed buckets."""

    labels: Labels
    """The environment's names."""
    copy_region: str
    """The second region, where copies are kept."""
    buckets: Sequence[str]
    """The environment's buckets; their access logs go to `<bucket>-logs`."""

    def named(self, service: str, *resources: str) -> list[str]:
        """ARNs in the stack's region: `named("rds", "db:{}-*")`, with the environment's name for `{}`."""
        return self._arns(service, [self.labels.region], resources)

    def named_anywhere(self, service: str, *resources: str) -> list[str]:
        """ARNs in both regions."""
        return self._arns(service, [self.labels.region, self.copy_region], resources)

    def roles(self, *names: str) -> list[str]:
        """ARNs of roles: `roles("deploy")`."""
        return [self.labels.role_arn(name) for name in names]

    def bucket_arns(self, suffix: str = "") -> list[str]:
        """ARNs of the buckets and their log buckets, or with a suffix of what is in them."""
        return [f"arn:aws:s3:::{bucket}{logs}{suffix}" for bucket in self.buckets for logs in ("", "-logs")]

    def asked(self) -> Condition:
        """The request tags what it makes with the environment, and does not take it from another."""
        return {
            "StringEquals": {"aws:RequestTag/env": self.labels.environment},
            "StringEqualsIfExists": {"aws:ResourceTag/env": self.labels.environment},
        }

    def owned(self) -> Condition:
        """The resource is tagged with the environment, and stays so."""
        return {
            "StringEquals": {"aws:ResourceTag/env": self.labels.environment},
            "StringEqualsIfExists": {"aws:RequestTag/env": self.labels.environment},
        }

    def _arns(self, service: str, regions: Sequence[str], resources: Sequence[str]) -> list[str]:
        prefix = [f"arn:aws:{service}:{region}:{self.labels.account}" for region in regions]
        return [
            f"{start}:{resource.format(self.labels.name())}" for start in prefix for resource in resources
        ]
