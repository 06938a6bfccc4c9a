"""The entry point of `python -m sandbox`."""

from sandbox.cli import end_process, main

if __name__ == "__main__":
    end_process(main())
