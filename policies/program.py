"""The entry point for a pack in another repository, which installs this package (docs/policies/README.md)."""

from pathlib import Path

WAIVERS = "waivers.yaml"
"""Name of the file with the exceptions, in the folder of the pack."""


def run(waivers: str | Path = WAIVERS, name: str = "pipe") -> None:
    """Serve all rules to the Pulumi engine, which starts the pack in its own folder.

    `waivers` is the file with the exceptions; if it does not exist, there are none. `name` is the name of
    the pack in the engine's messages.
    """
    # Imported here, so that an import of this module alone stays cheap.
    from pulumi_policy import PolicyPack

    from policies.engine import analyzer
    from policies.engine import waivers as exceptions
    from policies.engine.pack import policies

    exceptions.own_file = Path(waivers).resolve()
    analyzer.install()
    PolicyPack(name, policies())
