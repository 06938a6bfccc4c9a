"""Runs one rule on one subject: sorts its verdicts, and survives its crash."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from policies.pods import patches
from policies.rule import Finding, Options, Resource, Rule, Stack, Unknown, Verdicts
from policies.unknowns import UnknownValueError, from_plain


@dataclass(frozen=True)
class Judgement:
    """What a rule says about a resource or a stack; nothing at all is a pass."""

    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    crash: str = ""
    """The kind and place of the exception; never its text, which may hold a secret."""


def judge(rule: Rule, subject: Resource | Stack, config: Options | None = None) -> Judgement:
    """All that a rule says about a subject under a configuration."""
    check = cast(Callable[[Any, Options], Verdicts], rule.check)
    partial = isinstance(subject, Resource) and patches(subject)
    findings: dict[Finding, None] = {}
    unknown: dict[Unknown, None] = {}
    crash = ""
    try:
        for verdict in check(subject, rule.defaults() | cast(dict[str, Any], from_plain(config or {}))):
            if isinstance(verdict, Unknown):
                unknown[verdict] = None
            elif partial and verdict.absent:
                unknown[Unknown(verdict.path)] = None  # the object that it patches may well have it
            else:
                findings[verdict] = None
    except UnknownValueError as fault:
        unknown[Unknown(fault.path)] = None
    except Exception as fault:  # a rule that crashes is a finding of its own, never an aborted run
        crash = _where(fault)
    if isinstance(subject, Resource):
        found = (replace(finding, urn=subject.urn) for finding in findings)
        missing = (replace(value, urn=subject.urn) for value in unknown)
        return Judgement(tuple(found), tuple(missing), crash)
    return Judgement(tuple(findings), tuple(unknown), crash)


def _where(fault: Exception) -> str:
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__} at {Path(frame.filename).name}:{frame.lineno}"
