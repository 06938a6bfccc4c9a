"""The rules as policies of Pulumi's SDK, so that the SDK's own analyzer can run them too."""

from collections.abc import Mapping
from typing import Any

from pulumi_policy import (
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.engine import pack_rules, waivers
from policies.engine.catalog import RULES
from policies.engine.evaluation import Evaluation, evaluate
from policies.engine.rule import Finding, Remedy, Rule
from policies.model.resources import of_arguments, of_stack_arguments

NAME = "pipe"
FRAMEWORK_VERSION = "2026"
NOT_ABOUT = "not about resources of this type"


def message(rule: Rule, finding: Finding) -> str:
    """Return the message of a finding: property, actual value, expected value, and remedy."""
    return f"{printable(str(finding))}\n{rule.remediation}"


def printable(text: str) -> str:
    """Return a text with names and values of the program on one line that cannot pass for a waiver's line.

    Line breaks and other unprintable characters are escaped. A text that starts like a waiver's line gets a
    backslash.
    """
    if text.startswith("waived "):
        text = f"\\{text}"
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def reason(evaluation: Evaluation) -> str:
    """Return the reason why a rule could not decide."""
    paths = ", ".join(sorted({unknown.path or "the resource" for unknown in evaluation.unknown}))
    return f"not known in this preview: {paths}"


def _validate_resource(rule: Rule, args: ResourceValidationArgs, report: ReportViolation) -> None:
    resource = of_arguments(args)
    if not rule.concerns(resource) or rule is pack_rules.crashed:
        args.not_applicable("" if rule is pack_rules.crashed else NOT_ABOUT)
    evaluation = evaluate(rule, resource, args.get_config())
    _report(rule, evaluation, args, report)


def _validate_stack(rule: Rule, args: StackValidationArgs, report: ReportViolation) -> None:
    evaluation = evaluate(rule, of_stack_arguments(args), args.get_config())
    _report(rule, evaluation, args, report)


def _remediate(rule: Rule, remedy: Remedy, args: ResourceValidationArgs) -> Any:
    """Return the repaired properties, or None if there is no finding or a valid waiver covers it."""
    resource = of_arguments(args)
    if not rule.concerns(resource):
        args.not_applicable(NOT_ABOUT)
    config = args.get_config()
    if not evaluate(rule, resource, config).findings:
        return None
    exceptions = waivers.load(known.name for known in ALL)
    waiver = exceptions.of(rule.name, args.urn)
    if waiver and not waiver.expired(exceptions.today):
        return None
    remedy(args.resource_type, args.props, rule.defaults() | dict(config))
    return args.props


def _report(
    rule: Rule,
    evaluation: Evaluation,
    args: ResourceValidationArgs | StackValidationArgs,
    report: ReportViolation,
) -> None:
    for finding in evaluation.findings:
        report(message(rule, finding), finding.urn if rule.on_stack else None)
    if evaluation.crash:
        report(f"the rule crashed: {evaluation.crash}", None)
    elif evaluation.unknown and not evaluation.findings:
        args.not_applicable(reason(evaluation))


def policy(rule: Rule) -> Policy:
    """Convert a rule to a policy of the SDK."""
    schema = {key: {**option.schema, "default": option.default} for key, option in rule.options.items()}
    common: Mapping[str, Any] = {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": rule.level,
        "config_schema": PolicyConfigSchema(schema) if schema else None,
        "display_name": rule.name.replace("-", " ").capitalize(),
        "severity": rule.severity,
        "framework": PolicyComplianceFramework(
            name=rule.framework,
            version=FRAMEWORK_VERSION,
            reference=rule.url,
            specification=", ".join(rule.controls),
        ),
        "tags": list(rule.tags),
        "remediation_steps": rule.remediation,
        "url": rule.url,
    }
    if rule.on_stack:
        return StackValidationPolicy(
            validate=lambda args, report: _validate_stack(rule, args, report), **common
        )
    remedy = rule.remedy
    return ResourceValidationPolicy(
        validate=lambda args, report: _validate_resource(rule, args, report),
        remediate=(lambda args: _remediate(rule, remedy, args)) if remedy else None,
        **common,
    )


ALL = (*RULES, *pack_rules.RULES)


def policies() -> list[Policy]:
    """Return the policies of the pack, in the order of their names."""
    return [policy(rule) for rule in sorted(ALL, key=lambda rule: rule.name)]
