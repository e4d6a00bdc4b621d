"""Report recorded runs: when XOR gets stuck, when it converges, and why, as one HTML file with tables and pictures."""

import sys

from xorlab.cli.report import main

if __name__ == "__main__":
    sys.exit(main())
