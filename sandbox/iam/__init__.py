"""IAM's evaluation of requests: policy documents, and the decision on a request with all its policies."""
