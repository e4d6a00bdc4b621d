"""Factors: which setting explains most of the outcomes."""

import pandas as pd

from answers.answer import Answer, chosen, grid, named, plain, probability
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.figures import rates_along

STUDIES = ("factorial",)
BY = ["arch.hidden", "arch.activation", "init.std", "optimizer.name", "lr"]


def answer(studies: Studies) -> Answer:
    """Fit logistic models of convergence and of ln 2 with all factors."""
    runs = studies.load("factorial")
    models = {outcome: statistics.model(runs, BY, outcome=outcome) for outcome in ("converged", "stuck_ln2")}
    converged, stuck = (models[outcome].terms for outcome in models)
    usual = chosen(runs, init__std=1.0)
    four = chosen(usual, arch__hidden="[4]")
    kinds = four["arch.activation"] + ", " + four["optimizer.name"]
    rates = statistics.rates(four.assign(network=kinds), ["network", "lr"])
    fields = {
        "runs": f"{len(runs):,}",
        "seeds": str(runs["seed"].nunique()),
        "cells": str(runs.groupby(BY).ngroups),
        "explained": f"{100 * models['converged'].explained:.0f}",
        "first": named(converged["factor"].iloc[0]),
        "ln2_first": named(stuck["factor"].iloc[0]),
        "terms": table(
            ["factor", "converged: share of the deviance", "p", "ln 2: share of the deviance", "p"],
            [
                [named(term["factor"]), *_explained(converged, term["factor"]), *_explained(stuck, term["factor"])]
                for _, term in converged.iterrows()
            ],
        ),
        "coefficients": table(
            ["factor", "value", "against", "odds of converging (95 %)"],
            [
                [named(c["factor"]), plain(c["value"]), plain(c["reference"]), _odds(c)]
                for _, c in models["converged"].coefficients.iterrows()
            ],
        ),
        "table": grid(usual, ["arch.activation", "arch.hidden", "optimizer.name"], "lr"),
    }
    claims = {
        "the factors explain less than half of the deviance": models["converged"].explained < 0.5,
        "width explains most of convergence": converged["factor"].iloc[0] == "arch.hidden",
        "the activation explains most of ln 2": stuck["factor"].iloc[0] == "arch.activation",
    }
    title = "Four units: does one learning rate suit both optimizers?"
    draw = lambda: rates_along(rates, "lr", hue="network", title=title)  # noqa: E731
    return Answer(fields, claims, {"factors": draw})


def _explained(terms: pd.DataFrame, factor: str) -> list[str]:
    term = terms[terms["factor"] == factor].iloc[0]
    return [f"{100 * term['share']:.1f} %", probability(term["p"])]


def _odds(coefficient: "pd.Series[float]") -> str:
    import math

    low, high = (math.exp(coefficient[name]) for name in ("low", "high"))
    return f"{coefficient['odds_ratio']:.2f} ({low:.2f} to {high:.2f})"
