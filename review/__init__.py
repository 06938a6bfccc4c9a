"""Report on a pull request: its changes, broken rules, data at risk and costs. It needs no credentials."""
