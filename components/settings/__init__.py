"""The stack file as typed, frozen values: the only reader of pulumi.Config."""
