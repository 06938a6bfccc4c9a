"""Services for identities, keys, audit and threats: IAM, KMS, CloudTrail, GuardDuty, Access Analyzer."""
