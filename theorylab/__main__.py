"""``python -m theorylab``: see :mod:`theorylab.suite.cli`."""

import sys

from theorylab.suite.cli import main

if __name__ == "__main__":
    sys.exit(main())
