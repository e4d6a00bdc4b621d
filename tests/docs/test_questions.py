"""The commands of docs/questions.md and of the README's first screen print what the pages say."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

import commands

ROOT = Path(__file__).resolve().parents[2]
SLOW = ["python scripts/analyze.py"]
"""The tests of scripts/analyze.py run it."""


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def pairs(page):
    """The commands of a page in order, each with what it prints."""
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            if command not in SLOW:
                yield command, printed


def pattern(printed):
    """A pattern for what is printed; an ellipsis stands for anything, also for whole lines."""
    return ".*".join(map(re.escape, re.split(r"\n?…\n?", printed)))


@pytest.mark.parametrize("page", ["docs/questions.md", "README.md"])
def test_a_documented_command_prints_what_the_page_says(page, ready_store, tmp_path):
    shutil.copy(ready_store, tmp_path / "mlflow.db")
    for command, printed in pairs(page):
        interpreter, script, *words = shlex.split(command)
        done = commands.call(script, *words, folder=tmp_path, uri=f"sqlite:///{tmp_path}/mlflow.db")
        assert (interpreter, done.returncode) == ("python", 0), done.stderr
        lines = "\n".join(line.rstrip() for line in done.stdout.splitlines())
        assert re.match(pattern(printed), lines, re.DOTALL), f"{command}\n{lines}"


def test_ones_own_loop_prints_the_same_losses(capsys):
    (loop,) = blocks("docs/questions.md", "python")
    exec(loop, {})
    losses = capsys.readouterr().out
    assert len(losses.splitlines()) == 6
    assert losses in dict(pairs("docs/questions.md"))["python train.py epochs=6 print_every=1"]


def test_a_changed_number_is_seen():
    (_, printed), *_ = pairs("docs/questions.md")
    shown = printed.replace("…", "more lines\n")
    assert re.match(pattern(printed), shown, re.DOTALL)
    assert not re.match(pattern(printed), shown.replace("62/100", "63/100"), re.DOTALL)


def test_every_question_has_a_thread_and_a_command():
    questions = re.split(r"^## ", (ROOT / "docs" / "questions.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(questions) == 10
    for text in questions:
        assert re.search(r"^\*\[.+\]\(https://.+\)\*$", text, re.MULTILINE)
        assert "```console\n$ python " in text


def test_the_pictures_are_there():
    for picture in re.findall(r"!\[[^]]+\]\((.+?)\)", (ROOT / "docs" / "questions.md").read_text()):
        assert (ROOT / "docs" / picture).is_file()
