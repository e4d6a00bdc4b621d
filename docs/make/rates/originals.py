"""Train the same configurations in the programs that they come from, for a few hundred seeds."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from markdown_table import table as markdown_table
from rates.counting import SOLVED, ends
from rates.rows import Row
from xorlab.statistics import wilson

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])


def scikit_learn(width: int, iterations: int, lr: float, seed: int) -> bool:
    """Fit an MLPClassifier without what xorlab does not have, the penalty and the early end."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        [width],
        max_iter=iterations,
        learning_rate_init=lr,
        random_state=seed,
        alpha=0.0,
        tol=0.0,
        n_iter_no_change=iterations,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, Y)
    return solved(model.predict_proba(X)[:, 1])


def pytorch(width: int, epochs: int, lr: float, seed: int) -> bool:
    """Train Linear, ReLU, Linear with BCEWithLogitsLoss and Adam, in PyTorch's single precision."""
    import torch

    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.ReLU(), torch.nn.Linear(width, 1))
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=lr), torch.nn.BCEWithLogitsLoss()
    inputs, targets = torch.tensor(X, dtype=torch.float32), torch.tensor(Y[:, None], dtype=torch.float32)
    for _ in range(epochs):
        optimizer.zero_grad()
        loss(model(inputs), targets).backward()
        optimizer.step()
    return solved(torch.sigmoid(model(inputs)).detach().numpy()[:, 0])


def solved(p: np.ndarray) -> bool:
    """Tell whether the mean cross-entropy of probabilities p (4,) is at most 0.1."""
    right = np.clip(np.where(Y == 1.0, p, 1.0 - p), 1e-12, None)
    return bool(-np.log(right).mean() <= 0.1)


STARTS = {
    "scikit-learn": {"init": "xavier_uniform", "init.biases": "drawn"},
    "PyTorch": {"init": "torch_default"},
}
COMPARED: tuple[tuple[str, int, int, float, int, Callable[..., bool]], ...] = (
    ("scikit-learn", 2, 1000, 0.01, 150, scikit_learn),
    ("scikit-learn", 4, 1000, 0.01, 100, scikit_learn),
    ("PyTorch", 2, 1000, 0.01, 150, pytorch),
    ("PyTorch", 4, 1000, 0.01, 150, pytorch),
)
"""Program, width, epochs, lr, seeds, and the function that trains one seed."""
TWINS = range(2000)


def table(chosen: Sequence[str]) -> str:
    """Return a table of the chosen programs' rates of failure and xorlab's."""
    found = []
    for program, width, epochs, lr, seeds, fit in COMPARED:
        if program in chosen:
            theirs = sum(not fit(width, epochs, lr, seed) for seed in range(seeds))
            ours = sum(outcome != SOLVED for outcome, _ in ends(twin(program, width, epochs, lr), TWINS))
            what = f"{program}: ReLU, Adam {lr}, width {width}, {epochs:,} epochs"
            found.append([what, _rate(theirs, seeds), _rate(ours, len(TWINS))])
    return markdown_table(["configuration", "the program fails, %", "xorlab fails, %"], found)


def twin(program: str, width: int, epochs: int, lr: float) -> Row:
    """Return the same configuration as a row of xorlab's."""
    settings = {"arch": f"2-{width}-1", "activation": "relu", "optimizer": "adam", "lr": lr, "epochs": epochs}
    return Row(program, "twin", STARTS[program] | settings)


def _rate(failed: int, runs: int) -> str:
    low, high = wilson(failed, runs)
    return f"{100.0 * failed / runs:.1f} ({100.0 * low:.1f}–{100.0 * high:.1f}), {runs:,} seeds"
