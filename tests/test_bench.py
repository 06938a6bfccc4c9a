"""What `make bench` fails for."""

import pytest

from bench.__main__ import passed

SHARE = "error: the evaluation takes more than 30% of the eager imports"


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ((0.3, 60, 3), []),
        ((0.31, 1, 1), [SHARE]),
        ((0.1, 60.1, 1), ["error: an up takes more than 60 s"]),
        ((0.1, 1, 3.01), ["error: an up takes more than 3 GiB"]),
        ((1, 99, 9), [SHARE, "error: an up takes more than 60 s", "error: an up takes more than 3 GiB"]),
    ],
)
def test_a_figure_over_its_limit_fails_the_bench(
    figures: tuple[float, float, float], said: list[str]
) -> None:
    assert list(passed(*figures)) == said
