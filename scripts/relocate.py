"""Prepares a stack to come up again in another region, since its own is lost.

First it changes the stack's file and its policy levels, here, and says what comes next. With --take-names it
deletes what the lost stack still has in services of the whole world and of which there can be only one: DNS
records and rulesets at Cloudflare, Datadog's integration. The next `pulumi up` makes them again.
"""

import re
import sys
from collections.abc import Sequence
from typing import Any

from scripts import names, options, stack_file
from scripts.options import ROOT, Options, Refused
from scripts.steps import Steps, perform

NAME = r"[a-z][a-z0-9-]{1,14}"
REGION = r"[a-z]{2}(-[a-z]+)+-\d"
NEXT = """\
Next, by an administrator, after a look at git diff (the runner's connection is of the lost region):
  make validate
  boundary=arn:aws:iam::{account}:policy/pipe-{old}-boundary
  version="$(aws iam get-policy --policy-arn "$boundary" --query Policy.DefaultVersionId --output text)"
  aws iam get-policy-version --policy-arn "$boundary" --version-id "$version" --query PolicyVersion.Document |
    sed '{rename}' > boundary.json
  aws iam create-policy --policy-name pipe-{new}-boundary --policy-document file://boundary.json
  aws iam get-role --role-name pipe-{old}-deploy --query Role.AssumeRolePolicyDocument > trust.json
  aws iam create-role --role-name pipe-{new}-deploy --assume-role-policy-document file://trust.json
  aws ecr create-repository --region {region} --repository-name {repository}
  scripts/build.sh {stack} --version VERSION    # its digest into pipe:api.image of the stack file
  aws s3 mb s3://pipe-state-{account}-{new} --region {region}
  pulumi login 's3://pipe-state-{account}-{new}?region={region}'
  pulumi stack init {stack}    # with a passphrase; then its secrets (README)
  scripts/relocate.sh {stack} --take-names
  pulumi up --stack {stack} --policy-pack policies --policy-pack-config policies/config/{stack}.json
  aws s3 cp s3://{copies}/latest.dump s3://{bucket}/latest.dump --region {region}{source}
  scripts/restore.sh {stack}"""


@options.refusable
def main(words: Sequence[str] | None = None) -> int:
    parser = options.parser("relocate", __doc__ or "")
    parser.add_argument("--to", metavar="REGION", help="where it comes up: ap-northeast-3")
    parser.add_argument("--as", dest="new", metavar="NAME", help="in place of dev, stg or prod in all names")
    parser.add_argument(
        "--take-names", action="store_true", help="delete what stands in the way at Cloudflare and Datadog"
    )
    given = parser.parse_args(words)
    chosen = options.options(given)
    if given.take_names:
        return perform("relocate", chosen, lambda steps: names.take(steps, chosen))
    service = chosen.settings["service"]
    if not re.fullmatch(REGION, given.to or "") or given.to == service["region"]:
        raise Refused(f"--to {given.to}: an AWS region other than {service['region']}")
    if not re.fullmatch(NAME, given.new or "") or given.new == service["environment"]:
        raise Refused(f"--as {given.new}: lower-case letters, digits and -, at most 15; a new name")
    return perform("relocate", chosen, lambda steps: prepare(steps, chosen, given.new, given.to))


def prepare(steps: Steps, chosen: Options, new: str, region: str) -> str:
    """Changes the two files."""
    old = chosen.settings["service"]["environment"]
    stack, levels = stack_file.path(chosen.stack), ROOT / "policies" / "config" / f"{chosen.stack}.json"
    for file, text in (
        (stack, moved(stack.read_text(), chosen.settings, new, region)),
        (levels, levels.read_text().replace(f'"env:{old}"', f'"env:{new}"')),
    ):
        with steps.step(str(file.relative_to(ROOT))):
            if not chosen.dry_run:
                file.write_text(text)
    return "\n".join(next_steps(chosen.stack, chosen.settings, new, region))


def next_steps(stack: str, of: dict[str, Any], new: str, region: str) -> list[str]:
    """What an administrator does then, with every name filled in; `of` are the settings of before."""
    service, backups = of["service"], of["backups"]
    copied = backups["replica"]["region"]
    text = NEXT.format(
        stack=stack,
        old=service["environment"],
        new=new,
        rename=(
            rf's#\([-/"]\){service["environment"]}#\1{new}#g;'
            f" s/:::{backups['bucket']}/:::{backups['bucket']}-{new}/g; s/{service['region']}/{region}/g"
        ),
        region=region,
        account=service["account"],
        repository=stack_file.repository(of["api"]["image"]).partition("/")[2],
        copies=backups["replica"]["bucket"],
        source="" if copied == region else f" --source-region {copied}",
        bucket=f"{backups['bucket']}-{new}",
    )
    return text.splitlines()


def moved(text: str, of: dict[str, Any], new: str, region: str) -> str:
    """A stack file for the other region.

    What must be unique in the world, or in the account, has a new name. Dumps are not copied until somebody
    says where to. Secrets go: the key that they are encrypted with is lost, too.
    """
    service, lost, aside = of["service"], of["service"]["region"], "\0"
    bucket, replica = of["backups"]["bucket"], of["backups"]["replica"]["bucket"]
    text = text.replace(lost, aside).replace(region, lost).replace(aside, region)
    for key, before, after in (
        ("environment", service["environment"], new),
        ("bucket", replica, replica.replace(bucket, f"{bucket}-{new}")),
        ("bucket", bucket, f"{bucket}-{new}"),
    ):
        text = re.sub(rf"^(\s+{key}: ){re.escape(before)}$", rf"\g<1>{after}", text, flags=re.MULTILINE)
    text = re.sub(r"(^ +replica:\n +enabled: )true$", r"\1false", text, flags=re.MULTILINE)
    text = re.sub(r"^  pipe:\w+:\n    secure: .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^(secretsprovider|encryptedkey|encryptionsalt): .*\n", "", text, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
