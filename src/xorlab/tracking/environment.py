"""Where numbers are computed: what, besides its specification, may move the last bits of a run."""

import platform
import re
from pathlib import Path

import numpy as np

from xorlab.spec import NUMERICS


def today() -> dict[str, str]:
    """Tell this process's numerics, numpy, python and machine, as every run's tags have them."""
    return {
        "numerics": str(NUMERICS),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": machine(),
    }


def machine() -> str:
    """Name the system, the processor, and the widest instructions that NumPy finds on it."""
    config = np.show_config(mode="dicts") or {}
    simd = config.get("SIMD Extensions", {})
    widest = [*simd.get("baseline", []), *simd.get("found", [])][-1:]
    return ", ".join([f"{platform.system()} {platform.machine()}", _processor(), *widest])


def _processor() -> str:
    """Name the processor's model; where the system does not tell, its architecture."""
    listed = Path("/proc/cpuinfo")
    text = listed.read_text() if listed.exists() else ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()
