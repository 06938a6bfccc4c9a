"""Client for GitHub's REST API, with the token of the variable GITHUB_TOKEN."""

import json
import os
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TIMEOUT_SECONDS = 15.0
VERSION = "2022-11-28"
"""Version of the API (https://docs.github.com/en/rest/about-the-rest-api/api-versions)."""


class GitHubError(Exception):
    """An error response of GitHub's API, or no usable response."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0 if GitHub did not respond."""


def token() -> str:
    """Return the token for GitHub's API; empty if there is none."""
    return os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or ""


def get(path: str) -> Any:
    """Return the JSON body of the response to a GET request.

    Raises GitHubError if GitHub responds with an error or does not respond.

    In a workflow, GITHUB_API_URL is the address of the API
    (https://docs.github.com/en/actions/reference/variables-reference).
    """
    address = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token()}",
        "X-GitHub-Api-Version": VERSION,
    }
    request = Request(f"{address}/{path}", headers=headers)  # noqa: S310  (the address is the API's)
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return json.load(response)
    except HTTPError as error:
        raise GitHubError(f"GET /{path}: HTTP {error.code}", error.code) from None
    except (OSError, HTTPException, ValueError) as error:
        raise GitHubError(f"GET /{path}: {error}") from None
