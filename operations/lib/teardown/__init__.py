"""Parts of the command that destroys a stack."""
