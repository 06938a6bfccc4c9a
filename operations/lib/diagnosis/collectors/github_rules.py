"""State of the protection rules on GitHub."""

from operations.lib.command_line import Options
from operations.lib.diagnosis import github_rules
from operations.lib.run_log import RunLog
from operations.lib.services import github


def collect_github_rules(log: RunLog, options: Options) -> list[github_rules.Rule]:
    """Show and return the state of the protection rules on GitHub; empty if GitHub is not asked.

    Only a rule that is not set is a problem. A rule whose state is unknown does not make the diagnosis
    incomplete, since the token of the workflow Operate cannot read every rule.
    """
    if options.target == "sandbox":
        log.skip("GitHub's rules do not protect a sandbox")
        return []
    if not github.token():
        log.skip("GitHub was not asked: GITHUB_TOKEN is not set")
        return []
    service, runner = options.settings["service"], options.settings["ciRunner"]
    rules = github_rules.check(
        github.get,
        service["repository"],
        options.stack,
        reviewed=service["environment"] != "dev",
        runner_group=runner["runnerGroup"] if runner["enabled"] else None,
    )
    for rule in rules:
        log.line(str(rule))
    return rules
