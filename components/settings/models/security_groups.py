"""Settings of the security groups."""

from typing import Annotated

from pydantic import Field

from components.settings.types import Cidr, Distinct, Model, entries


class SecurityGroups(Model):
    """Access to the load balancer."""

    ingress_cidrs: Annotated[list[Annotated[Cidr, Field(examples=["0.0.0.0/0"])]], entries(1), Distinct]
    """Networks that may reach port 443 of the load balancer: 0.0.0.0/0, or Cloudflare's published ranges."""
