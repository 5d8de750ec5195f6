"""``python -m syncd``: the same as the installed command."""

from __future__ import annotations

import sys

from syncd.cli import main

if __name__ == "__main__":
    sys.exit(main())
