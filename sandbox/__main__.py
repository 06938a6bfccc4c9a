"""The entry point of `python -m sandbox`.

`python -m sandbox --serve DESCRIPTOR` serves the commands at a listening socket (sandbox/forking.py).
"""

import socket
import sys

from sandbox import forking
from sandbox.cli import end_process, main, preload

if __name__ == "__main__":
    if sys.argv[1:2] == [forking.SERVE]:
        preload()
        forking.serve(socket.socket(fileno=int(sys.argv[2])), main)
    end_process(main())
