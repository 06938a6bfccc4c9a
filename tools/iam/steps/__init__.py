"""Steps of an attacker, one module per topic; `all_steps` collects them."""

from collections.abc import Callable, Iterator

from tools.iam.model import Step, World
from tools.iam.steps import delivery, identities, resources, workloads

RULES: tuple[Callable[[World], Iterator[Step]], ...] = (
    identities.assume_roles,
    identities.change_trust,
    identities.rewrite_permissions,
    identities.create_entities,
    identities.take_over_users,
    identities.use_rewritten_roles,
    identities.administer_accounts,
    identities.pass_roles,
    resources.retag,
    resources.use_actions,
    resources.replace_policies,
    resources.read_encrypted_contents,
    resources.open_databases,
    workloads.administer_clusters,
    workloads.use_pod_roles,
    workloads.change_runners,
    workloads.push_images,
    delivery.use_identity_tokens,
    delivery.use_machines,
    delivery.use_job_secrets,
    delivery.hand_over_artifacts,
    delivery.await_reviews,
    delivery.push_commits,
    delivery.borrow_connections,
    delivery.decrypt_stack_secrets,
    delivery.poison_state,
)
"""Functions that each yield the steps of one kind."""


def all_steps(world: World) -> list[Step]:
    """Return all possible steps in a world."""
    return [step for rule in RULES for step in rule(world)]
