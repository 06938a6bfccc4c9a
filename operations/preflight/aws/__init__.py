"""Questions to AWS, by topic."""
