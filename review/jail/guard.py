"""Process of the policy pack in the tree under review: python -m review.jail.guard LISTENER TREE MODE.

The pack runs alone in its isolation, and this process serves it on the inherited file descriptor LISTENER.
The review asks it the questions that the engine asked the base's pack.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

from review.jail.program import ISOLATED, protect
from sandbox.engine import policy_pack, program

ANALYZER = "analyzer"
"""Name of the pack's socket."""


def main(listener: socket.socket, tree: Path) -> None:
    """Serve the tree's policy pack until this process is killed, or until the pack ends.

    The supervisor has the listener, too, so it is shut down: otherwise, the review would wait for an answer.
    """
    command = [sys.executable, "-u", "-m", "sandbox.engine.policy_pack", str(tree / "policies"), ""]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/pack"
        environment = {**os.environ, policy_pack.SOCKET: path}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as pack:
            assert pack.stdout
            if pack.stdout.readline().strip().isdecimal():  # It serves.
                relay = (listener, partial(program.connect, path))
                threading.Thread(target=program.forward, args=relay, daemon=True).start()
                pack.wait()
            pack.kill()
    listener.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    descriptor, tree_argument, mode = sys.argv[1:]
    protect(isolated=mode == ISOLATED)
    main(socket.socket(fileno=int(descriptor)), Path(tree_argument))
