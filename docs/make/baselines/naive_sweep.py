"""A sweep as Hydra's and MLflow's tutorials would have it: -m lr=0.01,0.1,1 'seed=range(0,10)'."""

import hydra
import mlflow
import numpy as np
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=".", config_name="naive_sweep")
def main(config: DictConfig) -> None:
    """Train one network and log its loss at every epoch."""
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0], [1], [1], [0]])
    rng = np.random.RandomState(config.seed)
    W1, b1 = rng.standard_normal((2, config.hidden)), np.zeros((1, config.hidden))
    W2, b2 = rng.standard_normal((config.hidden, 1)), np.zeros((1, 1))

    mlflow.set_experiment("naive")
    with mlflow.start_run():
        mlflow.log_params(dict(config))
        for epoch in range(config.epochs):
            z1 = X @ W1 + b1
            a1 = np.maximum(0, z1)
            p = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
            loss = -np.mean(y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12))
            mlflow.log_metric("loss", loss, step=epoch)

            dz2 = (p - y) / len(y)
            dz1 = (dz2 @ W2.T) * (z1 > 0)
            W2 -= config.lr * a1.T @ dz2
            b2 -= config.lr * dz2.sum(axis=0, keepdims=True)
            W1 -= config.lr * X.T @ dz1
            b1 -= config.lr * dz1.sum(axis=0, keepdims=True)


if __name__ == "__main__":
    main()
