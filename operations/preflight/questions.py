"""The questions about a stack, and the time limit for their answers."""

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  isort: skip  (first: SDKs load lazily)

from collections.abc import Collection

from operations.preflight import (
    cloudflare_zone,
    datadog_organization,
    github_repository,
    unanswered,
    vercel_project,
)
from operations.preflight.answers import Asking, Question
from operations.preflight.aws import account, foundation, quotas, services
from operations.preflight.subject import Subject

MODULES = (
    account,
    foundation,
    quotas,
    services,
    cloudflare_zone,
    datadog_organization,
    vercel_project,
    github_repository,
)
"""Modules with questions, in the order of the report."""
SECONDS = 15.0
"""Seconds after which a question counts as unanswered; the command then takes less than 20 in all."""


def build(subject: Subject, skip: Collection[str] = ()) -> list[Question]:
    """Return the questions about a stack, without those about the topics in `skip`."""
    listed = [question for module in MODULES for question in module.questions(subject)]
    return [question for question in listed if question.topic not in skip]


def ask(subject: Subject, skip: Collection[str] = ()) -> Asking:
    """Start to ask all questions at once; the result gives the answers."""
    return Asking(build(subject, skip), unanswered.explain, SECONDS)
