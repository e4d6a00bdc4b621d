"""scikit-learn: one MLPClassifier for each run."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from baselines import Array, Problem, Training


def prepare(problem: Problem) -> Training:
    """Return a function that fits the runs one after the other."""

    def train() -> Array:
        return np.array([_losses(problem, run) for run in range(len(problem.lr))])

    return train


def _losses(problem: Problem, run: int) -> list[float]:
    model = _model(problem, run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # The first fit makes the arrays; the second, a warm start, trains from the weights put into them.
        model.set_params(max_iter=1).fit(problem.X, problem.y)
        model.coefs_ = [W[run].copy() for W, _ in problem.layers]
        model.intercepts_ = [b[run].copy() for _, b in problem.layers]
        model.loss_curve_.clear()
        model.set_params(max_iter=problem.epochs).fit(problem.X, problem.y)
    return model.loss_curve_


def _model(problem: Problem, run: int) -> MLPClassifier:
    """Return a classifier that does plain gradient descent and never stops early."""
    return MLPClassifier(
        [b.shape[1] for _, b in problem.layers[:-1]],
        solver="sgd",
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
        learning_rate_init=problem.lr[run],
        batch_size=len(problem.y),
        shuffle=False,
        tol=0.0,
        n_iter_no_change=problem.epochs + 1,
        warm_start=True,
    )
