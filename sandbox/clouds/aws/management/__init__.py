"""Services that watch, back up and count costs: CloudWatch Logs, EventBridge, Backup, Budgets and CE."""
