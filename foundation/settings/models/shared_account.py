"""Settings of the account whose resources the other accounts use."""

from components.settings.types import AccountId, Model


class SharedAccount(Model):
    """The account with the image registry and the vaults for copies of backups."""

    id: AccountId
    """The AWS account; the same in every stack file of foundation."""
