"""Settings of the namespace."""

from typing import Annotated

from pydantic import Field

from components.settings.types import CpuQuantity, DnsLabel, MemoryQuantity, Model


class Namespace(Model):
    """The namespace of the service and its quota."""

    name: Annotated[DnsLabel, Field(examples=["pipe"])]
    """The namespace's name."""
    quota_cpu: Annotated[CpuQuantity, Field(examples=["8"])]
    """Quota for the sum of all CPU limits in the namespace."""
    quota_memory: Annotated[MemoryQuantity, Field(examples=["12Gi"])]
    """Quota for the sum of all memory limits in the namespace."""
    quota_pods: Annotated[int, Field(ge=1, le=5000, examples=[30])]
    """Quota for the number of pods in the namespace."""
