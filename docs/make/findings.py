"""Read the studies of conf/experiment from MLflow, answer their questions, and write docs/findings.md."""

import argparse
import io
import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from answers.answer import SIGNIFICANCE, Answer
from answers.studies import Studies

QUESTIONS = (
    *("overview", "width", "waiting", "speed", "start", "scale", "activations", "depth"),
    *("points", "order", "optimizers", "factors"),
)
"""The sections of the page in order; each is a module of `answers` and a template beside it."""
FOLDER = Path(__file__).resolve().parent / "answers"
DOCS = Path(__file__).resolve().parents[1]
DPI, COLOURS = 130, 192


def main(arguments: list[str] | None = None) -> int:
    """Answer the questions; return the exit status."""
    from xorlab.errors import XorlabError

    options = _parser().parse_args(arguments)
    try:
        return _findings(options)
    except XorlabError as error:
        print(f"findings.py: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join(QUESTIONS)
    parser.add_argument("--only", choices=QUESTIONS, metavar="NAME", help=f"print one section: {names}")
    more = "first train the studies that the store lacks: all 110,000 runs take minutes, and 6.5 GB in the store"
    parser.add_argument("--train", action="store_true", help=more)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page disagrees")
    parser.add_argument("--uri", help="the tracking store (MLFLOW_TRACKING_URI, else mlflow.db beside train.py)")
    parser.add_argument("--out", type=Path, default=DOCS, help="the folder of findings.md (default: docs)")
    more = "settings added to each study's command, for a smaller study: seed=0..9 epochs=1000"
    parser.add_argument("--override", nargs="+", default=[], metavar="KEY=VALUE", help=more)
    return parser


def _findings(options: argparse.Namespace) -> int:
    studies = Studies(options.uri, options.override)
    names = [options.only] if options.only else list(QUESTIONS)
    if options.train:
        for study in studies_of(names):
            studies.train(study)
    answers = {name: import_module(f"answers.{name}").answer(studies) for name in names}
    sections = {name: section(name, answer) for name, answer in answers.items()}
    text = sections[options.only] if options.only else page(studies, answers, sections)
    failed = _unsupported(answers)
    if options.check:
        return int(_differs(text, options.out / "findings.md") or failed)
    if options.only:
        print(text)
    else:
        _write(text, answers, options.out)
    return int(failed)


def section(name: str, answer: Answer) -> str:
    """Return a question's section of the page; if the numbers do not support a claim, the section ends with it."""
    wrong = [claim for claim, holds in answer.claims.items() if not holds]
    note = f"\n\n**These runs do not support:** {'; '.join(wrong)}." if wrong else ""
    return _render(name, answer.fields) + note


def page(studies: Studies, answers: dict[str, Answer], sections: dict[str, str]) -> str:
    """Return the whole page: all sections, with an introduction and an ending that use fields of all of them."""
    frames = {study: studies.load(study) for study in studies_of(QUESTIONS)}
    one = next(iter(frames.values()))
    fields = {
        **{f"{name}_words": answer.fields for name, answer in answers.items()},
        **sections,
        "level": f"{SIGNIFICANCE:g}",
        "runs": f"{sum(map(len, frames.values())):,}",
        "studies": str(len(frames)),
        "table": [
            {"name": name, "runs": f"{len(runs):,}", "seeds": str(runs["seed"].nunique())}
            for name, runs in frames.items()
        ],
        **{key: one[key].iloc[0] for key in ("numerics_version", "numpy", "machine")},
    }
    return _render("findings", fields)


def studies_of(questions: Iterable[str]) -> list[str]:
    """Return the studies that the questions need, each once."""
    modules = [import_module(f"answers.{name}") for name in questions]
    return list(dict.fromkeys(study for module in modules for study in module.STUDIES))


def _render(name: str, fields: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # The output is Markdown, so nothing is escaped.
    pages = Environment(loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, autoescape=False, trim_blocks=True)
    return pages.get_template(f"{name}.md").render(fields).strip()


def _unsupported(answers: dict[str, Answer]) -> bool:
    """Print the claims that the numbers do not support; return whether there are any."""
    for name, answer in answers.items():
        wrong = [claim for claim, holds in answer.claims.items() if not holds]
        print(f"{name}: {len(answer.claims) - len(wrong)} of {len(answer.claims)} claims hold", file=sys.stderr)
        for claim in wrong:
            print(f"  not supported: {claim}", file=sys.stderr)
    return any(not holds for answer in answers.values() for holds in answer.claims.values())


def _differs(text: str, page: Path) -> bool:
    """Print the first lines of the text that the page lacks; return whether the page lacks any of it."""
    written = page.read_text() if page.exists() else ""
    known = set(written.splitlines())
    missing = [line for line in text.splitlines() if line not in known]
    for line in missing[:5]:
        print(f"not in {page.name}: {line}", file=sys.stderr)
    return bool(missing) or text not in written


def _write(text: str, answers: dict[str, Answer], out: Path) -> None:
    """Write the page and its pictures."""
    from xorlab.figures import png

    pictures = {name: draw for answer in answers.values() for name, draw in answer.pictures.items()}
    folder = out / "findings"
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in pictures.items():
        _picture(png(draw(), dpi=DPI), folder / f"{name}.png")
    (out / "findings.md").write_text(text + "\n")
    print(f"wrote {out / 'findings.md'} and {len(pictures)} pictures in {folder}")


def _picture(content: bytes, path: Path) -> None:
    """Write a picture with a palette of few colours, which takes a third of the bytes."""
    from PIL import Image

    Image.open(io.BytesIO(content)).convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT).save(
        path, optimize=True
    )


if __name__ == "__main__":
    sys.exit(main())
