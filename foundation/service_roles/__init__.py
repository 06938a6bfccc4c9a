"""Roles that AWS services and the pods of a stack assume.

No stack declares them; stacks refer to them with `Naming.role_arn`. Therefore, a stack's deploy role needs no
permission to create a role or to change a policy. The roles exist before the stack and outlive it, as EKS
requires: the control plane's role must have its policies before the cluster is created and while it is
deleted.

Policies name resources by the names that the stack gives them. KMS keys have generated IDs, so a policy
names a key by its alias (KMS developer guide: "Use aliases to control access to KMS keys"; an alias takes up
to five minutes to take effect). The keys' policies leave access to IAM (`key_policy`).
"""
