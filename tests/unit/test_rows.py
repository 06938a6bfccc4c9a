"""Tests of the tests of tables."""

import pytest

from tests.support.rows import check_rows, each_row


@each_row("number, square", [(2, 4), (3, 9)])
def test_a_test_runs_with_every_row_and_its_fixtures(number: int, square: int, request: object) -> None:
    assert number**2 == square
    assert isinstance(request, pytest.FixtureRequest)


def test_every_row_that_fails_is_named_with_its_error() -> None:
    @each_row(("number", "text"), [(1, "1"), (2, "two"), (3, "3"), (4, "four")])
    def test(number: int, text: str) -> None:
        assert number % 3 or text == "three", "three is a word"
        assert int(text) == number

    with pytest.raises(pytest.fail.Exception) as error:
        test()
    first, *lines = str(error.value).splitlines()
    assert first == "3 of 4 rows fail:"
    assert [line for line in lines if not line.startswith(" ")] == ["2-two", "3-3", "4-four"]
    assert [line.partition(": ")[2] for line in lines if line.startswith("  /")] == [
        "ValueError: invalid literal for int() with base 10: 'two'",
        "three is a word",
        "ValueError: invalid literal for int() with base 10: 'four'",
    ]
    assert f"{__file__}:" in str(error.value)


def test_a_failed_expectation_of_an_error_is_a_failure_of_its_row() -> None:
    def expect_zero_division(number: int) -> None:
        with pytest.raises(ZeroDivisionError):
            assert 1 / number

    with pytest.raises(pytest.fail.Exception, match=r"^1 of 2 rows fail:\none\n  .*DID NOT RAISE"):
        check_rows([("zero", 0), ("one", 1)], expect_zero_division)


def test_a_table_without_rows_fails() -> None:
    with pytest.raises(AssertionError, match="the table has no rows"):
        check_rows([], print)
