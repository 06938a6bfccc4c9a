"""The tables of docs/security.md: the powers that an attacker reaches from each start, by environment."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tools.iam.accounts import build_world
from tools.iam.model import Hold, Step, World
from tools.iam.resources import ENVIRONMENTS
from tools.iam.search import Reached, reach
from tools.iam.steps import all_steps
from tools.iam.workflows import BRANCH, FORK, PULL_REQUEST

SHARED = "shared"
COLUMNS = (*ENVIRONMENTS, SHARED)

HIDDEN = ("approved", "retag", "rewrite", "run")
"""Powers that are useful only for further steps; the tables omit them."""

DEPLOYING = ("deploy.yml", "operate.yml")
"""Workflows that deploy and operate the stacks."""

NO_RESOURCE = frozenset({"branch main", "stack files of main"})
"""Targets in the repository that are useful only for further steps; the tables omit them."""

ORDER = ("act as", "read", "write", "control", "destroy")
"""Powers in the order in which a cell lists them."""


@dataclass(frozen=True)
class Start:
    """A start of an attacker: the powers that the attacker has at first."""

    name: str
    powers: tuple[Hold, ...]
    environment: str = ""
    """Environment to which the start belongs; empty if it belongs to none."""


@cache
def world_steps() -> tuple[World, tuple[Step, ...]]:
    """Return the model of the committed programs and all its steps."""
    world = build_world()
    return world, tuple(all_steps(world))


def outside_starts(world: World) -> list[Start]:
    """Return the starts outside AWS: pull requests and branches, packages, main's jobs, and people."""
    building = tuple(_run(job.id) for job in world.jobs.values() if job.builds)
    importing = tuple(_run(job.id) for job in world.jobs.values() if job.imports)
    free = [job.id for job in world.jobs.values() if job.on_main and job.environment not in ENVIRONMENTS]
    deploying = tuple(_run(job) for job in free if job.startswith(DEPLOYING))
    others = tuple(_run(job) for job in free if not job.startswith(DEPLOYING))
    starts = [
        Start(_title(FORK), (_run(FORK),)),
        Start(_title(PULL_REQUEST), (_run(PULL_REQUEST),)),
        Start(_title(BRANCH), (_run(BRANCH),)),
        Start("A package with an install script, or with code that a build or a test runs", building),
        Start("A package that the program imports, pinned by hash", importing),
        Start("Main's other workflows", others),
        Start("Main's deploy and operate workflows, jobs of no stack", deploying),
    ]
    for environment in ENVIRONMENTS:
        jobs = tuple(_run(job.id) for job in world.jobs.values() if job.environment == environment)
        starts.append(Start(f"Main's deploy and operate workflows, {environment}", jobs, environment))
    people = [principal for principal in world.principals.values() if principal.trust is None]
    for person in sorted(people, key=lambda item: item.arn):
        name = f"`{person.name}` of account {world.accounts[person.account]}, a person"
        starts.append(Start(name, (Hold("act as", person.arn),), person.environment))
    return starts


def role_starts(world: World) -> list[Start]:
    """Return each role as a start."""
    return [
        Start(role.name, (Hold("act as", role.arn),), role.environment)
        for role in sorted(world.roles(), key=lambda item: (item.name, item.account))
    ]


def _run(job: str) -> Hold:
    return Hold("run", job)


def _title(name: str) -> str:
    return name[0].upper() + name[1:]


def search_from(world: World, steps: Sequence[Step], start: Start, *, approved: bool) -> dict[Hold, Reached]:
    """Return the powers that a start reaches; `approved` adds the approvals of all reviewers."""
    approvals = [Hold("approved", name) for name in sorted(world.reviewed)] if approved else []
    return reach([*start.powers, *approvals], steps)


def environment_of(world: World, hold: Hold) -> str:
    """Return the environment to which the target of a power belongs, or `shared`."""
    if hold.verb == "administer":
        name = world.accounts[hold.target]
    elif hold.target in world.principals:
        name = world.principals[hold.target].environment
    elif hold.target in world.resources:
        name = world.resources[hold.target].environment
    else:  # A GitHub secret, or a branch.
        name = hold.target.rpartition(" of ")[2]
    return name if name in ENVIRONMENTS else SHARED


def format_paths() -> str:
    """Format the tables of the document: outsiders, jobs and people, and then the roles."""
    world, steps = world_steps()
    rows = [(start, _cells(world, steps, start)) for start in outside_starts(world)]
    lines = [
        "| start | dev | stg | prod | shared, and secrets of the GitHub repository |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {start.name} | {' | '.join(_or_dash(row[name]) for name in COLUMNS)} |" for start, row in rows
    ]
    lines += ["", "| role | in its own environment | elsewhere, and secrets of the GitHub repository |"]
    lines += ["|---|---|---|"]
    roles: dict[tuple[str, str, str], list[str]] = {}
    for start in role_starts(world):
        row = _cells(world, steps, start)
        own = start.environment if start.environment in ENVIRONMENTS else SHARED
        elsewhere = [f"{name}: {row[name]}" for name in COLUMNS if name != own and row[name]]
        pattern = re.sub(rf"-{own}-", "-ENV-", start.name)
        roles.setdefault((pattern, row[own], "; ".join(elsewhere)), []).append(own)
    for (pattern, here, elsewhere), environments in roles.items():
        suffix = f" ({', '.join(sorted(environments, key=COLUMNS.index))})"
        lines.append(f"| `{pattern}`{suffix} | {_or_dash(here)} | {_or_dash(elsewhere)} |")
    return "\n".join(lines)


def _or_dash(text: str) -> str:
    return text or "–"


def _cells(world: World, steps: Sequence[Step], start: Start) -> dict[str, str]:
    alone = search_from(world, steps, start, approved=False)
    admitted = search_from(world, steps, start, approved=True)
    return {column: _cell(world, start, column, alone, admitted) for column in COLUMNS}


def _cell(
    world: World, start: Start, column: str, alone: Mapping[Hold, Reached], admitted: Mapping[Hold, Reached]
) -> str:
    def shown(holds: Iterable[Hold]) -> list[Hold]:
        return [
            hold
            for hold in holds
            if hold.verb not in HIDDEN
            and hold not in start.powers
            and hold.target not in NO_RESOURCE
            and environment_of(world, hold) == column
        ]

    first = shown(alone)
    later = [hold for hold in shown(admitted) if hold not in alone]
    text = _describe(world, first)
    if later and not any(hold.verb == "administer" for hold in first):
        text += ("; " if text else "") + f"*after an approval:* {_describe(world, later)}"
    return text


def _describe(world: World, holds: Sequence[Hold]) -> str:
    """Describe powers, grouped by verb; an account's administrator has all powers in it."""
    if any(hold.verb == "administer" for hold in holds):
        return "**the whole account**"
    parts: list[str] = []
    for verb in ORDER:
        names = sorted({_name(world, hold) for hold in holds if hold.verb == verb} - {""})
        if names:
            parts.append(f"{verb} {', '.join(names)}")
    return "; ".join(parts)


def _name(world: World, hold: Hold) -> str:
    """Return a short name of a power's target.

    The name is empty for a key, since the tables show the contents that the key encrypts.
    """
    if hold.target in world.principals:
        return f"`{re.sub('^pipe-(dev|stg|prod)-', '', world.principals[hold.target].name)}`"
    resource = world.resources.get(hold.target)
    if resource is None:
        return hold.target.removeprefix("GitHub secret ").rpartition(" of ")[0]
    if resource.kind == "key":
        return ""
    return resource.label or resource.id
