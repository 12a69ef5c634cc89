"""Knows that `python3 -m provisioning.target` is the command `provision`."""

import sys

from provisioning.target.cli import main

sys.exit(main())
