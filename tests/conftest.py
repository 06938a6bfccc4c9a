"""What holds for every test: at the end of a run, the table of what tests measured (`record_property`)."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the property `measured` of each test that passed."""
    reports: list[pytest.TestReport] = terminalreporter.getreports("passed")
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
