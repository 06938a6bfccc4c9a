"""Fixtures for the sandbox's tests."""

from tests.support.sandbox.fixtures import make_policies_mandatory, project, restored_umask

__all__ = ["make_policies_mandatory", "project", "restored_umask"]
