import platform
import sys

import numpy as np

from xorlab.spec import NUMERICS
from xorlab.tracking import environment


def test_the_environment_is_this_processs():
    today = environment.today()
    assert today["numpy"] == np.__version__
    assert today["python"] == ".".join(map(str, sys.version_info[:3]))
    assert today["numerics"] == str(NUMERICS)
    assert today["machine"].startswith(f"{platform.system()} {platform.machine()}, ")


def test_the_machine_tells_the_instructions_that_numpy_uses():
    config = np.show_config(mode="dicts")["SIMD Extensions"]
    assert environment.machine().split(", ")[-1] in [*config["baseline"], *config["found"]]
