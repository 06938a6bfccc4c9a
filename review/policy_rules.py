"""The rules of the policy pack by name, for the texts that the report takes from them."""

from policies.engine.pack import ALL

POLICY_RULES = {rule.name: rule for rule in ALL}
