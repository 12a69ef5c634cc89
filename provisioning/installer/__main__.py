"""Knows how the command `provision` begins, and that `python3 -m provisioning.installer` is it."""

import signal
import sys


def main() -> int:
    """Run the command, and return its exit code."""
    # Until it has begun, Ctrl-C ends it at once, as it ends any program: Python would tell where
    # among its imports it was.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # guard: early-interruption-of-provision
    from provisioning.installer.cli import command_line  # noqa: PLC0415

    return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
