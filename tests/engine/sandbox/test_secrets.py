"""The caller's credentials and the stack's secrets: where they must not be."""

import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandbox import workspace
from tests.support.sandbox.project import Project

KEPT = ("passphrase", "Pulumi.dev.yaml")
"""Where a secret may be: the key, and what it encrypts."""


def planted(project: Project) -> str:
    """A program that plants a secret wherever a program can; the secret."""
    with (project.root / "__main__.py").open("a") as program:
        program.write(
            """
import hashlib, pathlib
whole = pulumi.Output.secret("planted-" + "1f3a9c" * 4)
for each in ("vault", "safe"):
    Thing(each, {"password": whole, "nested": {"list": [whole]}, "size": 3})
pulumi.export("nested", {"deep": [whole]})
pulumi.log.info("nothing to see")
"""
        )
    return "planted-" + "1f3a9c" * 4


def written(project: Project) -> dict[str, bytes]:
    """Every file of the stack's folder."""
    files = (file for file in project.folder.rglob("*") if file.is_file())
    return {str(file.relative_to(project.folder)): file.read_bytes() for file in files}


def commands_while(run: Callable[[], object]) -> set[bytes]:
    """The arguments of every process that ran meanwhile, looked at every few milliseconds."""
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.003):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(file.read_bytes())
                except OSError:
                    continue  # gone already

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        run()
    finally:
        done.set()
        watcher.join()
    return seen


def test_secrets_are_nowhere_but_encrypted(project: Project) -> None:
    secret = planted(project)
    said: list[str] = []

    def run() -> None:
        for command in ("preview", "up", "up", "refresh"):
            code, text = project.run(command)
            assert code == 0, text
            said.append(text)

    commands = commands_while(run)
    config = yaml.safe_load((project.folder / "Pulumi.dev.yaml").read_text())["config"]
    assert re.fullmatch(r"v1:[\w/+=]+:[\w/+=]+", config["pipe:password"]["secure"])

    project.run("up")  # the engine decrypts again; nothing of it is left
    targets = {name for name in written(project) if name.startswith("targets/")}
    for name, content in written(project).items():
        assert secret.encode() not in content or name in targets, name
    assert not [command for command in commands if secret.encode() in command]
    assert any(b"config\0set\0--secret\0pipe:password" in command for command in commands)
    assert secret not in "".join(said)
    assert 'nested                       {"deep": ["[secret]"]}' in said[1]
    state = (project.folder / "state" / ".pulumi" / "stacks" / "pipe" / "dev.json").read_text()
    assert '"ciphertext":"v1:' in state.replace(" ", "")


def test_the_random_value_of_a_secret_is_written_nowhere(project: Project) -> None:
    """The program gets it and tells a file outside the folder, which is how the test knows it."""
    told = project.root / "told"
    with (project.root / "__main__.py").open("a") as program:
        program.write(f"\npassword.apply(lambda value: open({str(told)!r}, 'w').write(value) and None)\n")
    commands = commands_while(lambda: project.run("up"))
    value = told.read_bytes()
    assert re.fullmatch(rb"[0-9a-f]{32}", value)
    assert [name for name, content in written(project).items() if value in content] == []
    assert not [command for command in commands if value in command]
    project.run("up")
    assert told.read_bytes() == value


def test_every_file_is_the_callers_alone(project: Project) -> None:
    project.run("up")
    shared = [str(file) for file in project.folder.rglob("*") if file.stat().st_mode & 0o077]
    assert shared == []


def test_tracked_files_stay_as_they_are(project: Project) -> None:
    files = ["Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py", "policies/__main__.py"]
    before = [(project.root / file).read_bytes() for file in files]
    for command in ("up", "preview", "down"):
        project.run(command)
    assert [(project.root / file).read_bytes() for file in files] == before


def test_the_copy_has_nobodys_key_and_no_foreign_secret(project: Project) -> None:
    project.run("preview")
    copy = (project.folder / "Pulumi.dev.yaml").read_text()
    assert not re.search("awskms|v1:foreign|somebody", copy)
    assert "s3://" not in (project.folder / "Pulumi.yaml").read_text()


def stack_of(project: Project, **config: object) -> workspace.Stack:
    (project.root / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    (project.folder).mkdir(parents=True, exist_ok=True)
    return workspace.find_stack(project.root, "dev")


def test_keys_that_the_schema_calls_secret_get_a_value(project: Project) -> None:
    (project.root / "schemas").mkdir()
    keys = {"pipe:token": {"writeOnly": True}, "pipe:size": {}, "other:token": {"writeOnly": True}}
    schema = {"properties": {"config": {"properties": keys}}}
    (project.root / "schemas" / "stack-file.schema.json").write_text(json.dumps(schema))
    stack = stack_of(project, **{"pipe:size": 1, "pipe:extra": {"secure": "v1:x"}})
    assert workspace.prepare(stack) == ["pipe:extra", "pipe:token"]
    plain = stack_of(project, **{"pipe:token": "in plain text"})
    assert workspace.prepare(plain) == []
    copy = yaml.safe_load((project.folder / "Pulumi.dev.yaml").read_text())
    assert copy == {"config": {"pipe:token": "in plain text"}}


def test_a_secret_within_a_value_is_left_out(project: Project) -> None:
    stack = stack_of(project, **{"pipe:api": {"image": "x", "token": {"secure": "v1:x"}}})
    assert workspace.prepare(stack) == []
    copy = yaml.safe_load((project.folder / "Pulumi.dev.yaml").read_text())
    assert copy == {"config": {"pipe:api": {"image": "x"}}}


def test_values_are_copied_as_they_are_written(project: Project) -> None:
    """YAML 1.1, which Python reads, knows more booleans and numbers than the engine's YAML does."""
    text = "config:\n  pipe:edge:\n    tls: on\n    at: 18:30\n    code: 010\n    id: '123'\n    name: 東京\n"
    (project.root / "Pulumi.dev.yaml").write_text(text)
    workspace.prepare(workspace.find_stack(project.root, "dev"))
    assert (project.folder / "Pulumi.dev.yaml").read_text() == text


def test_a_lost_passphrase_is_named_with_the_way_out(project: Project) -> None:
    project.run("up")
    (project.folder / "passphrase").unlink()
    code, said = project.run("up")
    assert code == 2
    assert (
        f"{project.folder / 'passphrase'} is gone; the state is lost without it: make clean STACK=dev" in said
    )


def test_the_engine_gets_no_credentials(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_PROFILE",
        "CLOUDFLARE_API_TOKEN",
        "PULUMI_ACCESS_TOKEN",
        "HTTPS_PROXY",
        "SSH_AUTH_SOCK",
    ):
        monkeypatch.setenv(name, "leak")
    env = workspace.environment(workspace.find_stack(project.root, "dev"), {"aws": 5, "tls": 6})
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
    code, said = project.run("up")
    assert code == 0, said
    names = project.summary()["outputs"]["env"]
    assert "PATH" in names
    assert [name for name in names if name in leaks or workspace.ACCOUNT_VARIABLE.match(name)] == []


def test_only_credentials_are_taken_from_the_program() -> None:
    kept = ("PATH", "HOME", "PIPE_LAZY_SDK", "KUBEBUILDER_ASSETS", "XDG_CACHE_HOME", "ADDRESS", "CFLAGS")
    names = [name for name in (*kept, *os.environ) if name in kept]
    assert [name for name in names if workspace.ACCOUNT_VARIABLE.match(name)] == []
