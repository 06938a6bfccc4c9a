"""GitHub Actions jobs: those of the workflows, and those that outsiders can write themselves.

Source of the claims: GitHub docs, "OpenID Connect reference".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from sandbox.iam.evaluation import ABSENT, CHOSEN, ContextValue
from tools.iam.model import Job, World

WORKFLOWS = Path(__file__).parents[2] / ".github/workflows"

FORK = "a fork's pull request"
PULL_REQUEST = "a pull request of this repository"
BRANCH = "any pushed branch"

PREVIEW = "preview"
"""GitHub environment that admits every branch, after an approval (README.md, GitHub)."""

BUILDING = re.compile(
    r"npm (ci|install)|npx |pip install|tools\.build_frontend|scripts/(build|checks)\.sh|\.ci/install|make "
)
"""Commands that may run code of packages while they install, build or test them."""

HARMLESS = re.compile(
    r"make (packages WHEELS=\S+|wheels|vercel)|npm (ci|install)[^\n]* --ignore-scripts"
    r"|scripts/build\.sh.* --load"
)
"""Commands that match BUILDING but run no code of packages: they unpack packages or push a built image."""

IMPORTING = re.compile(r"make packages|\.venv/bin/python")
"""Commands of jobs that run the project's Python program with its packages."""

Claims = Mapping[str, ContextValue]


@dataclass(frozen=True)
class Github:
    """The repository that holds the workflows."""

    repository: str
    """Name of the repository as owner/name."""
    owner_id: str
    repository_id: str

    def subjects(self, job: str) -> tuple[str, str]:
        """Return both forms of the subject of a job's token, as foundation/github_access.py does."""
        owner, _, name = self.repository.partition("/")
        return (
            f"repo:{self.repository}:{job}",
            f"repo:{owner}@{self.owner_id}/{name}@{self.repository_id}:{job}",
        )

    def tokens(self, job: str, ref: str, workflow: ContextValue, environment: str = "") -> tuple[Claims, ...]:
        """Return the claims of a job's token, once for each form of its subject."""
        return tuple(
            {
                "sub": subject,
                "aud": CHOSEN,
                "ref": ref,
                "repository": self.repository,
                "repository_id": self.repository_id,
                "repository_owner": self.repository.partition("/")[0],
                "repository_owner_id": self.owner_id,
                "job_workflow_ref": workflow,
                "environment": environment or ABSENT,
            }
            for subject in self.subjects(job)
        )


def read_jobs(github: Github, world: World) -> Iterator[Job]:
    """Yield the jobs that a fork, a pull request or a branch can define, and the jobs of main's workflows."""
    yield Job(id=FORK)
    secrets, preview_secrets = _secrets_of(""), _secrets_of(PREVIEW)
    # The authors of a branch write its workflows. So they choose the event, the reusable workflow that they
    # call, and an environment that admits the branch. Except for PREVIEW, the project's environments admit
    # only main.
    unprotected = "unprotected"
    for name, ref, subject in (
        (PULL_REQUEST, "refs/pull/1/merge", "pull_request"),
        (BRANCH, "refs/heads/attack", "ref:refs/heads/attack"),
    ):
        yield Job(
            id=name,
            tokens=github.tokens(subject, ref, CHOSEN)
            + github.tokens(f"environment:{unprotected}", ref, CHOSEN, unprotected),
            pushes=True,
            machines=tuple(runner.id for runner in world.of_kind("runner") if not runner.locked),
            secrets=secrets,
        )
        yield Job(
            id=f"{name}, in the environment {PREVIEW}",
            author=name,
            tokens=github.tokens(f"environment:{PREVIEW}", ref, CHOSEN, PREVIEW),
            secrets=preview_secrets,
            environment=PREVIEW,
        )
    for file in sorted(WORKFLOWS.glob("*.yml")):
        yield from _jobs_of(file, github, world)


def _load(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def _events(workflow: Mapping[Any, Any]) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    events = workflow.get("on", workflow.get(True))
    if isinstance(events, dict):
        return cast(dict[str, Any], events)
    return dict.fromkeys([events] if isinstance(events, str) else cast(list[str], events))


def _jobs_of(file: Path, github: Github, world: World) -> Iterator[Job]:
    """Yield the jobs that a workflow runs with main's code.

    The jobs of a reusable workflow are yielded for each workflow that calls it.
    """
    workflow = _load(file)
    events = set(_events(workflow))
    if events <= {"workflow_call"} or events <= {"pull_request"}:
        return
    for name, job in workflow["jobs"].items():
        condition = str(job.get("if", ""))
        if "github.event_name == 'pull_request'" in condition:
            continue
        called = job.get("uses", "")
        if called.startswith("./"):
            called_file = WORKFLOWS.parents[1] / called
            for inner_name, inner in _load(called_file)["jobs"].items():
                arguments = {f"inputs.{key}": str(value) for key, value in job.get("with", {}).items()}
                yield from _expand(
                    f"{file.name}: {name}/{inner_name}", inner, arguments, called_file.name, github, world
                )
        else:
            yield from _expand(f"{file.name}: {name}", job, {}, file.name, github, world)


def _expand(
    identifier: str,
    job: Mapping[str, Any],
    arguments: Mapping[str, str],
    workflow: str,
    github: Github,
    world: World,
) -> Iterator[Job]:
    """Yield a job once for each stack that its matrix or its inputs can name."""
    stacks = cast(list[str], job.get("strategy", {}).get("matrix", {}).get("stack", []))
    text = yaml.safe_dump(dict(job))
    if not stacks and "inputs.stack" in text and "inputs.stack" not in arguments:
        stacks = ["dev", "stg", "prod"]
    for stack in stacks or [""]:
        values = {**arguments, "matrix.stack": stack}
        if stack:
            values["inputs.stack"] = stack
        yield _job(
            f"{identifier} ({stack})" if stack else identifier,
            yaml.safe_load(_substitute(text, values)),
            workflow,
            github,
            world,
        )


def _substitute(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text = re.sub(r"\$\{\{\s*" + re.escape(key) + r"\s*\}\}", value, text)
    return text


def _job(identifier: str, job: Mapping[str, Any], workflow: str, github: Github, world: World) -> Job:
    permissions = cast(dict[str, str], job.get("permissions", {}))
    named = job.get("environment", "")
    environment = str(cast(dict[str, Any], named).get("name", "")) if isinstance(named, dict) else str(named)
    main = "refs/heads/main"
    workflow_ref = f"{github.repository}/.github/workflows/{workflow}@{main}"
    subject = f"environment:{environment}" if environment else f"ref:{main}"
    text = yaml.safe_dump(dict(job))
    machines = [runner.id for runner in world.of_kind("runner") if _runs_on(job, runner.id)]
    return Job(
        id=identifier,
        tokens=github.tokens(subject, main, workflow_ref, environment)
        if permissions.get("id-token") == "write"
        else (),
        pushes=permissions.get("contents") == "write",
        machines=tuple(machines),
        secrets=tuple(
            secret_id(name, environment) for name in sorted(set(re.findall(r"secrets\.(\w+)", text)))
        ),
        environment=environment,
        builds=any(BUILDING.search(HARMLESS.sub("", command)) for command in _commands(job)),
        artifacts=_archives(job, "pack"),
        unpacks=_archives(job, "unpack"),
        imports=any(IMPORTING.search(command) for command in _commands(job)),
        on_main=True,
    )


def secret_id(name: str, environment: str) -> str:
    """Return the ID of a GitHub secret; a job without an environment gets only the repository's."""
    return f"GitHub secret {name} of {environment or 'repository'}"


def _secrets_of(environment: str) -> tuple[str, ...]:
    """Return the IDs of all secrets that jobs of an environment use, or jobs without one if it is empty."""
    ids: set[str] = set()
    for file in WORKFLOWS.glob("*.yml"):
        for job in _load(file)["jobs"].values():
            if str(job.get("environment", "")) == environment:
                names = re.findall(r"secrets\.(\w+)", yaml.safe_dump(job))
                ids.update(secret_id(name, environment) for name in names if name != "GITHUB_TOKEN")
    return tuple(sorted(ids))


def _runs_on(job: Mapping[str, Any], runner: str) -> bool:
    label = f"codebuild-{runner.removeprefix('runner ')}-"
    return label in str(job.get("runs-on", ""))


def _archives(job: Mapping[str, Any], direction: str) -> tuple[str, ...]:
    """Return the names of the archives that a job packs or unpacks (tools/handover.py)."""
    pattern = rf"tools\.handover {direction} (\S+)"
    return tuple(name for command in _commands(job) for name in re.findall(pattern, command))


def _commands(job: Mapping[str, Any]) -> list[str]:
    return [str(step.get("run", "")) for step in cast(list[dict[str, Any]], job.get("steps", []))]
