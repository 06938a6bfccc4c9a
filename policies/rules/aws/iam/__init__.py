"""Rules on IAM: permissions, attachments of policies, and trust."""
