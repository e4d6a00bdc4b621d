"""Draw how runs learn: the plane at chosen epochs with each unit's line, the loss around the end, a film of two."""

import sys

from xorlab.cli.mechanism import main

if __name__ == "__main__":
    sys.exit(main())
