"""Say why a run or the runs of a sweep did not converge, try what would help, and log the answer to each run."""

import sys

from xorlab.cli.why import main

if __name__ == "__main__":
    sys.exit(main())
