"""EC2's networks: requests that EC2 refuses and moto accepts, and responses that moto leaves incomplete."""
