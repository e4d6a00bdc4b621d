"""A page to explore a map of fates: one HTML file that needs no other and no network."""

import base64
import zlib
from importlib import resources

import jinja2
import numpy as np
from numpy.typing import NDArray

from xorlab.diagnosis.fates import phrase
from xorlab.figures.fate_map import fate_colour, image_png
from xorlab.report.fates import FateMap
from xorlab.spec import text
from xorlab.tracking.records import LOG_EVERY

MOST_POINTS = 40
"""Losses of each run that the page holds, at most."""
LOWEST, DECADES = 1e-4, 6.0
"""The losses of the curves, which have 255 levels on a log scale."""


def render(found: FateMap) -> str:
    """Make the page of a map."""
    H, W = found.codes.shape
    first = found.sweep.product.first
    causes = sorted(set(found.causes.ravel()))
    curves, kept = _curves(found)
    arrays = (
        found.losses.astype("<f4"),
        np.where(np.isnan(found.epochs), -1, np.nan_to_num(found.epochs)).astype("<i4"),
        found.codes,
        np.searchsorted(causes, found.causes.ravel()).astype(np.uint8),
        curves,
    )
    keys = (f"{found.x.key}=", f"{found.y.key}=")
    words = [word for word in text.overrides(first) if not word.startswith(keys)]
    about = {
        "width": W,
        "height": H,
        "points": curves.shape[1],
        "kept": kept,
        "x": {"key": found.x.key, "texts": [found.x.text(place) for place in range(W)]},
        "y": {"key": found.y.key, "texts": [found.y.text(place) for place in range(H)]},
        "fates": [phrase(name) for name in found.names],
        "causes": [cause.replace("_", " ") for cause in causes],
        "command": text.command(words),
        "sweep": found.sweep.run_id,
    }
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("xorlab.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    png = image_png(found.codes, found.names, found.epochs, length=first.epochs)
    return templates.get_template("explorer.html.j2").render(
        title=found.title,
        width=W,
        height=H,
        length=first.epochs,
        x=found.x.key,
        y=found.y.key,
        picture=f"data:image/png;base64,{base64.b64encode(png).decode()}",
        fates=[(phrase(name), fate_colour(name), count) for name, count in found.counts.items()],
        sweep=found.sweep.run_id,
        panzoom=(resources.files("xorlab.report") / "templates" / "panzoom-4.6.2.min.js").read_text(),
        about=about,
        data=base64.b64encode(zlib.compress(b"".join(array.tobytes() for array in arrays), 9)).decode(),
    )


def _curves(found: FateMap) -> tuple[NDArray[np.uint8], str]:
    """Return the losses at shared epochs in 255 levels, (R, K), 255 where there is none, and what they are in words."""
    every, length = found.sweep.tags[LOG_EVERY], found.sweep.product.first.epochs
    K = 0 if every == "log" else -(-length // int(every))
    if not 0 < K <= MOST_POINTS:
        return np.zeros((found.codes.size, 0), dtype=np.uint8), ""
    read = found.sweep.read(["epochs_run", "losses"])
    lists = read["losses"].combine_chunks()
    losses, ends = lists.flatten().to_numpy(), np.cumsum(lists.value_lengths().fill_null(0).to_numpy())
    starts = np.concatenate([[0], ends[:-1]])
    counts = -(-read["epochs_run"].fill_null(0).to_numpy().astype(np.int64) // int(every))
    there = np.arange(K) < counts[:, None]
    picked = np.where(there, losses[np.minimum(starts[:, None] + np.arange(K), losses.size - 1)], np.nan)
    with np.errstate(all="ignore"):
        levels = np.rint(254 * (np.log10(picked / LOWEST) / DECADES).clip(0.0, 1.0))
    said = (
        f"Losses at every {every} epochs up to {length:,}, from {LOWEST:g} to {LOWEST * 10**DECADES:g} on a log scale."
    )
    return np.nan_to_num(levels, nan=255.0).astype(np.uint8), said
