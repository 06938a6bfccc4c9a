"""S3 and S3 Control: requests that S3 refuses and moto accepts, and the settings of new buckets (S3 API)."""
