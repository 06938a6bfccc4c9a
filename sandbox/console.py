"""A shell in which the usual clients see a stack's targets."""

import os
import shlex
import shutil
import subprocess

from sandbox import plugins, workspace
from sandbox.fault import Fault
from sandbox.progress import Progress
from sandbox.targets import process
from sandbox.workspace import Stack


def run(stack: Stack, progress: Progress) -> int:
    """Open the caller's shell with KUBECONFIG, AWS_ENDPOINT_URL and so on; the shell's exit code."""
    targets = process.running(stack.folder)
    if targets is None:
        raise Fault(f"{stack.name} has no targets that run: make sandbox STACK={stack.name} starts them.")
    region = workspace.read(stack.project / f"Pulumi.{stack.name}.yaml")["config"]
    settings = {key.value: value.value for key, value in region.value}
    own_variables = {"AWS_DEFAULT_REGION": settings.get("aws:region", ""), "PS1": f"{stack.name} $ "}
    tries = "aws ec2 describe-vpcs; "
    tries += 'curl -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" $CLOUDFLARE_BASE_URL/zones'
    path = os.environ.get("PATH", "")
    if targets.kubeconfig:
        from sandbox.targets import control_plane

        kubectl = (control_plane.find() or {}).get("kubectl")
        path = f"{kubectl.parent}{os.pathsep}{path}" if kubectl else path
        tries = f"kubectl get pods -A; {tries}"
    own = stack.folder / "bin" / "aws"
    path = os.pathsep.join(each for each in path.split(os.pathsep) if each != str(own.parent))
    if aws := shutil.which("aws", path=path):
        own.parent.mkdir(exist_ok=True)
        # One older than 2.13 (Debian 12 has 2.9) does not know AWS_ENDPOINT_URL, and would ask AWS itself.
        own.write_text(f'#!/bin/sh\nexec {shlex.quote(aws)} --endpoint-url "$AWS_ENDPOINT_URL" "$@"\n')
        own.chmod(0o700)
        path = f"{own.parent}{os.pathsep}{path}"
    progress.say(f"The targets of {stack.name}; exit ends this. Try: {tries}")
    shell = os.environ.get("SHELL") or shutil.which("bash") or "/bin/sh"
    kept = {name: text for name, text in os.environ.items() if not workspace.OF_CALLERS.match(name)}
    env = kept | plugins.clients(targets) | own_variables | {"PATH": path}
    return subprocess.run([shell], env=env, cwd=stack.root).returncode
