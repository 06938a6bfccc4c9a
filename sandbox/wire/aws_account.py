"""The AWS account and the default region of the sandbox."""

ACCOUNT = "123456789012"
"""The account ID that AWS uses in its documentation."""

REGION = "us-east-1"
"""The region of a provider without a region setting."""
