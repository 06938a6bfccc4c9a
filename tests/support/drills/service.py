"""Database, bucket and data jobs of the service on this machine, as the program declares them."""

import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.drills import program
from tests.support.drills.aws import bucket
from tests.support.drills.aws.rds import ManagedInstance
from tests.support.drills.pod import Pod
from tests.support.drills.postgres import Server

Manifest = dict[str, Any]
ROLES = ("app", "migrate", "backup")


class Service:
    """The data jobs of a stack with a database server and a bucket; the server has roles but no tables."""

    def __init__(
        self, stack: str = "prod", *, file: str | None = None, s3: bucket.Bucket | None = None
    ) -> None:
        """Create the service; `file` is a text that replaces the stack file, `s3` a bucket that is kept."""
        self.stack, self.file, self._shared = stack, file, s3 is not None
        self.bin = Path(tempfile.mkdtemp(prefix="bin-"))
        self.bin.chmod(0o755)
        self.server = Server().start()
        self.secrets = self.passwords()
        settings = yaml.safe_load(file or (program.ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        name: str = settings["pipe:backups"]["bucket"]
        self.bucket = s3 or bucket.Bucket(name, self.bin)
        assert self.bucket.name == name
        if s3:
            s3.command(self.bin)
        region, environment = (settings["pipe:service"][key] for key in ("region", "environment"))
        identifier = f"pipe-{environment}-db"
        self.instance = ManagedInstance(self.bucket.url, region, identifier, self.server)
        self.objects = self.declare()
        self.make_roles()

    @staticmethod
    def passwords() -> dict[str, str]:
        """Return new passwords, by their keys in the stack file."""
        return {f"{role}Password": secrets.token_hex(16) for role in ROLES}

    def declare(self) -> dict[str, Manifest]:
        """Return the objects that the program declares for this database and these passwords."""
        objects = program.manifests(
            self.stack,
            host="localhost",
            port=self.server.port,
            master_secret=self.instance.secret_arn,
            secrets=self.secrets,
            file=self.file,
        )
        # This server's certificate is not signed by Amazon's authorities.
        objects["ConfigMap/rds-ca"]["data"] = {"rds-ca.pem": self.server.authority.pem}
        return objects

    def known_secrets(self) -> list[str]:
        """Return every password that the service has at present."""
        return [*self.secrets.values(), self.instance.password]

    def cron(self, name: str) -> Manifest:
        """Return the pod template of a CronJob."""
        return self.objects[f"CronJob/{name}"]["spec"]["jobTemplate"]["spec"]["template"]

    def roles(self) -> Manifest:
        """Return the pod template of the Job that creates the database roles."""
        [name] = [name for name in self.objects if name.startswith("Job/pipe-database-roles-")]
        return self.objects[name]["spec"]["template"]

    def pod(self, template: Manifest, **variables: str) -> Pod:
        """Return a pod of a template, with other values for some environment variables."""
        changed = {**template, "spec": {**template["spec"]}}
        for kind in ("initContainers", "containers"):
            changed["spec"][kind] = [
                {**container, "env": [_changed(variable, variables) for variable in container["env"]]}
                for container in template["spec"].get(kind, [])
            ]
        return Pod(changed, self.objects, variables=bucket.IDENTITY, bin=self.bin)

    def make_roles(self) -> None:
        """Run the Job that creates the roles, as each deployment does."""
        pod = self.pod(self.roles())
        assert pod.run() == 0, pod.log

    def backup(self) -> Pod:
        """Return a pod of the nightly backup."""
        return self.pod(self.cron("pipe-backup"))

    def restore(self, stamp: str, **variables: str) -> Pod:
        """Return a pod that restores into a new database."""
        return self.pod(self.cron("pipe-restore"), STAMP=stamp, **variables)

    def swap(self, stamp: str) -> Pod:
        """Return the pod that swaps in the new database, as operations/restore.py derives the pod."""
        template = alone(self.cron("pipe-restore"), "restore", init="master")
        [container] = template["spec"]["containers"]
        container["command"] = [
            argument.replace("restore.sh", "swap.sh") for argument in container["command"]
        ]
        return self.pod(template, STAMP=stamp)

    def stop(self) -> None:
        if not self._shared:
            self.bucket.stop()
        self.server.stop()
        shutil.rmtree(self.bin)


def alone(template: Manifest, name: str, *, init: str) -> Manifest:
    """Return a pod template with only one of its containers, after one init container."""
    spec = template["spec"]
    [container] = [candidate for candidate in spec["containers"] if candidate["name"] == name]
    [first] = [candidate for candidate in spec["initContainers"] if candidate["name"] == init]
    return {**template, "spec": {**spec, "initContainers": [{**first}], "containers": [{**container}]}}


def _changed(variable: Manifest, values: Mapping[str, str]) -> Manifest:
    return {**variable, "value": values[variable["name"]]} if variable["name"] in values else variable
