"""IAM's decision on each request of a role's session or a user.

- callers: the role or user to whom the access key of a request belongs, with its policies
- resources: the ARNs on which a request is decided
- needs: the actions that a request needs, with the ARNs and condition keys
- decisions: the decision, and AWS's message of a refusal
"""
