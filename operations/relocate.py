"""Move of a stack to another region after the loss of its current region.

With --to and --as, the command changes the stack file and its policy levels, and prints the next steps. With
--take-names, it deletes the lost stack's DNS records and rulesets at Cloudflare, whose names the new stack
needs; the next `pulumi up` creates them again. With --copy-roles, it copies the IAM roles of the lost
environment, since the foundation that declares them cannot run without the lost KMS key.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from components.common.image_reference import parse_image_reference
from operations.lib import command_line, stack_file
from operations.lib.command_line import ROOT, Options
from operations.lib.errors import RefusedError
from operations.lib.run_log import RunLog, perform
from operations.lib.services import release_names, role_copies

NAME = r"[a-z][a-z0-9-]{1,14}"
REGION = r"[a-z]{2}(-[a-z]+)+-\d"
NEXT = """\
Next steps, after a check of git diff. An administrator runs them in a terminal, since the runner is in the
lost region. The new cluster is private, and its creator has no access. So first set in Pulumi.{stack}.yaml:
  pipe:cluster.endpoint.public          true
  pipe:cluster.endpoint.allowedCidrs    your address with /32: curl -4 https://checkip.amazonaws.com
  pipe:cluster.operators                also the ARN of your role or user (README, step 4 of the first time)
and add the name of this role or user to eks-administrator-unknown in policies/config/{stack}.json. Then:
  make validate
  scripts/relocate.sh {stack} --copy-roles {old}
  aws ecr describe-images --region {region} --registry-id {registry} --repository-name {repository} \\
    --image-ids {image_id}    # as pipe-{new}-operators: ECR's copy of the stack file's image
  scripts/build.sh {stack} --version VERSION    # if the copy is missing; put its digest into pipe:api.image
  aws s3 mb s3://pipe-state-{account}-{new} --region {region}
  pulumi login 's3://pipe-state-{account}-{new}?region={region}'
  pulumi stack init {stack}    # with a passphrase; then set its secrets (README)
  scripts/relocate.sh {stack} --take-names
  pulumi up --stack {stack} --policy-pack policies --policy-pack-config policies/config/{stack}.json
  aws s3 cp s3://{copies}/latest.dump s3://{bucket}/latest.dump --region {region}{source}
  scripts/restore.sh {stack}"""


def build_parser() -> argparse.ArgumentParser:
    parser = command_line.parser("relocate", __doc__ or "")
    parser.add_argument("--to", metavar="REGION", help="new region, such as ap-northeast-3")
    parser.add_argument(
        "--as",
        dest="new",
        metavar="NAME",
        help="new environment, which replaces dev, stg or prod in all names",
    )
    parser.add_argument(
        "--take-names",
        action="store_true",
        help="delete the lost stack's resources at Cloudflare, so that their names are free",
    )
    parser.add_argument(
        "--copy-roles",
        metavar="OLD",
        help="copy the roles of the lost environment OLD, such as prod, to the stack's environment",
    )
    return parser


@command_line.handle_refusal
def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    options = command_line.read_options(arguments)
    if arguments.take_names:
        return perform("relocate", options, lambda log: release_names.release(log, options))
    if arguments.copy_roles:
        old = arguments.copy_roles
        return perform("relocate", options, lambda log: role_copies.copy_roles(log, options, old))
    region, name = destination(options, arguments.to, arguments.new)
    return perform("relocate", options, lambda log: prepare(log, options, name, region))


def destination(options: Options, region: str | None, name: str | None) -> tuple[str, str]:
    """Return the stack's new region and environment; refuse missing or invalid ones.

    Names of IAM roles and buckets contain the environment's name, so the name of another stack would collide
    with that stack's resources.
    """
    lost = options.settings["service"]["region"]
    if not region or not name:
        missing = " and ".join(
            option for option, text in (("--to REGION", region), ("--as NAME", name)) if not text
        )
        raise RefusedError(
            f"missing: {missing}; example: scripts/relocate.sh {options.stack} --to ap-northeast-3 --as osaka"
        )
    if not re.fullmatch(REGION, region) or region == lost:
        raise RefusedError(f"--to {region}: must be an AWS region other than {lost}, such as ap-northeast-3")
    if not re.fullmatch(NAME, name):
        raise RefusedError(
            f"--as {name}: must be 2 to 15 lower-case letters, digits and -, and begin with a letter, such as"
            " osaka"
        )
    if name in (existing := environments()):
        raise RefusedError(
            f"--as {name} is in use; the names in use are {', '.join(sorted(existing))}. Choose another, such"
            " as osaka"
        )
    return region, name


def environments() -> set[str]:
    """Return the names of all stacks, and of the environments in their stack files."""
    files = (yaml.safe_load(stack_file.path(stack).read_text()) for stack in command_line.stacks())
    return {*command_line.stacks(), *(file["config"]["pipe:service"]["environment"] for file in files)}


def prepare(log: RunLog, options: Options, new: str, region: str) -> str:
    """Change the stack file and the policy levels; return the next steps."""
    old = options.settings["service"]["environment"]
    stack, levels = stack_file.path(options.stack), ROOT / "policies" / "config" / f"{options.stack}.json"
    for file, text in (
        (stack, relocated_text(stack.read_text(), options.settings, new, region)),
        (levels, relocated_levels(levels.read_text(), old, new)),
    ):
        with log.step(str(file.relative_to(ROOT))):
            if options.dry_run:
                log.plan(f"would write {file.relative_to(ROOT)}")
            else:
                file.write_text(text)
    return "\n".join(next_steps(options.stack, options.settings, new, region))


def next_steps(stack: str, settings: dict[str, Any], new: str, region: str) -> list[str]:
    """Return the administrator's next steps, with the names from the lost stack's settings."""
    service, backups = settings["service"], settings["backups"]
    copy_region = backups["replica"]["region"]
    image = parse_image_reference(settings["api"]["image"])
    text = NEXT.format(
        stack=stack,
        old=service["environment"],
        new=new,
        region=region,
        account=service["account"],
        registry=image.repository.partition(".")[0],
        repository=image.repository.partition("/")[2],
        image_id=f"imageDigest=sha256:{image.digest}" if image.digest else f"imageTag={image.tag}",
        copies=backups["replica"]["bucket"],
        source="" if copy_region == region else f" --source-region {copy_region}",
        bucket=f"{backups['bucket']}-{new}",
    )
    return text.splitlines()


def relocated_text(text: str, settings: dict[str, Any], new: str, region: str) -> str:
    """Return the stack file's text for another region: the lost and the new region swap places.

    The environment, its operators and the buckets get new names, since the old names are still taken. The
    replication of dumps to a second region is switched off. Secrets are removed, since the key that encrypts
    them is lost with the region.

    The connection to GitHub keeps its ARN: connections are global, and the ARN names the region where one was
    created (Developer Tools console user guide, Global resources in AWS CodeConnections). But CodeConnections
    has no endpoint in ap-northeast-3 (AWS General Reference), so the runner is switched off: `pulumi up` must
    not depend on it.
    """
    service, lost, placeholder = settings["service"], settings["service"]["region"], "\0"
    connection, kept_connection = settings["ciRunner"]["connectionArn"], "\1"
    bucket, replica = settings["backups"]["bucket"], settings["backups"]["replica"]["bucket"]
    text = text.replace(connection, kept_connection)
    text = text.replace(lost, placeholder).replace(region, lost).replace(placeholder, region)
    text = text.replace(kept_connection, connection)
    text = text.replace(f":role/pipe-{service['environment']}-operators", f":role/pipe-{new}-operators")
    for key, before, after in (
        ("environment", service["environment"], new),
        ("bucket", replica, replica.replace(bucket, f"{bucket}-{new}")),
        ("bucket", bucket, f"{bucket}-{new}"),
    ):
        text = re.sub(rf"^(\s+{key}: ){re.escape(before)}$", rf"\g<1>{after}", text, flags=re.MULTILINE)
    for section in ("replica", "pipe:ciRunner"):
        text = re.sub(rf"(^ +{section}:\n +enabled: )true$", r"\1false", text, flags=re.MULTILINE)
    text = re.sub(r"^  pipe:\w+:\n    secure: .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^(secretsprovider|encryptedkey|encryptionsalt): .*\n", "", text, flags=re.MULTILINE)
    if unchanged := [*_unchanged(text, new, region, f"{bucket}-{new}")]:
        raise RefusedError(
            f"the stack file keeps its {', '.join(unchanged)}: write each of them in a line of its own, as"
            " `key: VALUE` without a comment behind it"
        )
    return text


def relocated_levels(text: str, old: str, new: str) -> str:
    """Return the policy levels with the new environment in tags and names of roles.

    The channels keep their names, since people read them already.
    """
    return re.sub(rf'"(env:|pipe-){re.escape(old)}(?=["-])', rf'"\g<1>{new}', text)


def _unchanged(text: str, new: str, region: str, bucket: str) -> Iterator[str]:
    """Yield the names of settings that a relocated file should not have any more, or not with this value."""
    settings = yaml.load(text, yaml.BaseLoader)
    config = settings["config"]
    service, backups = config["pipe:service"], config["pipe:backups"]
    for name, actual, expected in (
        ("service.environment", service["environment"], new),
        ("service.region", service["region"], region),
        ("backups.bucket", backups["bucket"], bucket),
        ("backups.replica.enabled", backups["replica"]["enabled"], "false"),
        ("ciRunner.enabled", config["pipe:ciRunner"]["enabled"], "false"),
    ):
        if actual != expected:
            yield name
    secrets = [name for name, value in config.items() if isinstance(value, dict) and "secure" in value]
    yield from secrets
    yield from {"secretsprovider", "encryptedkey", "encryptionsalt"} & settings.keys()


if __name__ == "__main__":
    sys.exit(main())
