"""Questions to Vercel: the token, the frontend's project, and its domain."""

import json
import os
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from operations.lib.errors import FailedError
from operations.lib.services.frontend import VERCEL_VARIABLES
from operations.preflight.answers import Answer, NotAsked, Question, no, skipped, yes
from operations.preflight.subject import Subject

ADDRESS = "https://api.vercel.com"
TIMEOUT_SECONDS = 10.0
README = "README.md, section GitHub, lists the variables"


class VercelError(FailedError):
    """An error response of Vercel's API."""

    def __init__(self, status: int) -> None:
        super().__init__(f"Vercel answered {status}")
        self.status = status


def questions(subject: Subject) -> list[Question]:
    """Return the questions to Vercel."""
    return [
        Question("Vercel", "frontend", "project", lambda: ask_project(subject)),
        Question("Vercel", "frontend", "domain", lambda: ask_domain(subject)),
    ]


def ask_project(subject: Subject) -> Answer:
    """Check that the token sees the project (Vercel REST API, "Find a project by id or name")."""
    if subject.is_sandbox:
        return skipped("a sandbox has no frontend")
    try:
        project = _get("")
    except VercelError as error:
        if error.status not in (401, 403, 404):
            raise
        text = f"the token does not see the project of VERCEL_PROJECT_ID: {error}"
        return no(text, f"set {', '.join(VERCEL_VARIABLES)} for the stack's project ({README})")
    return yes(f"{project['name']} exists")


def ask_domain(subject: Subject) -> Answer:
    """Check that the project has the frontend's host (Vercel REST API, "Get a project domain")."""
    if subject.is_sandbox:
        return skipped("a sandbox has no frontend")
    host = subject.settings.edge.frontend_host
    try:
        domain = _get(f"/domains/{quote(host)}")
    except VercelError as error:
        if error.status != 404:
            raise
        return no(f"the project does not have {host}", f"vercel domains add {host}")
    if not domain["verified"]:
        return no(f"{host} is not verified", "verify it in the project's settings (Domains)")
    return yes(f"the project has {host}")


def _get(path: str) -> Any:
    """Return the JSON of a part of the project.

    Raises NotAsked without credentials, VercelError for an error response, and FailedError without a
    response.
    """
    missing = [name for name in VERCEL_VARIABLES if not os.environ.get(name)]
    if missing:
        raise NotAsked(f"not set: {', '.join(missing)}", f"set {', '.join(missing)} ({README})")
    token, team, project = (os.environ[name] for name in VERCEL_VARIABLES)
    address = f"{ADDRESS}/v9/projects/{quote(project)}{path}?{urlencode({'teamId': team})}"
    request = Request(address, headers={"Authorization": f"Bearer {token}"})  # noqa: S310  (Vercel's API)
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return json.load(response)
    except HTTPError as error:
        raise VercelError(error.code) from None
    except (OSError, HTTPException, ValueError) as error:
        raise FailedError(f"Vercel did not respond: {error}") from None
