"""The calls for S3."""
