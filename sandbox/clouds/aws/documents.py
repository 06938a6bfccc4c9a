"""The policy documents in requests, and their validation."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from sandbox.clouds.web import ErrorResponse
from sandbox.wire import policy_documents
from sandbox.wire.values import Json


class Document(NamedTuple):
    """A request parameter that contains a policy document."""

    parameter: str
    purpose: str
    """The kind of the document, a key of policy_document.json."""
    code: str
    """The error code for an invalid document."""


DOCUMENTS: Mapping[str, Document] = {
    "iam:CreateRole": Document("AssumeRolePolicyDocument", "trust", "MalformedPolicyDocument"),
    "iam:UpdateAssumeRolePolicy": Document("PolicyDocument", "trust", "MalformedPolicyDocument"),
    "iam:CreatePolicy": Document("PolicyDocument", "identity", "MalformedPolicyDocument"),
    "iam:CreatePolicyVersion": Document("PolicyDocument", "identity", "MalformedPolicyDocument"),
    "iam:PutRolePolicy": Document("PolicyDocument", "identity", "MalformedPolicyDocument"),
    "kms:CreateKey": Document("Policy", "resource", "MalformedPolicyDocumentException"),
    "kms:PutKeyPolicy": Document("Policy", "resource", "MalformedPolicyDocumentException"),
    "s3:PutBucketPolicy": Document("Policy", "resource", "MalformedPolicy"),
    "ecr:SetRepositoryPolicy": Document("policyText", "repository", "InvalidParameterException"),
    "backup:PutBackupVaultAccessPolicy": Document("Policy", "resource", "InvalidParameterValueException"),
    "ec2:CreateVpcEndpoint": Document("PolicyDocument", "resource", "InvalidPolicyDocument"),
    "ec2:ModifyVpcEndpoint": Document("PolicyDocument", "resource", "InvalidPolicyDocument"),
}
"""The documents by operation."""


def read_document(operation: str, params: Json) -> Json:
    """Return the policy document in a request; empty if it has none.

    Raise ErrorResponse if the document is invalid.
    """
    document = DOCUMENTS.get(operation)
    if document is None or document.parameter not in params:
        return {}
    text = params[document.parameter]
    if faults := list(policy_documents.faults(document.parameter, document.purpose, text)):
        raise ErrorResponse(400, "; ".join(faults), document.code)
    return json.loads(text)
