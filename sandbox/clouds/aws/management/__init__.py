"""Services for logs, events, backups and costs.

They are CloudWatch Logs, EventBridge, AWS Backup, AWS Budgets and Cost Explorer.
"""
