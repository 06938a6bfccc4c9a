"""Pairs of base and head, which are edited copies of the program, and the reports on them.

`python -m tests.support.review.pairs FOLDER PAIR...` evaluates pairs in two processes, each base once, and
writes `<pair>.json` and `<pair>.txt` into FOLDER. Pairs whose evaluations are equal share one evaluation.
"""

import multiprocessing
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from review import evaluate
from review.jail.processes import Processes
from review.jail.supervisor import running
from review.model import Report
from review.project_selection import select_stacks
from review.render import renderings
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli
from sandbox.workspace.stack_files import secret_settings
from tests.support.stacks import copy_program

ROOT = Path(__file__).parents[3]
Edit = tuple[str, str, str]
"""A file, a string in the file, and the new string. An empty string stands for the whole file; if the new
string is empty too, the file is deleted.
"""

SALT = "pairs"
"""The salt of the simulated values, which is random in a review. The snapshots have values of this one."""

REPORT_WAIVERS = "review/waivers.yaml"
"""File that the evaluation of a stack does not read. The program's tree does not have this file."""


@dataclass(frozen=True)
class Pair:
    """The edits to the program in the head and the base."""

    head: tuple[Edit, ...]
    stacks: tuple[str, ...] = ("dev",)
    base: tuple[Edit, ...] = ()
    approved_by: str = ""

    @property
    def evaluated(self) -> tuple[Edit, ...]:
        """The edits that the evaluation of the head depends on: only the report reads REPORT_WAIVERS."""
        return tuple(edit for edit in self.head if edit[0] != REPORT_WAIVERS)

    @property
    def of_the_report(self) -> tuple[Edit, ...]:
        """The other edits of the head."""
        return tuple(edit for edit in self.head if edit[0] == REPORT_WAIVERS)

    @property
    def changes_policies(self) -> bool:
        """True if the head changes the policy pack, so that the head's pack judges, too."""
        return any(file.startswith("policies/") for file, _, _ in self.head)


def _in_every_stack(before: str, after: str) -> tuple[Edit, ...]:
    return tuple((f"Pulumi.{stack}.yaml", before, after) for stack in ("dev", "stg", "prod"))


WAIVER = """\
- reason: dev may lose a day
  owner: platform
  ticket: OPS-1
  expires: {day}
  match:
    - policies: [{policy}]
      targets: ["{target}"]
"""
CLOSED, OPEN = "public: false\n      allowedCidrs: []", "public: true\n      allowedCidrs: [{}]"
BUCKET = "urn:pulumi:dev::pipe::*::backups*"
DEV, MAIN = "Pulumi.dev.yaml", "__main__.py"
RUN_AS_ROOT = (
    "components/kubernetes/pods.py",
    "        read_only_root_filesystem=True,\n        run_as_non_root=True",
    "        read_only_root_filesystem=True,\n        run_as_non_root=False",
)
RENAMED: Edit = (DEV, "bucket: pipe-backup-dev\n", "bucket: pipe-dumps-dev\n")
RUNNER = re.compile(r"^Runner\(.*?^\)\)\n", re.MULTILINE | re.DOTALL)

SPARE = """\
OriginCertificate("spare", OriginCertificateArgs(
    hostnames=[f"spare-{host}"], days=settings.edge.certificate_days,
))"""
KEY = "key = aws.kms.Key(\n            "
RENAMED_KEY: Edit = ("components/aws/database.py", f"{KEY}name,", KEY + 'f"{name}-storage",')
ALIAS: Edit = (
    "components/aws/database.py",
    "protect=args.protect, retain_on_delete=True)",
    "protect=args.protect, retain_on_delete=True, aliases=[pulumi.Alias(name=name)])",
)
SYNTAX_ERROR: Edit = ("components/aws/backup_bucket.py", "class BackupBucket(", "class BackupBucket((")
EXCEPTION: Edit = (
    "components/aws/ci_runner.py",
    "        super().__init__(",
    "        {}['connection']\n        super().__init__(",
)
EXCEPTION_IN_AN_OUTPUT: Edit = (
    MAIN,
    "\nproxy = TlsProxy(",
    "\npulumi.Output.from_input({}).apply(lambda values: values['late'])\nproxy = TlsProxy(",
)
OWN_WAIVER: Edit = (
    REPORT_WAIVERS,
    "",
    WAIVER.format(day="{day}", policy="stateful-replaced", target=BUCKET),
)
DISABLED: Edit = (
    "policies/config/dev.json",
    '"pod-security-run-as-non-root": "mandatory"',
    '"pod-security-run-as-non-root": "disabled"',
)
SILENCED: Edit = (
    "policies/rules/kubernetes/pod_security_restricted.py",
    '        if value.flag() is False:\n            yield expected(value, "true")',
    "        yield from ()",
)
UNNEEDED_WAIVER = WAIVER.format(
    day="{day}", policy="rds-storage-unencrypted", target="urn:pulumi:dev::*::*::*"
)

ENCRYPTED = {name: f"secure: v1:{name}:{name}" for name in sorted(secret_settings(ROOT))}
"""Encrypted texts in stack files, by the names of all secret settings."""

SECRETS = _in_every_stack(
    "config:", "".join(["config:", *(f"\n  {name}:\n    {text}" for name, text in ENCRYPTED.items())])
)
"""Edits that give the stack files all secrets.

The committed stack files have none, so that a review evaluates the program without secrets, too.
"""

AS_COMMITTED: dict[str, Pair] = {
    "nothing-changed": Pair(()),
    "setting-changed": Pair(((DEV, "instanceClass: db.t4g.small", "instanceClass: db.t4g.medium"),)),
    "setting-changed-in-all-stacks": Pair(
        _in_every_stack("hstsSeconds: 31536000", "hstsSeconds: 63072000"), ("dev", "stg", "prod")
    ),
    "image-changed": Pair(((DEV, "sha256:05e27da35aec", "sha256:15e27da35aec"),)),
    "cluster-replaced": Pair(
        (
            (DEV, "serviceCidr: 172.20.0.0/16", "serviceCidr: 172.21.0.0/16"),
            (DEV, "replicas: { min: 3, max: 4", "replicas: { min: 2, max: 4"),
            (DEV, "sha256:05e27da35aec", "sha256:15e27da35aec"),
        )
    ),
    "network-renumbered": Pair(((DEV, "10.10.", "10.11."),)),
    "zones-reordered": Pair(
        ((DEV, CLOSED, OPEN.format("8.8.4.4/32, 8.8.8.8/32")),),
        base=((DEV, CLOSED, OPEN.format("8.8.8.8/32, 8.8.4.4/32")),),
    ),
    "bucket-replaced": Pair((RENAMED,)),
    "bucket-replaced-with-a-waiver": Pair((RENAMED, OWN_WAIVER)),
    "bucket-replaced-with-an-approved-waiver": Pair((RENAMED, OWN_WAIVER), approved_by="an-owner"),
    "log-group-removed": Pair(
        (("components/aws/database.py", '("postgresql", "upgrade")', '("postgresql",)'),)
    ),
    "key-renamed-without-alias": Pair((RENAMED_KEY,)),
    "key-renamed-with-alias": Pair((RENAMED_KEY, ALIAS)),
    "component-removed": Pair(((MAIN, 'Runner("runner"', "REMOVED"),)),
    "component-added": Pair(((MAIN, "\nproxy = TlsProxy(", f"\n{SPARE}\nproxy = TlsProxy("),)),
    "secret-changed": Pair(((DEV, ENCRYPTED["pipe:appPassword"], "secure: v1:another:text"),)),
    "policy-broken": Pair((RUN_AS_ROOT,)),
    "policy-mended": Pair((), base=(RUN_AS_ROOT,)),
    "policy-broken-and-disabled": Pair((RUN_AS_ROOT, DISABLED)),
    "policy-broken-and-its-rule-changed": Pair((RUN_AS_ROOT, SILENCED)),
    "policy-broken-and-disabled-with-an-approval": Pair((RUN_AS_ROOT, DISABLED), approved_by="an-owner"),
    "policy-made-mandatory": Pair(
        (("policies/config/dev.json", '"rds-single-zone": "disabled"', '"rds-single-zone": "mandatory"'),)
    ),
    "waiver-added": Pair((), base=(("policies/waivers.yaml", "", "[]\n"),)),
    "waiver-removed": Pair((("policies/waivers.yaml", "", "[]\n"),)),
    "waiver-without-a-finding": Pair(
        (("policies/waivers.yaml", "\n- reason:", f"\n{UNNEEDED_WAIVER}- reason:"),)
    ),
    "stack-file-invalid": Pair(((DEV, "cidr: 10.10.0.0/16", "cidr: 10.12.0.0/16"),)),
    "stack-file-is-no-yaml": Pair(((DEV, "config:", "config: [\n"),)),
    "stack-file-added": Pair((), base=((DEV, "", ""),)),
    "stack-file-removed": Pair(((DEV, "", ""),)),
    "syntax-error": Pair((SYNTAX_ERROR,)),
    "exception": Pair((EXCEPTION,)),
    "exception-in-an-output": Pair((EXCEPTION_IN_AN_OUTPUT,)),
    "base-does-not-evaluate": Pair((), base=(SYNTAX_ERROR,)),
    "packages-changed": Pair(
        (("requirements.txt", "", "pulumi==3.259.1\n"),),
        base=(("requirements.txt", "", "pulumi==3.259.0\n"),),
    ),
    "team-renamed": Pair(((DEV, "team: platform", "team: infrastructure"),)),
    "prod-weaker-than-stg": Pair(
        (
            ("Pulumi.prod.yaml", "replicas: { min: 3, max: 12", "replicas: { min: 2, max: 12"),
            ("Pulumi.prod.yaml", "multiAz: true", "multiAz: false"),
        ),
        ("stg", "prod"),
    ),
    "prod-unprotected": Pair((("Pulumi.prod.yaml", "protect: true", "protect: false"),), ("prod",)),
    "gateways-added": Pair(((DEV, "natGateways: one", "natGateways: each-zone"),)),
    "monitor-threshold-changed": Pair(
        _in_every_stack("warning: 0.5, critical: 1 }", "warning: 0.5, critical: 2 }"), ("dev", "stg")
    ),
}
"""The pairs before the stack files get secrets."""

QUICK = (
    "nothing-changed",
    "bucket-replaced",
    "bucket-replaced-with-a-waiver",
    "cluster-replaced",
    "policy-broken",
    "stack-file-invalid",
    "stack-file-is-no-yaml",
    "syntax-error",
)
"""Pairs of the engine lane: one per kind of report. All of them share the base of dev, without secrets."""

PAIRS = {
    name: pair if name in QUICK else replace(pair, base=(*SECRETS, *pair.base), head=(*SECRETS, *pair.head))
    for name, pair in AS_COMMITTED.items()
}
"""The pairs. Those that are not quick have secrets, so each tree is evaluated once instead of twice."""

DAY = f"{date.today() + timedelta(days=30)}"


def normalize(text: str, tree: Path) -> str:
    """Return a report for a snapshot, with the quoted lines instead of line numbers, days and hashes."""

    def quote_line(match: re.Match[str]) -> str:
        file = tree / match[1]
        lines = file.read_text().splitlines() if file.is_file() else []
        number = int(match[2])
        return f"{match[1]}:«{lines[number - 1].strip()}»" if number <= len(lines) else match[0]

    text = re.sub(r"([\w./-]+\.(?:py|yaml)):(\d+)\b(?! of the base)", quote_line, text)
    text = re.sub(r":\d+ of the base", ":… of the base", text)
    # Hashes of random secrets differ between runs.
    # Secrets and keys are generated in each run, and so is what follows from them.
    # A report quotes a text that looks like a number, such as `669286e1`.
    text = re.sub(r'(checksum/[\w-]+: )"([0-9a-f]{8})"', r"\1\2", text)
    text = re.sub(
        r"(pipe-api-database-|app_|backup_|checksum/[\w-]+: |→ |\"\]:? )[0-9a-f]{8}\b", r"\1<hash>", text
    )
    text = re.sub(r"(BEGIN CERTIFICATE REQUEST-----).*", r"\1 <request>", text)
    text = re.sub(r"\(\d+ days left\)", "(<days> left)", text.replace(DAY, "<day>"))
    return text.replace(f"{tree}/", "")


def apply_edits(tree: Path, edits: Iterable[Edit], day: str) -> None:
    """Apply edits to a tree; fail if an edit does not apply."""
    for name, before, after in edits:
        file = tree / name
        if not before:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(after.replace("{day}", day)) if after else file.unlink()
            continue
        text = file.read_text()
        if after == "REMOVED":
            assert RUNNER.search(text), "the runner is no longer composed as it was"
            file.write_text(RUNNER.sub("", text))
            continue
        assert before in text, f"{name} no longer has {before!r}"
        file.write_text(text.replace(before, after.replace("{day}", day)))


def copy(to: Path) -> Path:
    """Copy the program's tree to a new folder."""
    to.mkdir(parents=True)
    copy_program(to)
    return to


Base = tuple[tuple[Edit, ...], str]
"""Edits to a base, and the stack."""


def _bring_up_bases(folder: Path, names: Iterable[str]) -> dict[Base, Path]:
    """Bring up each base that the pairs need once per stack, and return the bases' folders."""
    bases = dict.fromkeys((PAIRS[name].base, stack) for name in names for stack in PAIRS[name].stacks)
    folders = {base: folder / f"base-{number}" for number, base in enumerate(bases)}

    def bring_up(base: Base) -> None:
        edits, stack = base
        tree = copy(folders[base] / "tree")
        apply_edits(tree, edits, "")
        project = tree if (tree / f"Pulumi.{stack}.yaml").exists() else None
        evaluate.run((tree, tree), {stack: (project, None)}, folders[base] / "work", 5, salt=SALT)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(bring_up, folders))
    return folders


def group_by_evaluation(names: Iterable[str]) -> list[list[str]]:
    """Return the pairs in groups whose evaluations are equal."""
    groups: dict[object, list[str]] = {}
    for name in names:
        pair = PAIRS[name]
        groups.setdefault((pair.base, pair.evaluated, pair.stacks), []).append(name)
    return list(groups.values())


def _evaluate(names: Sequence[str], folder: Path, bases: dict[Base, Path]) -> Iterator[tuple[str, Report]]:
    """Evaluate the first pair of a group, and yield the report on each pair of the group."""
    name = names[0]
    pair = PAIRS[name]
    head = copy(folder / name / "head")
    apply_edits(head, pair.evaluated, DAY)
    base = bases[pair.base, pair.stacks[0]] / "tree"
    for stack in pair.stacks:
        if (work := evaluate.stack_folder(bases[pair.base, stack] / "work", stack)).exists():
            shutil.copytree(work, evaluate.stack_folder(folder / name / "work", stack))
    trees = base, head
    work, projects = folder / name / "work", select_stacks(trees, pair.stacks)
    with ExitStack() as started:
        # The path of a Unix socket has at most 107 bytes (unix(7)).
        root = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="pair-")))
        processes = started.enter_context(Processes(root, ROOT, Path(os.environ["PULUMI"]), isolated=False))
        if pair.changes_policies:
            for stack, (_, project) in projects.items():
                if project:
                    processes.add(stack, "head", head, project, policies=True)
        for command in processes.commands:
            started.enter_context(running(command))
        evaluate.run(trees, projects, work, 5, sockets=processes.sockets, salt=SALT)
    # A review gets only files that git tracks, and reports compiled modules among them.
    for cache in [*head.rglob("__pycache__")]:
        shutil.rmtree(cache)
    for name in names:
        pair = PAIRS[name]
        apply_edits(head, pair.of_the_report, DAY)
        yield (
            name,
            evaluate.build_report(trees, ("base", "head"), projects, work, approved_by=pair.approved_by),
        )
        (head / REPORT_WAIVERS).unlink(missing_ok=True)


def main(folder: Path, names: Sequence[str]) -> None:
    """Evaluate the pairs, two at a time, and write the reports."""
    os.environ["PULUMI"] = str(pulumi_cli.find(Progress()))
    bases = _bring_up_bases(folder, names)

    def evaluate_half(half: Sequence[Sequence[str]]) -> None:
        for group in half:
            for name, report in _evaluate(group, folder, bases):
                text = normalize(renderings.render_terminal(report), folder / group[0] / "head")
                (folder / f"{name}.txt").write_text(text)
                (folder / f"{name}.json").write_text(renderings.render_json(report))
                print(name, flush=True)

    groups = group_by_evaluation(names)
    context = multiprocessing.get_context("fork")
    halves = [context.Process(target=evaluate_half, args=(groups[start::2],)) for start in (0, 1)]
    for half in halves:
        half.start()
    for half in halves:
        half.join()
    if any(half.exitcode for half in halves):
        sys.exit("a pair could not be evaluated; see above")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
