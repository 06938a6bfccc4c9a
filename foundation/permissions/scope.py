"""Names and ARNs of one environment's resources."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.common.naming import Naming


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One environment: its buckets, and its other resources by name (`pipe-<environment>`)."""

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
        """Return ARNs in the stack's region, as in `named("rds", "db:{}-*")`; `{}` is pipe-<environment>."""
        return self._arns(service, [self.naming.region], resources)

    def named_anywhere(self, service: str, *resources: str) -> list[str]:
        """Return ARNs in both the stack's region and the copy region; `{}` is pipe-<environment>."""
        return self._arns(service, [self.naming.region, self.copy_region], resources)

    def bucket_arns(self) -> list[str]:
        """Return ARNs of the buckets, of their log buckets, and of the bucket with the flow logs."""
        names = [f"{bucket}{logs}" for bucket in self.buckets for logs in ("", "-logs")]
        return [f"arn:aws:s3:::{name}" for name in (*names, self.naming.flow_log_bucket)]

    def log_groups(self) -> list[str]:
        """Return ARNs of the environment's log groups in the stack's region.

        AWS services prescribe most of the names.
        """
        return self.named(
            "logs",
            "log-group:/aws/codebuild/{}-*",
            "log-group:/aws/eks/{}/*",
            "log-group:/aws/rds/instance/{}-*",
            f"log-group:/{self.naming.service}/{self.naming.environment}/*",
        )

    def _arns(self, service: str, regions: Sequence[str], resources: Sequence[str]) -> list[str]:
        prefix = [f"arn:aws:{service}:{region}:{self.naming.account}" for region in regions]
        return [
            f"{start}:{resource.format(self.naming.name())}" for start in prefix for resource in resources
        ]
