"""Train a recorded run again and compare its losses with the record, bit for bit."""

import sys

from xorlab.cli.verify import main

if __name__ == "__main__":
    sys.exit(main())
