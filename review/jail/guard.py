"""Process of the policy pack in the tree under review: python -m review.jail.guard LISTENER TREE MODE.

The pack runs alone in its isolation, and this process serves it on the inherited file descriptor LISTENER.
The review asks it the questions that the engine asked the base's pack.
"""

import socket
import subprocess
import sys
import threading
from pathlib import Path

from review.jail.program import ISOLATED, protect
from sandbox.engine import program

ANALYZER = "analyzer"
"""Name of the pack's socket."""


def main(listener: socket.socket, tree: Path) -> None:
    """Serve the tree's policy pack until this process is killed, or until the pack ends.

    The supervisor has the listener, too, so it is shut down: otherwise, the review would wait for an answer.
    """
    command = [sys.executable, "-u", "-m", "sandbox.engine.policy_pack", str(tree / "policies"), ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pack:
        assert pack.stdout
        if (port := pack.stdout.readline().strip()).isdecimal():
            relay = (listener, lambda: program.connect_tcp(f"127.0.0.1:{port}"))
            threading.Thread(target=program.forward, args=relay, daemon=True).start()
            pack.wait()
        pack.kill()
    listener.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    descriptor, tree_argument, mode = sys.argv[1:]
    protect(isolated=mode == ISOLATED)
    main(socket.socket(fileno=int(descriptor)), Path(tree_argument))
