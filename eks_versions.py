"""Kubernetes versions that EKS offers, for settings, policies and sandbox.

Source: EKS user guide, Kubernetes version lifecycle, release calendar
(https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html).
"""

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

STANDARD_SUPPORT: Mapping[str, str] = MappingProxyType(
    {"1.34": "2026-12-02", "1.35": "2027-03-27", "1.36": "2027-08-02"}
)
"""Versions that a stack may use, each with the last day of its standard support."""

EXTENDED_SUPPORT = ("1.31", "1.32", "1.33")
"""Versions in extended support, which EKS offers at a higher price."""

OFFERED = (*EXTENDED_SUPPORT, *STANDARD_SUPPORT)
"""Versions that CreateCluster accepts, oldest first."""

UPGRADES = tuple(f"{older}>{newer}" for older, newer in pairwise(OFFERED))
"""Updates that UpdateClusterVersion accepts: one minor version at a time."""
