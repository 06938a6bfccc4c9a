"""Waivers of what the review itself finds: in review/waivers.yaml, in the form of the policies' waivers."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from policies.waivers import Waivers, load
from review.model import Risk, Weaker

FILE = "review/waivers.yaml"
REPLACED, DELETED, WEAKER = "stateful-replaced", "stateful-deleted", "prod-weaker-than-stg"
Found = TypeVar("Found", Risk, Weaker)


def read(tree: Path, today: date | None = None) -> Waivers:
    """The waivers of a tree."""
    file = tree / FILE
    return load((REPLACED, DELETED, WEAKER), today, file) if file.exists() else Waivers()


def waive(waivers: Waivers, found: Found, name: str, target: str) -> Found:
    """What was found, waived if a waiver holds for the target: a URN, or the name of what is weaker."""
    waiver = waivers.of(name, target) if found.blocks else None
    if waiver is None or waiver.expired(waivers.today):
        return found
    return replace(found, waived=waiver.said(waivers.today), blocks=False)
