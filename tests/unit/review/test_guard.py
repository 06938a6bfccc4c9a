"""Tests of the responses of the policy pack under review, which are not trusted."""

import base64
import json
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from review import guard
from review.jail import guard as pack_process
from sandbox.errors import CommandError
from tests.support.rows import each_row

ABOUT = analyzer_pb2.AnalyzerInfo(
    supportsConfig=True,
    policies=[
        analyzer_pb2.PolicyInfo(name="ssh-open", enforcementLevel=analyzer_pb2.MANDATORY),
        analyzer_pb2.PolicyInfo(name="tags", enforcementLevel=analyzer_pb2.ADVISORY),
    ],
)


def levels(file: Path, text: str) -> dict[str, str]:
    file.write_text(text)
    return guard._levels(ABOUT, guard._configuration(ABOUT, file))  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", {"ssh-open": "mandatory", "tags": "advisory"}),
        ('{"ssh-open": "disabled"}', {"ssh-open": "disabled", "tags": "advisory"}),
        ('{"all": "disabled"}', {"ssh-open": "disabled", "tags": "disabled"}),
        (
            '{"all": "advisory", "tags": {"enforcementLevel": "mandatory", "names": ["Name"]}}',
            {"ssh-open": "advisory", "tags": "mandatory"},
        ),
    ],
)
def test_levels_are_read_as_the_engine_reads_them(
    text: str, expected: dict[str, str], tmp_path: Path
) -> None:
    assert levels(tmp_path / "dev.json", text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "policies/config/dev.json is not valid JSON: "),
        ("{", "policies/config/dev.json is not valid JSON: "),
        ("[]", "policies/config/dev.json is not a JSON object."),
        ('{"environments": {}}', "dev.json has 'environments', which the engine takes for environments of"),
        ('{"environments": "mandatory"}', "dev.json has 'environments', which the engine takes for "),
        ('{"environments": ["x/y"]}', "dev.json has 'environments', which the engine takes for "),
        ('{"tags": "off"}', "dev.json: the level of tags is 'off'; allowed: advisory, mandatory"),
        (json.dumps({"tags": {"names": "x", "enforcementLevel": []}}), "the level of tags is "),
        ('{"tags": null}', "the level of tags is None"),
        ('{"tags": ["x"]}', "the level of tags is ['x']"),
        ('{"tags": {"enforcementLevel": null}}', "the level of tags is None"),
        ('{"other": {"names": "x"}}', "policies/config gives 'other' options without a level."),
        ('{"tags": {"enforcementLevel": null, "names": "x"}}', "the level of tags is None"),
        (f'{{"tags": {{"names": 1{"0" * 400}}}}}', "dev.json: the options of tags are invalid: "),
        ('{"tags": {"names": "\\ud800"}}', "policies/config/dev.json is not valid JSON: "),
    ],
)
def test_an_invalid_file_of_levels_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as error:
        levels(tmp_path / "dev.json", text)
    assert message in str(error.value)


def configuration(about: analyzer_pb2.AnalyzerInfo, file: Path) -> dict[str, Any]:
    """Return the level and the options of each name in what the engine would send to a pack."""
    request = guard._configuration(about, file)  # pyright: ignore[reportPrivateUsage]
    options = guard._options(request)  # pyright: ignore[reportPrivateUsage]
    return {
        name: (guard.LEVELS[own.enforcementLevel], options.get(name, {}))
        for name, own in request.policyConfig.items()
    }


def about_pack(**initial: tuple[Any, dict[str, Any]]) -> analyzer_pb2.AnalyzerInfo:
    """Return the description of a pack with an initial configuration and two defaults of options."""
    about = analyzer_pb2.AnalyzerInfo()
    about.CopyFrom(ABOUT)
    schemas = {"ports": {"type": "array", "default": [22, 443]}, "names": {"type": "array"}}
    about.policies[0].configSchema.properties.update(schemas)
    for name, (level, options) in initial.items():
        about.initialConfig[name.replace("_", "-")].enforcementLevel = level
        about.initialConfig[name.replace("_", "-")].properties.update(options)
    return about


PORTS = {"ports": "[22, 443]"}


@each_row(
    "about, text, expected",
    [
        (about_pack(), None, {"ssh-open": ("mandatory", PORTS), "tags": ("advisory", {})}),
        (
            about_pack(ssh_open=(analyzer_pb2.DISABLED, {"names": ["a"]})),
            None,
            {"ssh-open": ("disabled", {**PORTS, "names": '["a"]'}), "tags": ("advisory", {})},
        ),
        # Options without a level in the SDK's `initial_config` are sent as advisory, the number 0.
        (
            about_pack(ssh_open=(0, {"ports": []})),
            "",
            {"ssh-open": ("advisory", {"ports": "[]"}), "tags": ("advisory", {})},
        ),
        (
            about_pack(all=(analyzer_pb2.DISABLED, {})),
            '{"ssh-open": {"ports": [1.5]}, "tags": {}}',
            {"ssh-open": ("disabled", {"ports": "[1.5]"}), "tags": ("disabled", {}), "all": ("disabled", {})},
        ),
        (
            about_pack(all=(analyzer_pb2.DISABLED, {}), tags=(analyzer_pb2.MANDATORY, {})),
            '{"all": "advisory", "other": "mandatory", "tags": {"enforcementLevel": "remediate", "a": null}}',
            {
                "ssh-open": ("advisory", PORTS),
                "tags": ("remediate", {"a": "null"}),
                "all": ("advisory", {}),
                "other": ("mandatory", {}),
            },
        ),
    ],
)
def test_a_pack_gets_the_defaults_of_its_schemas_its_initial_configuration_and_then_the_file(
    about: analyzer_pb2.AnalyzerInfo, text: str | None, expected: Any, tmp_path: Path
) -> None:
    file = tmp_path / "dev.json"
    if text is not None:
        file.write_text(text)
    assert configuration(about, file) == expected


def test_a_pack_without_support_for_a_configuration_gets_none(tmp_path: Path) -> None:
    about = about_pack(all=(analyzer_pb2.DISABLED, {}))
    about.supportsConfig = False
    assert configuration(about, tmp_path / "dev.json") == {}
    with pytest.raises(CommandError, match=r"does not support dev\.json"):
        levels_of = tmp_path / "dev.json"
        levels_of.write_text("{}")
        configuration(about, levels_of)


def test_a_description_of_a_pack_with_which_the_engine_fails_is_refused(tmp_path: Path) -> None:
    twice, other, unknown = about_pack(), about_pack(), about_pack(tags=(77, {}))
    infinite = about_pack(tags=(0, {"a": float("inf")}))
    twice.policies.add(name="tags")
    other.policies[0].configSchema.properties["ports"] = 443
    for about, message in (
        (twice, "two policies of the name 'tags'"),
        (other, "the schema of ssh-open.ports is not an object"),
        (infinite, "the policy pack under review has invalid options"),
        (unknown, "sent the enforcement level of tags 77"),
    ):
        with pytest.raises(CommandError, match=message):
            configuration(about, tmp_path / "dev.json")


def test_a_number_without_a_meaning_is_refused() -> None:
    response = analyzer_pb2.AnalyzeResponse()
    level: Any = 77
    response.diagnostics.add(policyName="ssh-open", enforcementLevel=level)
    question = analyzer_pb2.AnalyzeRequest(urn="urn:a::firewall")
    with pytest.raises(
        CommandError, match="the policy pack under review sent the enforcement level 77; allowed: 0 to 3"
    ):
        guard._violations(question, response)  # pyright: ignore[reportPrivateUsage]


def test_a_violation_without_a_urn_belongs_to_the_resource_of_the_question() -> None:
    response = analyzer_pb2.AnalyzeResponse()
    response.diagnostics.add(
        policyName="ssh-open", enforcementLevel=analyzer_pb2.MANDATORY, message="22 is open"
    )
    question = analyzer_pb2.AnalyzeRequest(urn="urn:a::firewall")
    [violation] = guard._violations(question, response)  # pyright: ignore[reportPrivateUsage]
    assert (violation["urn"], violation["level"]) == ("urn:a::firewall", "mandatory")


@each_row(
    "file, changed",
    [
        ("policies/rules/ssh.py", True),
        ("policies/config/dev.json", True),
        ("versions.py", True),
        ("yaml.py", True),
        ("yaml/__init__.py", True),
        ("__main__.py", False),
        ("components/vpc.py", False),
        ("components/levels.py", True),
        ("components/ports.py", True),
        ("components/ports/__init__.py", True),
        ("Pulumi.dev.yaml", False),
        ("docs/linked.py", True),
    ],
)
def test_a_pack_runs_if_one_of_its_files_or_a_module_that_it_can_import_differs(
    file: str, changed: bool, tmp_path: Path
) -> None:
    for side in ("one", "two"):
        for name, text in {
            "policies/rules/ssh.py": "from components.levels import SSH",
            "versions.py": "",
            "__main__.py": "",
            "components/levels.py": "from components.ports import SSH",
            "components/ports.py": "SSH = 22",
            "components/vpc.py": "",
            "Pulumi.dev.yaml": "",
            "docs/linked.py": "",
        }.items():
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).write_text(text)
        (tmp_path / side / "policies" / "linked").symlink_to("../docs")
    trees = tmp_path / "one", tmp_path / "two"
    assert guard.differing_files(*trees) == []
    assert not guard.has_changed(*trees, [])
    (tmp_path / "two" / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "two" / file).write_text("x = 1\n")
    files = {"docs/linked.py": ["policies/linked/linked.py"]}
    named = files.get(file, [file] if changed else [])
    assert guard.differing_files(*trees) == named
    assert guard.has_changed(*trees, named) == changed
    shutil.rmtree(tmp_path / "one")
    shutil.rmtree(tmp_path / "two")


def test_the_mode_of_a_file_of_the_pack_counts(tmp_path: Path) -> None:
    for side, mode in (("one", 0o644), ("two", 0o755)):
        (tmp_path / side / "policies").mkdir(parents=True)
        (tmp_path / side / "policies" / "data.txt").write_text("")
        (tmp_path / side / "policies" / "data.txt").chmod(mode)
    assert guard.differing_files(tmp_path / "one", tmp_path / "two") == ["policies/data.txt"]


def test_a_repair_has_the_resource_of_the_question_and_a_hash_of_the_inputs() -> None:
    question = analyzer_pb2.AnalyzeRequest(urn="urn:a::firewall")
    response = analyzer_pb2.RemediateResponse()
    response.remediations.add(policyName="tags", diagnostic="cannot repair").properties["a"] = 1
    response.remediations.add(policyName="tags")
    for value in (1, 2, 1):
        response.remediations.add(policyName="ssh-open").properties["port"] = value
    first, second, third = guard._repairs(question, response)  # pyright: ignore[reportPrivateUsage]
    assert first == third != second
    assert first[:2] == second[:2] == ("ssh-open", "urn:a::firewall")


@pytest.mark.parametrize("name", ["does-not-evaluate", "guard-weakened", "deleted"])
def test_a_pack_with_the_name_of_a_finding_of_the_review_is_refused(name: str) -> None:
    violation = {"policy": name, "level": "advisory", "severity": "", "urn": "", "message": ""}
    for pack in (
        guard.Pack({name: "advisory"}),
        guard.Pack(violations=(violation,)),
        guard.Pack(repairs=((name, "urn:a::firewall", "1"),)),
    ):
        with pytest.raises(CommandError, match=f"uses a name of the review's findings: {name}"):
            guard._refuse_own_names(pack)  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Return a recording in which the engine has described the stack and configured the base's pack."""
    description = analyzer_pb2.AnalyzerStackConfigureRequest(stack="dev", project="shop")
    calls = [
        ("ConfigureStack", description, analyzer_pb2.AnalyzerStackConfigureResponse()),
        ("GetAnalyzerInfo", Empty(), ABOUT),
        ("Configure", analyzer_pb2.ConfigureAnalyzerRequest(), Empty()),
    ]
    lines = [
        [method, *(base64.b64encode(message.SerializeToString()).decode() for message in messages)]
        for method, *messages in calls
    ]
    file = tmp_path / "recording"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


class FakePack(analyzer_pb2_grpc.AnalyzerServicer):
    """A pack that keeps the requests with which it is set up."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.about = about_pack(tags=(analyzer_pb2.DISABLED, {}))

    def ConfigureStack(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def GetAnalyzerInfo(self, request: Any, context: Any) -> Any:
        return self.about

    def Configure(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        return Empty()


def verdicts(pack: FakePack, recording: Path, folder: Path) -> guard.Packs:
    """Serve a pack, and return the verdicts on the recorded requests."""
    server = grpc.server(ThreadPoolExecutor(1))
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(pack, server)
    server.add_insecure_port(f"unix:{folder / guard.ANALYZER}")
    server.start()
    try:
        return guard.judge(recording, folder, folder / "dev.json", 30)
    finally:
        server.stop(0)


def test_no_rule_of_the_pack_under_review_has_the_name_of_a_finding(recording: Path, tmp_path: Path) -> None:
    pack = FakePack()
    pack.about.policies.add(name="does-not-evaluate")
    with pytest.raises(CommandError, match="uses a name of the review's findings"):
        verdicts(pack, recording, tmp_path)


def test_the_pack_under_review_is_set_up_as_by_the_engine(recording: Path, tmp_path: Path) -> None:
    pack = FakePack()
    packs = verdicts(pack, recording, tmp_path)
    described, configured = pack.requests
    assert (described.stack, described.project) == ("dev", "shop")
    assert configured.policyConfig["tags"].enforcementLevel == analyzer_pb2.DISABLED
    levels = {"ssh-open": "mandatory", "tags": "advisory"}
    # The engine has configured nothing here, and a stack without a file has the levels of the rules.
    assert packs.base == guard.Pack(levels, own_levels=levels)
    levels, options = {"ssh-open": "mandatory", "tags": "disabled"}, {"ssh-open": PORTS}
    assert packs.head == guard.Pack(levels, options=options, own_levels=levels, own_options=options)


def test_a_pack_has_its_own_levels_and_options_beside_those_of_a_file(
    recording: Path, tmp_path: Path
) -> None:
    configured = {"ssh-open": {"enforcementLevel": "mandatory", "ports": [22]}, "tags": "advisory"}
    (tmp_path / "dev.json").write_text(json.dumps(configured))
    pack = FakePack()
    pack.about = about_pack(all=(analyzer_pb2.DISABLED, {}))
    head = verdicts(pack, recording, tmp_path).head
    assert (head.levels, head.options["ssh-open"]) == (
        {"ssh-open": "mandatory", "tags": "advisory"},
        {"ports": "[22]"},
    )
    assert head.own_levels == {"ssh-open": "disabled", "tags": "disabled"}
    assert head.own_options["ssh-open"] == PORTS
    assert (head.later_level, head.own_later_level) == ("disabled", "disabled")
    (tmp_path / "dev.json").write_text('{"all": "advisory"}')
    head = verdicts(pack, recording, tmp_path).head
    assert (head.later_level, head.own_later_level) == ("advisory", "disabled")


@pytest.mark.parametrize("ends", [True, False])
def test_a_pack_that_does_not_start_takes_no_more_than_a_fixed_time(
    ends: bool, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not ends:
        monkeypatch.setattr(guard, "START_SECONDS", 1)
    start = time.monotonic()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path / guard.ANALYZER}")
        listener.listen()
        if ends:
            pack_process.main(listener, tmp_path / "no-tree")
        with pytest.raises(CommandError, match="the policy pack under review does not start"):
            guard.judge(recording, tmp_path, tmp_path / "dev.json", 300)
    assert time.monotonic() - start < 20
