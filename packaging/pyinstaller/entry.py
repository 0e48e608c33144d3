"""Starts the sidecar of a packaged app."""

import sys

from sidespool.__main__ import main

sys.exit(main())
