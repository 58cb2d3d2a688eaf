#!/usr/bin/env python3
"""Start the local AWS emulator: `python launch.py --port 0 --data DIR --images FILE`.

See README.md beside this file.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python should say why it cannot run this
    sys.exit(f"the emulator needs Python 3.11 or newer, this is {sys.version.split()[0]}: run it with a newer python3")

from landfall_emulator.main import main  # the check above must come first: the package uses 3.11 syntax

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
