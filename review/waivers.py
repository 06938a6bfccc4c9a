"""Waivers of what the review itself finds: in review/waivers.yaml, in the form of the policies' waivers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from policies.waivers import Waivers, load
from review.model import Risk, Weaker
from review.observed import Step

FILE = "review/waivers.yaml"
REPLACED, DELETED, WEAKER = "stateful-replaced", "stateful-deleted", "prod-weaker-than-stg"
NAMES = (REPLACED, DELETED, WEAKER)


@dataclass(frozen=True)
class Exceptions:
    """What somebody has taken on, for a while."""

    waivers: Waivers

    @property
    def faults(self) -> list[str]:
        return [f"review/{fault}" for fault in self.waivers.faults]

    def risk(self, risk: Risk, step: Step) -> Risk:
        """The risk, waived if a waiver holds."""
        said = self._said(DELETED if step.op == "delete" else REPLACED, step.resource.urn)
        return replace(risk, waived=said, blocks=False) if said and risk.blocks else risk

    def weaker(self, found: Weaker) -> Weaker:
        """The same for a stack that is weaker; the target is the resource's name."""
        said = self._said(WEAKER, found.name)
        return replace(found, waived=said, blocks=False) if said and found.blocks else found

    def _said(self, name: str, target: str) -> str:
        waiver = self.waivers.of(name, target)
        if waiver is None:
            return ""
        today = self.waivers.today
        return "" if waiver.expired(today) else waiver.said(today)


def read(tree: Path, today: date | None = None) -> Exceptions:
    """The waivers of a tree."""
    file = tree / FILE
    if not file.exists():
        return Exceptions(Waivers())
    with _named(file):
        return Exceptions(load(NAMES, today))


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """The policies' reader takes its file from the environment."""
    before = os.environ.get("PIPE_POLICY_WAIVERS")
    os.environ["PIPE_POLICY_WAIVERS"] = str(file)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PIPE_POLICY_WAIVERS"]
        else:
            os.environ["PIPE_POLICY_WAIVERS"] = before
