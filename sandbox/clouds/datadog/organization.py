"""A Datadog organization, and the registry of the API's functions."""

from typing import ClassVar
from uuid import uuid4

from sandbox.clouds.rest_api import RestApi, RestRegistry, RestRequest
from sandbox.wire.values import Json

USER: Json = {"handle": "sandbox@example.com", "name": "Sandbox", "email": "sandbox@example.com"}
"""The user who creates all objects."""


class Organization(RestApi):
    """An organization with its keys and the recipients of its notifications."""

    name = "datadog"
    registry: ClassVar["RestRegistry[Organization]"] = RestRegistry()
    page_parameters = ("page_size", 0, 1000)

    def __init__(self) -> None:
        super().__init__()
        self.api_keys: set[str] = set()
        """The valid API keys; empty if all are valid."""
        self.application_keys: dict[str, set[str]] = {}
        """The scopes of limited application keys; a key with an empty set is invalid."""
        self.slack: dict[str, set[str]] = {}
        """The Slack channels of each workspace, such as `#alerts`, to which the organization is connected."""
        self.pagerduty: set[str] = set()
        """The PagerDuty services to which the organization is connected."""
        self.webhooks: set[str] = set()
        """The names of the organization's webhooks."""
        self.reporting: set[str] | None = None
        """The metrics that report; None if all do."""


DatadogRequest = RestRequest[Organization]

REGISTRY = Organization.registry
refuses = REGISTRY.refuses
emulates = REGISTRY.emulates
stores = REGISTRY.stores


def public_id() -> str:
    """Return a new ID of three groups of three digits."""
    digits = uuid4().hex
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:9]}"
