"""The calls for RDS."""
