"""The valid Deployment, changed in one place."""

from typing import Any

from tests.support.policies.fixtures import DEPLOYMENT, kind
from tests.support.policies.pytest_fixtures import changed

DEPLOYMENT_TYPE = kind("Deployment")


AT = "spec.template.spec.containers[0]"


def deployment(**changes: Any) -> dict[str, Any]:
    """The valid Deployment with its only container changed."""
    return changed(
        DEPLOYMENT, **{f"spec__template__spec__containers__0__{key}": value for key, value in changes.items()}
    )


def pod(**changes: Any) -> dict[str, Any]:
    """The valid Deployment with its pod's spec changed."""
    return changed(DEPLOYMENT, **{f"spec__template__spec__{key}": value for key, value in changes.items()})
