"""A report on a pull request: its changes, broken rules, data at risk and costs, without any credentials."""
