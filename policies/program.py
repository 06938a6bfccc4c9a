"""The entry point for a pack in another repository, which installs this package (docs/policies/README.md)."""

import os
from pathlib import Path

WAIVERS = "waivers.yaml"
"""Name of the file with the exceptions, in the folder of the pack."""


def run(waivers: str | Path = WAIVERS, name: str = "pipe") -> None:
    """Serve all rules to the Pulumi engine, which starts the pack in its own folder.

    `waivers` is the file with the exceptions; if it does not exist, there are none. The variable
    PIPE_POLICY_WAIVERS overrides it. `name` is the name of the pack in the engine's messages.
    """
    # Imported here, so that an import of this module alone stays cheap.
    from pulumi_policy import PolicyPack

    from policies.engine import analyzer
    from policies.engine.pack import policies

    if Path(waivers).exists():
        os.environ.setdefault("PIPE_POLICY_WAIVERS", str(Path(waivers).resolve()))
    analyzer.install()
    PolicyPack(name, policies())
