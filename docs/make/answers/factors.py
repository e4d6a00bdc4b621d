"""Factors: which of the settings explains most of what happens."""

import pandas as pd

from answers.answer import Answer, chosen, grid, named, plain, probability
from answers.studies import Studies
from markdown_table import table
from xorlab import statistics
from xorlab.figures import rates_along

STUDIES = ("factorial",)
BY = ["arch.hidden", "arch.activation", "init.std", "optimizer.name", "lr"]


def answer(studies: Studies) -> Answer:
    """Explain convergence, and ln 2, by all factors at once."""
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
        "explained_ln2": f"{100 * models['stuck_ln2'].explained:.0f}",
        "first": named(converged["factor"].iloc[0]),
        "first_share": _share(converged, 0),
        "second": named(converged["factor"].iloc[1]),
        "second_share": _share(converged, 1),
        "last": named(converged["factor"].iloc[-1]),
        "last_share": _share(converged, -1),
        "ln2_first": named(stuck["factor"].iloc[0]),
        "ln2_share": _share(stuck, 0),
        "ln2_second": named(stuck["factor"].iloc[1]),
        "ln2_second_share": _share(stuck, 1),
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
        "width explains most of convergence": converged["factor"].iloc[0] == "arch.hidden",
        "the scale of the start explains least": converged["factor"].iloc[-1] == "init.std",
        "the activation explains most of ln 2": stuck["factor"].iloc[0] == "arch.activation",
    }
    title = "Four units: does one learning rate suit both optimizers?"
    draw = lambda: rates_along(rates, "lr", hue="network", title=title)  # noqa: E731
    return Answer(fields, claims, {"factors": draw})


def _share(terms: pd.DataFrame, place: int) -> str:
    return f"{100 * terms['share'].iloc[place]:.1f} %"


def _explained(terms: pd.DataFrame, factor: str) -> list[str]:
    term = terms[terms["factor"] == factor].iloc[0]
    return [f"{100 * term['share']:.1f} %", probability(term["p"])]


def _odds(coefficient: "pd.Series[float]") -> str:
    import math

    low, high = (math.exp(coefficient[name]) for name in ("low", "high"))
    return f"{coefficient['odds_ratio']:.2f} ({low:.2f} to {high:.2f})"
