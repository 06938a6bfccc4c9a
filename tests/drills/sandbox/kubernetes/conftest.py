"""Fixtures for the tests on a control plane."""

from tests.support.sandbox.kubernetes.fixtures import cluster, declared, empty, guarded, running

__all__ = ["cluster", "declared", "empty", "guarded", "running"]
