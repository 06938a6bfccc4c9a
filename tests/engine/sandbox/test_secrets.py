"""Tests that neither the caller's credentials nor the stack's secrets leak."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from sandbox.engine.monitor_proxy import FAILED_CALLS
from sandbox.engine.program import SERVICE, SERVICES
from sandbox.workspace import stack_files
from sandbox.workspace.environment import ACCOUNT_VARIABLE, engine_variables
from sandbox.workspace.stacks import Stack, find_stack
from tests.support.sandbox.project import ROOT, Project


def plant_secret(project: Project) -> str:
    """Extend the program so that inputs and outputs use a secret; return the secret."""
    with (project.root / "__main__.py").open("a") as program:
        program.write(
            """
planted = pulumi.Output.secret("planted-" + "1f3a9c" * 4)
for thing_name in ("vault", "safe"):
    Thing(thing_name, {"password": planted, "nested": {"list": [planted]}, "size": 3})
pulumi.export("nested", {"deep": [planted]})
pulumi.log.info("nothing to see")
"""
        )
    return "planted-" + "1f3a9c" * 4


def contents(project: Project) -> dict[str, bytes]:
    """Return the content of each file in the stack's folder."""
    files = (file for file in project.folder.rglob("*") if file.is_file())
    return {str(file.relative_to(project.folder)): file.read_bytes() for file in files}


def commands_while(run: Callable[[], object]) -> set[bytes]:
    """Run a function; return the command lines of all processes during the run, sampled every 3 ms."""
    commands: set[bytes] = set()
    finished = threading.Event()

    def sample() -> None:
        while not finished.wait(0.003):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    commands.add(file.read_bytes())
                except OSError:
                    continue  # The process has ended.

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        run()
    finally:
        finished.set()
        sampler.join()
    return commands


def test_a_secret_is_stored_only_encrypted(project: Project) -> None:
    secret = plant_secret(project)
    outputs: list[str] = []

    def run() -> None:
        for command in ("preview", "up", "up", "refresh"):
            code, output = project.run(command)
            assert code == 0, output
            outputs.append(output)

    commands = commands_while(run)
    config = yaml.safe_load((project.folder / "Pulumi.dev.yaml").read_text())["config"]
    assert re.fullmatch(r"v1:[\w/+=]+:[\w/+=]+", config["pipe:password"]["secure"])

    project.run("up")  # The engine decrypts the state once more.
    targets = {name for name in contents(project) if name.startswith("targets/")}
    for name, content in contents(project).items():
        assert secret.encode() not in content or name in targets, name
    assert not [command for command in commands if secret.encode() in command]
    assert any(b"config\0set\0--secret\0pipe:password" in command for command in commands)
    assert secret not in "".join(outputs)
    assert 'nested                       {"deep": ["[secret]"]}' in outputs[1]
    state = (project.folder / "state" / ".pulumi" / "stacks" / "pipe" / "dev.json").read_text()
    assert '"ciphertext":"v1:' in state.replace(" ", "")


def test_the_random_value_of_a_secret_is_written_nowhere(project: Project) -> None:
    # The program writes the value to a file outside the folder, so that the test knows the value.
    value_file = project.root / "value"
    with (project.root / "__main__.py").open("a") as program:
        program.write(
            f"\npassword.apply(lambda value: open({str(value_file)!r}, 'w').write(value) and None)\n"
        )
    commands = commands_while(lambda: project.run("up"))
    value = value_file.read_bytes()
    assert re.fullmatch(rb"[0-9a-f]{32}", value)
    assert [name for name, content in contents(project).items() if value in content] == []
    assert not [command for command in commands if value in command]
    project.run("up")
    assert value_file.read_bytes() == value


PROGRAM_PROCESS = """
import socket, sys
from pathlib import Path
from sandbox.engine import program_process
with socket.socket(fileno=int(sys.argv[1])) as listener, listener.accept()[0] as connection:
    program_process.run(connection, Path(sys.argv[2]))
"""


def test_a_preview_shows_what_the_program_computes_from_a_secret(project: Project) -> None:
    with (project.root / "__main__.py").open("a") as program:
        program.write(
            """
text = config.require("password")
Thing("whole", {"text": text, "basic": base64.b64encode(f"user:{text}".encode()).decode()})
Thing("marked", {"text": pulumi.Output.secret(text[::-2]), "later": password.apply(lambda text: text[1:])})
Thing("reversed", {"size": 3, "text": text[::-1]})
Thing("digits", {"size": 3, "text": text[:20]})
pulumi.export("length", pulumi.Output.unsecret(password).apply(lambda text: text[0]))
"""
        )
    main = project.root / "__main__.py"
    main.write_text(f"import base64\n{main.read_text()}")
    with TemporaryDirectory(prefix="sockets-") as folder, ExitStack() as stack:
        sides = [Path(folder, name) for name in ("first", "others")]
        for side in sides:
            (side / SERVICES).mkdir(parents=True)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(side / SERVICE))
            listener.listen()
            command = [sys.executable, "-c", PROGRAM_PROCESS, str(listener.fileno()), str(project.root)]
            process = subprocess.Popen(command, cwd=ROOT, pass_fds=[listener.fileno()])
            stack.callback(process.wait)
            stack.callback(process.kill)
        options = ("--program", str(sides[0]), "--program-other-secrets", str(sides[1]))
        code, output = project.run("preview", *options)
    assert code == 0, output
    rows = [json.loads(line) for line in (project.folder / FAILED_CALLS).read_text().splitlines()]
    assert [(row["computed"], row.get("hash")) for row in rows] == [
        ("pipe-dev", None),
        ("digits", ["text"]),
        ("marked", ["later", "value"]),
        ("marked", ["text", "value"]),
        ("reversed", ["text"]),
    ]


def test_only_the_caller_can_read_the_files(project: Project) -> None:
    project.run("up")
    shared = [str(file) for file in project.folder.rglob("*") if file.stat().st_mode & 0o077]
    assert shared == []


def test_no_command_changes_a_tracked_file(project: Project) -> None:
    files = ["Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py", "policies/__main__.py"]
    before = [(project.root / file).read_bytes() for file in files]
    for command in ("up", "preview", "down"):
        project.run(command)
    assert [(project.root / file).read_bytes() for file in files] == before


def test_the_copy_has_neither_a_real_key_nor_a_real_secret(project: Project) -> None:
    project.run("preview")
    copy = (project.folder / "Pulumi.dev.yaml").read_text()
    assert not re.search("awskms|v1:foreign|somebody", copy)
    assert "s3://" not in (project.folder / "Pulumi.yaml").read_text()


def stack_of(project: Project, **config: object) -> Stack:
    (project.root / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    (project.folder).mkdir(parents=True, exist_ok=True)
    return find_stack(project.root, "dev")


def test_secret_keys_of_the_schema_get_a_value(project: Project) -> None:
    (project.root / "schemas").mkdir()
    keys = {"pipe:token": {"writeOnly": True}, "pipe:size": {}, "other:token": {"writeOnly": True}}
    schema = {"properties": {"config": {"properties": keys}}}
    (project.root / "schemas" / "stack-file.schema.json").write_text(json.dumps(schema))
    stack = stack_of(project, **{"pipe:size": 1, "pipe:extra": {"secure": "v1:x"}})
    assert stack_files.prepare(stack) == ["pipe:extra", "pipe:token"]
    plain = stack_of(project, **{"pipe:token": "in plain text"})
    assert stack_files.prepare(plain) == []
    copy = yaml.safe_load((project.folder / "Pulumi.dev.yaml").read_text())
    assert copy == {"config": {"pipe:token": "in plain text"}}


def test_values_are_copied_as_they_are_written(project: Project) -> None:
    # Python reads YAML 1.1, which has more booleans and numbers than the engine's YAML.
    text = "config:\n  pipe:edge:\n    tls: on\n    at: 18:30\n    code: 010\n    id: '123'\n    name: 東京\n"
    (project.root / "Pulumi.dev.yaml").write_text(text)
    stack_files.prepare(find_stack(project.root, "dev"))
    assert (project.folder / "Pulumi.dev.yaml").read_text() == text


def test_a_lost_passphrase_is_reported_with_the_remedy(project: Project) -> None:
    project.run("up")
    (project.folder / "passphrase").unlink()
    code, output = project.run("up")
    assert code == 2
    message = (
        f"{project.folder / 'passphrase'} is missing, and nothing else decrypts the state. "
        "Delete the sandbox: `make clean STACK=dev`"
    )
    assert message in output


def test_the_engine_gets_no_credentials(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_PROFILE",
        "CLOUDFLARE_API_TOKEN",
        "PULUMI_ACCESS_TOKEN",
        "HTTPS_PROXY",
        "SSH_AUTH_SOCK",
    ):
        monkeypatch.setenv(name, "leak")
    env = engine_variables(find_stack(project.root, "dev"), {"aws": 5, "tls": 6})
    assert "leak" not in env.values()
    assert env["PULUMI_DEBUG_PROVIDERS"] == "aws:5,tls:6"
    assert env["HOME"] == env["PULUMI_HOME"] == str(project.folder / "home")
    assert env["PULUMI_BACKEND_URL"] == f"file://{project.folder}/state?metadata=skip"


def test_the_program_gets_no_credentials(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with (project.root / "__main__.py").open("a") as program:
        program.write("\nimport os\npulumi.export('env', sorted(os.environ))\n")
    leaks = ["AWS_ACCESS_KEY_ID", "DD_API_KEY", "KUBECONFIG", "PULUMI_ACCESS_TOKEN", "https_proxy"]
    for name in leaks:
        monkeypatch.setenv(name, "leak")
    code, output = project.run("up")
    assert code == 0, output
    names = project.summary()["outputs"]["env"]
    assert "PATH" in names
    of_the_language_host = ["PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS"]  # the program's own settings
    assert [name for name in names if name in leaks or ACCOUNT_VARIABLE.match(name)] == of_the_language_host


def test_the_program_keeps_variables_that_are_no_credentials() -> None:
    harmless = ("PATH", "HOME", "PIPE_LAZY_SDK", "KUBEBUILDER_ASSETS", "XDG_CACHE_HOME", "ADDRESS", "CFLAGS")
    names = [name for name in (*harmless, *os.environ) if name in harmless]
    assert [name for name in names if ACCOUNT_VARIABLE.match(name)] == []
