"""Names, AWS tags, Kubernetes labels and Datadog tags of a stack."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The identity of a stack, rendered as names, tags and labels for each provider."""

    environment: str
    """dev, stg or prod. Foundation also uses `shared` and `foundation`, for resources of a whole account."""
    team: str
    """The responsible team."""
    account: str
    """The AWS account, twelve digits."""
    region: str
    """The AWS region."""
    service: str = "pipe"
    """Name of the service, the first part of every name."""

    def name(self, *parts: str) -> str:
        """Return a physical name that is unique in the account, such as `pipe-prod-nodes`."""
        return "-".join((self.service, self.environment, *parts))

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role that foundation declares: `deploy` is the role `pipe-prod-deploy`."""
        return f"arn:aws:iam::{self.account}:role/{self.name(name)}"

    @property
    def flow_log_bucket(self) -> str:
        """Name of the bucket with the VPC's flow logs.

        The account and the region make it unique in all of S3. A stack that is restored in a second region
        gets another bucket.
        """
        return self.name("flow-logs", self.account, self.region)

    def aws(self, name: str | None = None) -> dict[str, str]:
        """Return AWS tags; if a name is given, they include `Name`, which the console shows."""
        tags = {"service": self.service, "env": self.environment, "team": self.team, "managed-by": "pulumi"}
        return tags if name is None else {**tags, "Name": self.name(name)}

    def kubernetes(self, app: str) -> dict[str, str]:
        """Return the labels of an object and its pods; the deployment guide's commands select pods by `app`.

        Datadog's unified service tagging reads the three tags.datadoghq.com labels; the caller adds the
        version label, since it changes with the image.
        """
        return {
            "app": app,
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/part-of": self.service,
            "app.kubernetes.io/managed-by": "pulumi",
            "tags.datadoghq.com/env": self.environment,
            "tags.datadoghq.com/service": app,
            "team": self.team,
        }

    def datadog(self, *more: str) -> list[str]:
        """Return Datadog tags, sorted as Datadog returns them."""
        return sorted({f"env:{self.environment}", "service:pipe-api", f"team:{self.team}", *more})

    @property
    def synthetic_header(self) -> str:
        """Name of the request header that identifies Datadog's synthetic checks; its value is a secret."""
        return f"x-{self.service}-synthetic"
