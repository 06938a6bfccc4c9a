"""Tests of the states that stacks newly share."""

import pytest

from review.programs.stack_states import BOTH, GIVES, TAKES, Identity, Share, StackStates


def states(**projects: str) -> dict[str, Identity]:
    """Return the identities of stacks; `extra_dev` stands for the stack dev of another folder."""
    names = {name.replace("_", "/"): project for name, project in projects.items()}
    return {name: Identity(project, name.rpartition("/")[2]) for name, project in names.items()}


@pytest.mark.parametrize(
    ("before", "after", "shares"),
    [
        ({"dev": "pipe"}, {"dev": "pipe"}, {}),
        # Another stack of the project has a state of its own.
        ({"dev": "pipe"}, {"dev": "pipe", "qa": "pipe"}, {}),
        ({"dev": "pipe"}, {"dev": "pipe", "extra_dev": "other"}, {}),
        # The file moves.
        (
            {"dev": "pipe"},
            {"extra_dev": "pipe"},
            {"dev": [("extra/dev", GIVES, True)], "extra/dev": [("dev", TAKES, True)]},
        ),
        # The new stack comes beside the other one, or the other project is renamed.
        (
            {"dev": "pipe"},
            {"dev": "pipe", "extra_dev": "pipe"},
            {"dev": [("extra/dev", BOTH, True)], "extra/dev": [("dev", BOTH, True)]},
        ),
        (
            {"dev": "pipe", "extra_dev": "other"},
            {"dev": "pipe", "extra_dev": "pipe"},
            {"dev": [("extra/dev", BOTH, True)], "extra/dev": [("dev", BOTH, True)]},
        ),
        # Each project takes the name that the other one gives up.
        (
            {"dev": "pipe", "extra_dev": "other"},
            {"dev": "other", "extra_dev": "third"},
            {"dev": [("extra/dev", TAKES, True)], "extra/dev": [("dev", GIVES, True)]},
        ),
        (
            {"dev": "pipe", "extra_dev": "other"},
            {"dev": "other", "extra_dev": "pipe"},
            {
                "dev": [("extra/dev", TAKES, True), ("extra/dev", GIVES, True)],
                "extra/dev": [("dev", TAKES, True), ("dev", GIVES, True)],
            },
        ),
        # What the base has already is not new, unless the names become equal in their case, too.
        ({"dev": "pipe", "extra_dev": "pipe"}, {"dev": "pipe", "extra_dev": "pipe"}, {}),
        ({"dev": "pipe", "extra_dev": "pipe"}, {"dev": "pipe"}, {}),
        ({"dev": "pipe", "extra_dev": "Pipe"}, {"dev": "pipe", "extra_dev": "Pipe"}, {}),
        (
            {"dev": "pipe", "extra_dev": "Pipe"},
            {"dev": "pipe", "extra_dev": "pipe"},
            {"dev": [("extra/dev", BOTH, True)], "extra/dev": [("dev", BOTH, True)]},
        ),
        ({"dev": "pipe"}, {"dev": "Pipe"}, {}),
        (
            {"dev": "pipe"},
            {"Dev": "pipe"},
            {"dev": [("Dev", GIVES, False)], "Dev": [("dev", TAKES, False)]},
        ),
    ],
)
def test_shares_are_found_by_the_names_of_project_and_stack(
    before: dict[str, str], after: dict[str, str], shares: dict[str, list[tuple[str, str, bool]]]
) -> None:
    both = StackStates(states(**before), states(**after))
    for stack in both.before.keys() | both.after.keys():
        assert [*both.find_shares(stack)] == [Share(*share) for share in shares.get(stack, [])]
