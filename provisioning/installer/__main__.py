"""Starts the command `provision`, which is `python3 -m provisioning.installer`, too."""

import signal
import sys


def main() -> int:
    """Run the command, and return its exit code."""
    # While it is loading, Ctrl-C ends it without Python's traceback from among the imports.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # guard: early-interruption-of-provision
    from provisioning.installer.cli import command_line  # noqa: PLC0415

    return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
