"""Settings of the account whose resources the other accounts use."""

from components.settings.types import AccountId, Model


class SharedAccount(Model):
    """The account that has the image registry."""

    id: AccountId
    """The AWS account; the same in every stack file of foundation."""
