"""Rules of the policy pack by name, from which the report takes descriptions and remedies."""

from policies.engine.pack import ALL

POLICY_RULES = {rule.name: rule for rule in ALL}
