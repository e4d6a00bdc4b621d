"""Serve MLflow's UI on this machine only, and print the address that shows the runs."""

import sys

from xorlab.cli.ui import main

if __name__ == "__main__":
    sys.exit(main())
