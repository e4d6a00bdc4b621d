"""The examples of docs/python.md print what the page says, one after the other."""

import ast
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import matplotlib.pyplot as plt

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


def printed(code, names):
    """Run code as a console does, among these names; return what it prints, the value of its last line included."""
    *lines, last = ast.parse(code).body
    told = io.StringIO()
    with redirect_stdout(told):
        exec(compile(ast.Module(lines, []), "python.md", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "python.md", "eval"), names)
            print(*[] if value is None else [value])
        else:
            exec(compile(ast.Module([last], []), "python.md", "exec"), names)
    return "".join(f"{line.rstrip()}\n" for line in told.getvalue().rstrip().splitlines())


def test_the_page_prints_what_it_says(store_uri, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(examples) == 9
    names = {}
    for code, said in examples:
        told = printed(code, names)
        if said:
            pattern = ".*".join(map(re.escape, re.split(r"\n?…\n?", said)))
            assert re.fullmatch(pattern, told, re.DOTALL), f"{code}\n{told}"
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    plt.close("all")
