"""The records of the emulated services: their families, keys, parents, and errors for missing records."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.clouds.web import ErrorResponse
from sandbox.wire.values import Json

if TYPE_CHECKING:
    from sandbox.clouds.aws.requests import AwsRequest

ARN_MEMBERS = ("arn", "addonArn", "accessEntryArn", "associationArn", "BackupVaultArn", "BackupPlanArn")
"""Names of the members that can hold the ARN of a record."""


@dataclass(frozen=True)
class Missing:
    """The error for a missing record. If `message` is empty, the error names the family and the key."""

    code: str = "ResourceNotFoundException"
    message: str = ""
    status: int = 404


@dataclass(frozen=True)
class Family:
    """A kind of record, such as the add-ons of clusters.

    - `name`: the name of the family in messages
    - `key`: returns the key of the record that a request concerns
    - `parents`: the families whose records a record requires, and with which it is deleted
    - `missing`: the error for a missing record
    - `taken`: the error code for a record that exists already; its status is 409
    """

    name: str
    key: "Callable[[AwsRequest], str]"
    parents: "tuple[Family, ...]" = ()
    missing: Missing = field(default_factory=Missing)
    taken: str = "ResourceInUseException"

    def not_found(self, key: str) -> ErrorResponse:
        """Return the error for a missing record."""
        message = self.missing.message or f"No {self.name} found for {key}."
        return ErrorResponse(self.missing.status, message, self.missing.code)


class Records:
    """The records of the emulated services by region, family and key."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, str], dict[str, Json]] = {}
        self._parents: dict[str, frozenset[str]] = {}

    def of(self, region: str, family: Family) -> dict[str, Json]:
        """Return the records of a family in a region by their keys."""
        self._parents.setdefault(family.name, frozenset(parent.name for parent in family.parents))
        return self._records.setdefault((region, family.name), {})

    def remove(self, region: str, family: Family, key: str) -> None:
        """Delete a record, if it exists, and its child records, whose keys begin with its own key."""
        self.of(region, family).pop(key, None)
        for (records_region, name), records in self._records.items():
            if records_region == region and family.name in self._parents.get(name, ()):
                for child in [child for child in records if child.startswith(f"{key} ")]:
                    del records[child]

    def with_arn(self, region: str, arn: str) -> Json | None:
        """Return the record with an ARN; None if there is none."""
        for (records_region, _), records in self._records.items():
            if records_region == region:
                for record in records.values():
                    if arn in (record.get(name) for name in ARN_MEMBERS):
                        return record
        return None
