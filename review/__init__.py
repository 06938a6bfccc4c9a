"""What a pull request would change and what breaks a rule, in one report, without any credentials."""
