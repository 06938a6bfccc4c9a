"""The stack file as typed, frozen values: the only reader of pulumi.Config."""

from components.settings.load import load
from components.settings.stack import Secrets, Settings

__all__ = ["Secrets", "Settings", "load"]
