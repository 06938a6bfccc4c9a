"""Permissions of the account's roles as policy statements, one module per topic."""
