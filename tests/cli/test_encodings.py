"""Terminals that know few characters, and narrow ones."""

import ast
import codecs
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpnet.cli import gradcheck
from bpnet.cli.completion import SHELLS
from bpnet.cli.group import COMMANDS
from bpnet.cli.narrow import fitted_text, terminal_width
from bpnet.cli.output import GuardedStream
from bpnet.cli.plain_signs import ALL, plain
from bpnet.config.presets import example_paths
from tests.conftest import TINY, Run
from tests.helpers.places import PROJECT, needs_utf8
from tests.helpers.streams import ENCODINGS, call_in
from tests.helpers.tiny import TABLE, command, config_file, process_environment

pytestmark = pytest.mark.usefixtures("_short_timing")
ESCAPE = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}")
ASSETS = PROJECT / "bpnet" / "assets"
WIDTHS = (40, 80, 120)
FORMULA = "δˡ = (Wˡ⁺¹)ᵀ δˡ⁺¹ ⊙ σ'(zˡ), 2 · ∂C/∂a ± 10⁻⁶ → √v̂ …"
HELP = [(*name.split("."), "--help") for name in ("data.fetch", "data.import", *COMMANDS)]
HELP += [("runs", name, "--help") for name in ("compare", "export", "note")]


@pytest.fixture
def _short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradcheck, "SECONDS", 0.01)


def commands(run: Run) -> list[tuple[object, ...]]:
    """Return commands that show all that is ever shown, but for the helps and long traces."""
    place = run.path
    return [
        ("--help",),
        ("--version",),
        ("eval", place),
        ("eval", place, "--json"),
        ("summary", "lenet5"),
        ("predict", ASSETS / "seven.jpg", ASSETS / "nine.jpg"),
        ("predict", "--segment", ASSETS / "year.jpg"),
        ("predict", "--checkpoint", place, ASSETS / "seven.jpg"),
        ("curves", place),
        ("gradcheck", "chain"),
        ("gradcheck", "sigmoid", "--sabotage", "4.sigmoid"),
        ("trace", "chain", "--latex"),
        ("trace", "sigmoid", "--json"),
        ("bench", "--show-choices"),
        ("data", "info", "--data-dir", "."),
        ("presets",),
        ("config", "lenet5"),
        ("config", "--explain"),
        ("config", "--explain", "conv"),
        *(("completion", shell) for shell in SHELLS),
        ("runs", place.parent),
        ("runs", place.parent, "--json"),
        ("runs", "compare", place, place),
        ("runs", "export", place.parent),
        ("runs", "note", place),
        ("runs", "gone"),
        ("export", place, "-o", "new.safetensors"),
        ("import", "new.safetensors", "-o", "new.npz"),
        ("import", "gone.json"),
        ("export", "gone", "-o", "gone.onnx"),
        ("config", "--explain", "gone"),
        ("gone",),
        ("train", "--config", TINY, "--epochs", "1", "--dry-run"),
        ("train", "--config", TINY, "--epochs", "1", "--run-dir", "new"),
        ("verify-run", place),
        ("predict", "gone.png"),
        ("train", "--config", "nothing"),
        ("train", "--set", "train.seed=∂", "--config", TINY),
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_speaks_every_encoding(here: Path, encoding: str, tiny_run: Run) -> None:
    for words in [*commands(tiny_run), *HELP]:
        answer = call_in(encoding, *words)
        assert answer.code in (0, 1, 2, 3, 4), (words, answer.err)
        assert "unexpected" not in answer.err, words
        if "--json" in words:
            json.loads(answer.out)
        elif "--config" not in words:
            assert not ESCAPE.search(answer.out + answer.err), words
    assert (here / "new" / "best.npz").exists()


@pytest.mark.parametrize("encoding", ["utf-8", *ENCODINGS])
def test_traces_fit_every_terminal(encoding: str) -> None:
    for width in WIDTHS if encoding in ("utf-8", "ascii") else (40,):
        for example in example_paths():
            answer = call_in(encoding, "trace", example, columns=width)
            assert answer.code == 0
            assert not ESCAPE.search(answer.out)
            assert widest(answer.out) <= width, (example, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_and_charts_fit_every_terminal(tiny_run: Run, width: int) -> None:
    run = tiny_run.path
    for name, place in {
        "eval": run,
        "summary": "lenet5",
        "curves": run,
        "gradcheck": "chain",
    }.items():
        lines = call_in("cp437", name, place, columns=width).out.split("\n")
        too_long = [line for line in lines if len(line) > width and str(run) not in line]
        assert not too_long, name
    places = call_in("cp437", "bench", "--show-choices", columns=width).out
    assert widest(places) <= width


@pytest.mark.parametrize("columns", [30, 40, 60])
def test_help_fits_narrow_terminals(columns: int) -> None:
    for words in [("--help",), *HELP]:
        answer = call_in("utf-8", *words, columns=columns)
        assert answer.code == 0
        assert widest(answer.out) <= max(columns, 40), words


def test_prose_is_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert fitted_text("  a few words more than fit") == ["  a few words more", "    than fit"]
    monkeypatch.delenv("COLUMNS")
    assert terminal_width() is None  # a file, or a pipe, takes lines of any length
    assert fitted_text("  a few words more than fit") == ["  a few words more than fit"]


def test_what_most_classes_are_taken_for_is_listed_where_the_matrix_is_too_wide(
    digit_run: Run,
) -> None:
    wide = call_in("ascii", "eval", digit_run.path, columns=80).out.splitlines()
    narrow = call_in("ascii", "eval", digit_run.path, columns=20).out.splitlines()
    row = wide[wide.index("confusion: rows are true, columns predicted") + 2].split()
    assert any(line.startswith(f"0: 0 x {row[1]}") for line in narrow)


# Signs


def test_signs_are_written_in_ascii() -> None:
    assert plain(FORMULA, "utf-8") == FORMULA
    assert plain(FORMULA, "ascii") == (
        "delta^l = (W^(l+1))^T delta^(l+1) .* sigma'(z^l), 2 * dC/da +- 10^-6 -> sqrt v^ ..."
    )
    assert plain("½ ‖a − y‖², c δ", "cp1252") == "½ ||a - y||², c delta"
    assert plain("│o··x 2·1 ─┤", "ascii") == "|o..x 2*1 -+"
    assert plain("√(v + ε), cδ, σz", "ascii") == "sqrt(v + epsilon), c delta, sigma z"
    assert plain("μηδέν ∂", "ascii") == "μηδέν d"  # a name in Greek stays, to be written out


def test_wide_signs_are_replaced_as_well() -> None:
    """cp932 knows −, but as another sign of two columns, which nobody can paste as a number."""
    assert "−".encode("cp932").decode("cp932") != "−"
    assert plain("−120 × α 七", "cp932") == "-120 x alpha 七"


def test_every_replacement_is_plain() -> None:
    for encoding in ENCODINGS:
        for sign in ALL:
            text = plain(f" {sign} ", encoding)
            assert text.isascii() or len(text.encode(encoding)) == 3, (sign, encoding)


def test_no_sign_of_the_program_is_left_without_a_replacement() -> None:
    signs = {sign for text in shown_texts() for sign in text if not sign.isascii()}
    letters = {sign for sign in signs if unicodedata.category(sign) in ("Ll", "Lu")}
    assert signs - letters <= ALL
    assert letters - ALL <= {*"éèü"}  # of people's names
    assert "∂" in signs


def shown_texts() -> Iterator[str]:
    """Yield the strings of the package that may be shown, and the comments of its configs."""
    for path in (PROJECT / "bpnet").rglob("*.py"):
        if {*path.parts} & {"drawing", "page", "canvas", "latex"} or path.name == "plain_signs.py":
            continue  # these draw pictures and pages
        tree = ast.parse(path.read_text(encoding="utf-8"))
        plain_nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        documents = {id(expr.value) for expr in ast.walk(tree) if isinstance(expr, ast.Expr)}
        for node in plain_nodes:
            is_help = "cli" in path.parts
            if isinstance(node.value, str) and (is_help or id(node) not in documents):
                yield node.value.encode("utf-8", "ignore").decode()
    for path in (PROJECT / "configs").rglob("*.ini"):
        yield path.read_text(encoding="utf-8").split("\n")[0]


def test_names_that_cannot_be_shown_are_written_out(here: Path) -> None:
    config = config_file(here, TABLE)
    answer = call_in("cp1252", "train", "--config", config, "--set", "train.lo\u4e00ss=mse")
    assert r"[train] lo\u4e00ss is unknown" in answer.err
    assert answer.code == 2


def widest(text: str) -> int:
    """Return the columns of the longest line."""
    lines = text.split("\n")
    return max(sum(not unicodedata.combining(sign) for sign in line) for line in lines)


# Processes


@needs_utf8
@pytest.mark.parametrize(("words", "encoding"), [("trace chain", "cp437"), ("--help", "cp932")])
def test_a_process_without_utf8(tmp_path: Path, words: str, encoding: str) -> None:
    done = subprocess.run(
        command(*words.split()),
        cwd=tmp_path,
        env=process_environment(PYTHONUTF8="0", PYTHONIOENCODING=encoding, LC_ALL="C"),
        capture_output=True,
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert not ESCAPE.search(codecs.decode(done.stdout, encoding))


def test_bars_are_drawn_with_what_the_terminal_has() -> None:
    import io

    from tqdm import tqdm

    for encoding, block in (("cp437", "#"), ("utf-8", "█")):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with tqdm(total=2, file=GuardedStream(stream), ncols=60) as bar:
            bar.update(2)
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        assert block in stream.buffer.getvalue().decode(encoding), sys.version
