"""Names, AWS tags, Kubernetes labels and Datadog tags, all from one source."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Who a stack is, in the words of each provider."""

    environment: str
    """dev, stg or prod."""
    team: str
    """The team that is responsible."""
    account: str
    """The AWS account, twelve digits."""
    region: str
    """The AWS region."""
    service: str = "pipe"
    """The service, first in every name."""

    def name(self, *parts: str) -> str:
        """A physical name, unique in the account: `pipe-prod-nodes`."""
        return "-".join((self.service, self.environment, *parts))

    def role_arn(self, name: str) -> str:
        """The ARN of a role that this program or foundation names: `pipe-prod-deploy`."""
        return f"arn:aws:iam::{self.account}:role/{self.name(name)}"

    def boundary_arn(self) -> str:
        """The boundary, made by foundation, of every role with a policy of its own.

        The deploy role may write a policy only into a role with this boundary: it cannot exceed itself.
        """
        return f"arn:aws:iam::{self.account}:policy/{self.name('boundary')}"

    def aws(self, name: str | None = None) -> dict[str, str]:
        """AWS tags; `Name` is what the console shows."""
        tags = {"service": self.service, "env": self.environment, "team": self.team, "managed-by": "pulumi"}
        return tags if name is None else {**tags, "Name": self.name(name)}

    def kubernetes(self, app: str) -> dict[str, str]:
        """Labels of an object and its pods; `app` is the selector that the deployment guide uses.

        Datadog's unified service tagging reads the three tags.datadoghq.com labels; the version label is
        the caller's, since it changes with the image.
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
        """Datadog tags, sorted as Datadog returns them."""
        return sorted({f"env:{self.environment}", "service:pipe-api", f"team:{self.team}", *more})

    @property
    def synthetic_header(self) -> str:
        """The request header by which the edge knows Datadog's synthetic checks; its value is a secret."""
        return f"x-{self.service}-synthetic"
