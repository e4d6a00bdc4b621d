"""List sweeps: what each asks for, what of it is done, and whether it is running, dead or complete."""

import sys

from xorlab.cli.sweeps import main

if __name__ == "__main__":
    sys.exit(main())
