"""Draw the map of fates: what became of every run of a grid over two keys."""

import sys

from xorlab.cli.fates import main

if __name__ == "__main__":
    sys.exit(main())
