"""The calls for IAM."""
