"""Evaluation of one rule on one resource or stack, including crashes."""

import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from policies.engine.rule import Finding, Options, Resource, Rule, Stack, Unknown, unreadable
from policies.model.kubernetes.pods import patches
from policies.model.property_marks import from_plain
from policies.model.property_values import UnknownValueError, UnreadableValueError


@dataclass(frozen=True)
class Evaluation:
    """The verdicts of a rule on a resource or a stack; one without verdicts and without a crash is a pass."""

    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    crash: str = ""
    """The type and position of the exception; never its message, which may contain a secret."""
    read_types: tuple[tuple[str, ...], ...] = ()
    """The groups of types that a rule on the stack has read, each at once. Without a verdict, there are none.

    Resources of one group are alike to the rule, and those of another group decide about them.
    """

    def by_resource(self, root: str) -> dict[str, "Evaluation"]:
        """Return the verdicts by URN; those on no resource, and the crash, belong to `root`."""
        findings: dict[str, list[Finding]] = {}
        unknown: dict[str, list[Unknown]] = {}
        for finding in self.findings:
            findings.setdefault(finding.urn or root, []).append(finding)
        for verdict in self.unknown:
            unknown.setdefault(verdict.urn or root, []).append(verdict)
        return {
            urn: Evaluation(
                tuple(findings.get(urn, ())), tuple(unknown.get(urn, ())), self.crash if urn == root else ""
            )
            for urn in {root, *findings, *unknown}
        }


PASSED = Evaluation()


def resolve_options(rule: Rule, config: Options | None = None) -> Options:
    """Return the options of a rule: its defaults, overridden by the configuration."""
    return rule.defaults() | cast("dict[str, Any]", from_plain(config or {}))


def evaluate(rule: Rule, subject: Resource | Stack, config: Options | None = None) -> Evaluation:
    """Evaluate a rule on a resource or a stack under a configuration."""
    return evaluate_with_options(rule, subject, resolve_options(rule, config))


def evaluate_with_options(rule: Rule, subject: Resource | Stack, options: Options) -> Evaluation:
    """Evaluate a rule with resolved options."""
    verdicts: list[Finding | Unknown] = []
    crash = ""
    check: Any = rule.check
    if isinstance(subject, Stack):
        subject.read_types.clear()
    try:
        # The list grows step by step, so that verdicts before an unknown value or a crash are kept.
        verdicts.extend(check(subject, options))
    except UnknownValueError as fault:
        verdicts.append(Unknown(fault.path))
    except UnreadableValueError as fault:
        verdicts.append(unreadable(fault))
    except Exception as fault:  # a crash is reported as a finding and does not abort the run
        crash = _where(fault)
    if not verdicts and not crash:
        return PASSED
    if isinstance(subject, Resource):
        verdicts = [replace(verdict, urn=subject.urn) for verdict in verdicts]
        if patches(subject):
            # The patched object may have the property that the patch omits.
            verdicts = [
                Unknown(verdict.path, subject.urn)
                if isinstance(verdict, Finding) and verdict.absent
                else verdict
                for verdict in verdicts
            ]
    distinct = list(dict.fromkeys(verdicts))
    findings = tuple(verdict for verdict in distinct if isinstance(verdict, Finding))
    unknown = tuple(verdict for verdict in distinct if isinstance(verdict, Unknown))
    read_types = {tuple(sorted(group)) for group in subject.read_types} if isinstance(subject, Stack) else ()
    return Evaluation(findings, unknown, crash, tuple(sorted(read_types)))


def _where(fault: Exception) -> str:
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__} at {Path(frame.filename).name}:{frame.lineno}"
