"""The pack's analyzer, which replaces the SDK's. It reads properties once and selects rules by type.

The SDK's analyzer reads the properties again for each rule, unwraps secrets before a rule sees them, and
aborts the run when a rule raises an exception. The SDK still handles levels, metadata and configuration. The
version of pulumi_policy is pinned, and a test compares the responses of both analyzers.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import grpc
import pulumi_policy.policy
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel

from policies.engine import configuration, ledger, pack, pack_rules, waivers
from policies.engine.evaluation import PASSED, Evaluation, evaluate_with_options, resolve_options
from policies.engine.ledger import Ledger, Row
from policies.engine.rule import Finding, Options, Resource, Rule, Stack, Unknown
from policies.engine.waivers import Needed, Waivers
from policies.model.providers import INTERNAL, PROVIDERS
from policies.model.resources import of_request, of_stack
from policies.model.urns import is_root

SdkAnalyzer: type[Any] = pulumi_policy.policy._PolicyAnalyzerServicer  # pyright: ignore[reportPrivateUsage]
_ORDERED = sorted(pack.ALL, key=lambda rule: rule.name)
_NAMES = {rule.name: rule for rule in pack.ALL}
_SKIPPED = {name: Row(name, ledger.NOT_APPLICABLE) for name in _NAMES}


class RuleSelection(NamedTuple):
    """The rules that apply to a resource type, and the responses for the other rules."""

    rules: list[Rule]
    others: analyzer_pb2.AnalyzeResponse
    skipped: tuple[Row, ...]


class PolicyAnalyzer(SdkAnalyzer):
    """The gRPC service through which the Pulumi engine evaluates the rules."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stock("__init__")(*args, **kwargs)
        self.ledger = Ledger.from_environment()
        self.waivers: Waivers = waivers.load(_NAMES)
        self.inputs: dict[str, dict[str, Any]] = {}
        self.internal: dict[str, Any] = {}
        self.unknown: list[tuple[Rule, Unknown]] = []
        self.crashes: dict[str, list[str]] = {}
        self.used: Needed = set()
        self._by_type: dict[tuple[str, bool], RuleSelection] = {}
        self._apply_configuration({})

    def _stock(self, method: str) -> Callable[..., Any]:
        """Return a method of the SDK's analyzer."""
        return getattr(super(), method)

    def Configure(
        self, request: analyzer_pb2.ConfigureAnalyzerRequest, context: grpc.ServicerContext
    ) -> Empty:
        """Accept the configuration, or abort if it has unknown policies or settings, or invalid values."""
        configured = {
            name: json_format.MessageToDict(value.properties) for name, value in request.policyConfig.items()
        }
        if faults := configuration.faults(_NAMES, configured):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "policy configuration: " + "; ".join(faults))
        answer: Empty = self._stock("Configure")(request, context)
        self._apply_configuration(configured)
        return answer

    def _apply_configuration(self, configured: Mapping[str, Options]) -> None:
        """Compute the options, policies, levels and rows for passes, and forget the rules of each type."""
        self._options = {rule.name: resolve_options(rule, configured.get(rule.name)) for rule in pack.ALL}
        self._policies = {policy.name: policy for policy in pack.policies()}
        self._levels: dict[str, EnforcementLevel] = {
            name: self._get_enforcement_level(policy) for name, policy in self._policies.items()
        }
        self._passed = {rule.name: Row(rule.name, ledger.PASS, self._level(rule).value) for rule in pack.ALL}
        self._by_type.clear()

    def Analyze(self, request: analyzer_pb2.AnalyzeRequest, _context: object) -> analyzer_pb2.AnalyzeResponse:
        """Evaluate the rules that apply to one resource, and record their verdicts in the ledger."""
        if (internal := self.internal.pop(request.urn, None)) is not None:
            request.properties[INTERNAL] = internal
        resource = of_request(request)
        # The analyzer keeps the inputs only, so that the garbage collector does not traverse many caches.
        self.inputs[resource.urn] = resource.props.get()
        selection = self._rules_on(resource)
        response = analyzer_pb2.AnalyzeResponse()
        response.CopyFrom(selection.others)
        evaluations = [
            (rule, evaluate_with_options(rule, resource, self._options[rule.name]))
            for rule in selection.rules
        ]
        rows = [
            self._passed[rule.name]
            if evaluation is PASSED
            else self._row(rule, resource.urn, evaluation, response)
            for rule, evaluation in evaluations
        ]
        if self.ledger.file is not None:
            self.ledger.add(resource.urn, (*rows, *self._crashed(resource.urn), *selection.skipped))
        return response

    def AnalyzeStack(
        self, request: analyzer_pb2.AnalyzeStackRequest, _context: object
    ) -> analyzer_pb2.AnalyzeResponse:
        """Evaluate the rules on whole stacks, report on the pack itself, and complete the ledger."""
        gc.disable()  # each collection would traverse thousands of resources
        try:
            return self._analyze_stack(request)
        finally:
            gc.enable()

    def _analyze_stack(self, request: analyzer_pb2.AnalyzeStackRequest) -> analyzer_pb2.AnalyzeResponse:
        stack = Stack(
            tuple(of_stack(resource, self.inputs.get(resource.urn)) for resource in request.resources)
        )
        root = next((resource.urn for resource in stack.resources if is_root(resource.urn)), "")
        response = analyzer_pb2.AnalyzeResponse()
        rows: dict[str, list[Row]] = {root: []}
        for rule in _ORDERED:
            if not rule.on_stack or rule in pack_rules.RULES or not self._enabled(rule):
                continue
            evaluation = evaluate_with_options(rule, stack, self._options[rule.name])
            reported = self._stack_rows(rule, root, evaluation, response)
            if self.ledger.file is not None:
                for urn, row in self._spread(rule, root, stack, evaluation, reported).items():
                    rows.setdefault(urn, []).append(row)
        rows[root] += (*self._about_the_pack(root, response), *self._crashed(root))
        if self.ledger.file is not None:
            for urn, rows_of_urn in rows.items():
                self.ledger.add(urn, rows_of_urn)
            self.ledger.complete()
        return response

    def Remediate(self, request: Any, context: Any) -> Any:
        """Repair a resource; return at once if no policy has the level `remediate`.

        Only this request, which precedes `Analyze`, has the engine's own settings of a provider
        (pulumi/pulumi, pkg/resource/plugin/analyzer_plugin.go: SkipInternalKeys).
        """
        if request.type.startswith(PROVIDERS) and INTERNAL in request.properties:
            self.internal[request.urn] = request.properties[INTERNAL]
        if EnforcementLevel.REMEDIATE not in self._levels.values():
            return analyzer_pb2.RemediateResponse()
        return self._stock("Remediate")(request, context)

    def _enabled(self, rule: Rule) -> bool:
        return self._levels[rule.name] is not EnforcementLevel.DISABLED

    def _rules_on(self, resource: Resource) -> RuleSelection:
        """Return the rules on resources that concern a resource, and the responses for the others.

        The result is cached by type, separately for components.
        """
        key = resource.type, resource.component
        selection = self._by_type.get(key)
        if selection is None:
            rules = [rule for rule in _ORDERED if not rule.on_stack and self._enabled(rule)]
            selected = [rule for rule in rules if rule.concerns(resource) and rule is not pack_rules.crashed]
            others = [rule for rule in rules if rule not in selected]
            not_applicable = [
                analyzer_pb2.PolicyNotApplicable(
                    policy_name=rule.name, reason="" if rule is pack_rules.crashed else pack.NOT_ABOUT
                )
                for rule in others
            ]
            selection = self._by_type[key] = RuleSelection(
                selected,
                analyzer_pb2.AnalyzeResponse(not_applicable=not_applicable),
                tuple(_SKIPPED[rule.name] for rule in others if rule is not pack_rules.crashed),
            )
        return selection

    def _level(self, rule: Rule) -> EnforcementLevel:
        """Return the level of a rule's violations; those that remain after a repair are mandatory."""
        level = self._levels[rule.name]
        return EnforcementLevel.MANDATORY if level is EnforcementLevel.REMEDIATE else level

    def _row(
        self, rule: Rule, urn: str, evaluation: Evaluation, response: analyzer_pb2.AnalyzeResponse
    ) -> Row:
        """Report an evaluation of one resource, record its crash and unknown values, and return its row."""
        level = self._level(rule).value
        if evaluation.crash:
            text = pack.printable(f"{rule.name} crashed on {urn}: {evaluation.crash}")
            self._diagnose(pack_rules.crashed, response, text, urn)
            self.crashes.setdefault(urn, []).append(f"{rule.name}: {evaluation.crash}")
        self.unknown.extend((rule, unknown) for unknown in evaluation.unknown)
        blocking = [
            finding for finding in evaluation.findings if not self._report(rule, finding, urn, response)
        ]
        detail = "; ".join(map(str, evaluation.findings))
        reason = pack.reason(evaluation) if evaluation.unknown else ""
        if blocking:
            return Row(rule.name, ledger.VIOLATION, level, detail, reason)
        if evaluation.crash:
            return Row(rule.name, ledger.CRASHED, level, evaluation.crash, reason)
        if evaluation.findings:
            return Row(rule.name, ledger.WAIVED, level, detail, reason)
        if evaluation.unknown:
            response.not_applicable.append(
                analyzer_pb2.PolicyNotApplicable(policy_name=rule.name, reason=reason)
            )
            return Row(rule.name, ledger.UNKNOWN, level, reason, reason)
        return self._passed[rule.name]

    def _crashed(self, urn: str) -> Iterator[Row]:
        """Yield the row of policy-rule-crashed for a resource, or nothing if that policy is disabled."""
        if self._enabled(pack_rules.crashed):
            level, crashes = self._level(pack_rules.crashed).value, self.crashes.get(urn, ())
            verdict = ledger.VIOLATION if crashes else ledger.PASS
            yield Row(pack_rules.crashed.name, verdict, level, "; ".join(crashes))

    def _stack_rows(
        self, rule: Rule, root: str, evaluation: Evaluation, response: analyzer_pb2.AnalyzeResponse
    ) -> dict[str, Row]:
        """Report an evaluation of the stack; return rows for the stack and each resource with a verdict."""
        parts = evaluation.by_resource(root)
        return {urn: self._row(rule, urn, part, response) for urn, part in sorted(parts.items())}

    def _spread(
        self, rule: Rule, root: str, stack: Stack, evaluation: Evaluation, reported: Mapping[str, Row]
    ) -> dict[str, Row]:
        """Return the row of every resource: by default a pass, unless the evaluation ended early."""
        default = self._passed[rule.name]
        if ended := tuple(unknown for unknown in evaluation.unknown if unknown.urn is None):
            reason = pack.reason(Evaluation(unknown=ended))
            default = default._replace(verdict=ledger.UNKNOWN, detail=reason, unknown=reason)
            reported = {
                urn: row if row.unknown else row._replace(unknown=reason) for urn, row in reported.items()
            }
        if evaluation.crash:
            default = default._replace(verdict=ledger.CRASHED, detail=evaluation.crash)
        rows = {
            resource.urn: default if rule.concerns(resource) else _SKIPPED[rule.name]
            for resource in stack.resources
        }
        worst = ledger.worst(reported.values())
        return {**rows, **reported, root: reported[root]._replace(verdict=worst, read=evaluation.read_types)}

    def _report(self, rule: Rule, finding: Finding, urn: str, response: analyzer_pb2.AnalyzeResponse) -> bool:
        """Report a finding; return True if a valid waiver covers it."""
        text = pack.message(rule, finding)
        target = finding.urn or ""
        waiver = self.waivers.of(rule.name, finding.urn or urn)
        if waiver is None:
            self._diagnose(rule, response, text, target)
            return False
        self.used |= {(waiver.index, entry) for entry in waiver.entries(rule.name, finding.urn or urn)}
        if waiver.expired(self.waivers.today):
            self._diagnose(rule, response, f"{text}\n{waiver.lapsed()}", target)
            return False
        notice = f"{waiver.notice(self.waivers.today)}\n{text}"
        self._diagnose(rule, response, notice, target, EnforcementLevel.ADVISORY)
        return True

    def _diagnose(
        self,
        rule: Rule,
        response: analyzer_pb2.AnalyzeResponse,
        text: str,
        urn: str,
        level: EnforcementLevel | None = None,
    ) -> None:
        if self._enabled(rule):
            level = level or self._level(rule)
            report = self._create_report_violation(
                response, rule.name, rule.description, level, rule.severity
            )
            report(text, urn if rule.on_stack else None)

    def _about_the_pack(self, root: str, response: analyzer_pb2.AnalyzeResponse) -> Iterable[Row]:
        """Report waiver faults and the number of unknown values, and yield the rows of these two policies."""
        texts_by_rule = {
            pack_rules.waiver: [*self.waivers.faults, *self._unneeded(root)],
            pack_rules.unknown: self._uncertain(),
        }
        for rule, texts in texts_by_rule.items():
            if not self._enabled(rule):
                continue
            for text in texts:
                self._diagnose(rule, response, f"{text}\n{rule.remediation}", "")
            bad = ledger.UNKNOWN if rule is pack_rules.unknown else ledger.VIOLATION
            verdict = bad if texts else ledger.PASS
            yield Row(rule.name, verdict, self._level(rule).value, "; ".join(texts))

    def _unneeded(self, root: str) -> list[str]:
        """Return messages about waiver entries of this stack that cover no finding and no unknown value."""
        prefix = "::".join(root.split("::")[:2]) + "::"
        needed = self.used.union(
            *(self.waivers.entries(rule.name, unknown.urn or root) for rule, unknown in self.unknown)
        )
        return [text for waiver in self.waivers.waivers for text in waiver.unneeded(prefix, needed)]

    def _uncertain(self) -> list[str]:
        if not self.unknown:
            return []
        checks = len({(rule.name, unknown.urn) for rule, unknown in self.unknown})
        resources = len({unknown.urn for _, unknown in self.unknown})
        return [f"{checks} checks of {resources} resources wait for values that this preview cannot know"]


def install() -> None:
    """Replace the SDK's analyzer; call this before PolicyPack starts its server."""
    pulumi_policy.policy._PolicyAnalyzerServicer = PolicyAnalyzer  # pyright: ignore[reportPrivateUsage]
