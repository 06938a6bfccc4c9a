"""The AWS account and region that the sandbox answers for."""

ACCOUNT = "123456789012"
"""The account number that AWS's own documentation uses."""

REGION = "us-east-1"
"""The region of a provider that names none."""
