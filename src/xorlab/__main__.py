"""``python -m xorlab``: the command ``xorlab``."""

import sys

from xorlab.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
