"""Made-up runs that end at given parameters."""

import numpy as np

from xorlab.diagnosis.verdict import diagnose
from xorlab.errors import SpecError
from xorlab.numerics.network import evaluate
from xorlab.numerics.trained import Trained
from xorlab.spec import ArchSpec, DataSpec, RunSpec
from xorlab.spec.components import datasets
from xorlab.spec.components.losses import LOSSES
from xorlab.spec.components.outputs import OUTPUTS, TARGETS


def _goes(loss, output, targets):
    try:
        RunSpec(loss=loss, arch=ArchSpec(output=output), data=DataSpec(targets=targets))
    except SpecError:
        return False
    return True


WAYS = [(loss, output, low) for loss in LOSSES for output in OUTPUTS for low in TARGETS if _goes(loss, output, low)]
"""Every loss, output and targets that go together."""


def network(W1, b1, W2, b2, losses=(0.6931471805599453,), **parts):
    """One run of one hidden layer that ended at these parameters, with these losses; W2 has one row."""
    spec = RunSpec(arch=ArchSpec(hidden=(len(b1),), **parts.pop("arch", {})), epochs=len(losses), **parts)
    final = {"W1": W1, "b1": b1, "W2": np.reshape(W2, (-1, 1)), "b2": [b2]}
    final = {name: np.array(array, dtype=float)[None] for name, array in final.items()}
    X, y = datasets.load(spec.data)
    logits = evaluate(spec.arch, final, X)
    p = 1.0 / (1.0 + np.exp(-logits))
    each = (p - y) ** 2 if spec.loss == "mse" else np.logaddexp(0.0, (1.0 - 2.0 * y) * logits)
    return Trained(
        specs=(spec,),
        losses=np.array([losses], dtype=float),
        epochs=np.array([len(losses)]),
        stopped=("epochs",),
        initial=final,
        final=final,
        final_loss=each.mean(axis=1),
        logits=logits,
    )


def seen(trained):
    """The evidence of the verdict on a single run."""
    (verdict,) = diagnose(trained)
    return verdict.evidence
