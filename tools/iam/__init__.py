"""Search for attack paths through the IAM policies and the workflows of the project."""
