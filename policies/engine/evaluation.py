"""Runs one rule on one subject: sorts its verdicts, and survives its crash."""

import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from policies.engine.rule import Finding, Options, Resource, Rule, Stack, Unknown, unreadable
from policies.model.pods import patches
from policies.model.property_values import UnknownValueError, UnreadableValueError, from_plain


@dataclass(frozen=True)
class Evaluation:
    """What a rule says about a resource or a stack; nothing at all is a pass."""

    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    crash: str = ""
    """The kind and place of the exception; never its text, which may hold a secret."""


PASSED = Evaluation()


def resolve_options(rule: Rule, config: Options | None = None) -> Options:
    """A rule's options under a configuration, whole numbers as such."""
    return rule.defaults() | cast("dict[str, Any]", from_plain(config or {}))


def evaluate(rule: Rule, subject: Resource | Stack, config: Options | None = None) -> Evaluation:
    """All that a rule says about a subject under a configuration."""
    return evaluate_with_options(rule, subject, resolve_options(rule, config))


def evaluate_with_options(rule: Rule, subject: Resource | Stack, options: Options) -> Evaluation:
    """The same with options that are settled already."""
    verdicts: list[Finding | Unknown] = []
    crash = ""
    check: Any = rule.check
    try:
        # Extended as they come: what was found before an unknown value or a crash is kept.
        verdicts.extend(check(subject, options))
    except UnknownValueError as fault:
        verdicts.append(Unknown(fault.path))
    except UnreadableValueError as fault:
        verdicts.append(unreadable(fault))
    except Exception as fault:  # a rule that crashes is a finding of its own, never an aborted run
        crash = _where(fault)
    if not verdicts and not crash:
        return PASSED
    if isinstance(subject, Resource):
        verdicts = [replace(verdict, urn=subject.urn) for verdict in verdicts]
        if patches(subject):
            # The object that it patches may well have what the patch leaves out.
            verdicts = [
                Unknown(verdict.path, subject.urn)
                if isinstance(verdict, Finding) and verdict.absent
                else verdict
                for verdict in verdicts
            ]
    distinct = list(dict.fromkeys(verdicts))
    findings = tuple(verdict for verdict in distinct if isinstance(verdict, Finding))
    return Evaluation(findings, tuple(verdict for verdict in distinct if isinstance(verdict, Unknown)), crash)


def _where(fault: Exception) -> str:
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__} at {Path(frame.filename).name}:{frame.lineno}"
