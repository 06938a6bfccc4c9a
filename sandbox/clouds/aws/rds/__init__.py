"""RDS: requests that RDS refuses and moto accepts, and responses that moto leaves incomplete (RDS API)."""
