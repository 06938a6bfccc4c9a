"""Commands that review, build, check and deliver a version of the service."""
