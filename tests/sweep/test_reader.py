"""Sweep files: read strictly, and written so that they read the same."""

from pathlib import Path

import pytest

from bpnet.config.loading import load_config
from bpnet.errors import ConfigError
from bpnet.sweep.example_files import example_sweeps
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.settings import Choices, Span
from bpnet.sweep.trials import trials_of
from bpnet.sweep.writer import format_sweep


def problems_of(folder: Path, text: str) -> str:
    path = folder / "a.ini"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        read_sweep(path)
    return str(raised.value).replace(f"{path}:", "line ")


def test_values_are_lists_or_ranges(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text(
        "[sweep]\nconfig = mlp\nmethod = random\nseeds = 1,3-4\n[vary]\n"
        "optimizer.learning_rate = 1e-3 to 0.1 log\ntrain.batch_size = 16 to 64\n"
        "optimizer.nesterov = yes, no\n"
        "model.layers =\n    flatten, linear 10\n    flatten, linear 20, relu, linear 10\n",
        encoding="utf-8",
    )
    sweep = read_sweep(tmp_path / "a.ini")
    assert sweep.settings.seeds == (1, 3, 4)
    assert sweep.varied == {
        "optimizer.learning_rate": Span(0.001, 0.1, is_log=True, is_whole=False),
        "train.batch_size": Span(16, 64, is_log=False, is_whole=True),
        "optimizer.nesterov": Choices(("yes", "no")),
        "model.layers": Choices(("flatten, linear 10", "flatten, linear 20, relu, linear 10")),
    }
    (tmp_path / "b.ini").write_text(format_sweep(sweep), encoding="utf-8")
    again = read_sweep(tmp_path / "b.ini", tmp_path / "config.ini")
    assert (again.varied, again.settings.seeds) == (sweep.varied, sweep.settings.seeds)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("nothere.ini", ""), ("lenet", "did you mean "), (".", "list of `bpnet presets`")],
)
def test_a_missing_config_is_told_with_its_line(tmp_path: Path, name: str, hint: str) -> None:
    told = problems_of(tmp_path, f"[sweep]\nconfig = {name}\nmetod = grid\n")
    assert "line 2: [sweep] config expects " in told
    assert f'found "{name}"' in told
    assert hint in told
    assert "line 3: [sweep] metod is unknown" in told


def test_all_errors_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    told = problems_of(
        tmp_path,
        "[sweep]\nmetod = grid\ntrials = none\n[setings]\n[settings]\ntrain.epochs = 1\n"
        "learning_rate = 3\n[vary]\ntrain.epochs = 1, 2\noptimizer.momentum = 0.5 to 0.9\n"
        "train.seed = 1, 2\ntrain.batch_size = 8, x\nmodel.init = he, he\ntrain.ema =\n",
    )
    assert "line 2: [sweep] metod is unknown; did you mean method?" in told
    assert "line 3: [sweep] trials expects a whole number" in told
    assert "line 4: [setings] is unknown in a sweep; did you mean [settings]?" in told
    assert "line 7: learning_rate is no setting as `section.key`" in told
    assert "line 9: [vary] train.epochs is in [settings], too" in told
    assert "line 10: [vary] optimizer.momentum: a grid needs a list of values" in told
    assert "line 11: train.seed is given by `seeds` in [sweep]" in told
    assert "line 12: [vary] train.batch_size expects a whole number of at least 1" in told
    assert 'line 13: [vary] model.init holds "he" twice' in told
    assert "line 14: [vary] train.ema expects values" in told


def test_a_config_and_a_sweep_are_told_apart(tmp_path: Path) -> None:
    assert "name the config in [sweep]" in problems_of(tmp_path, "[train]\nepochs = 3\n")
    with pytest.raises(ConfigError, match="`bpnet sweep` trains"):
        load_config(str(example_sweeps()["halving"]))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("optimizer.momentum = 0.9 to 0.5", "expects a range upwards"),
        ("optimizer.weight_decay = 0 to 1 log", "expects a range that begins above 0"),
        ("model.init = he to zeros", "model.init is no number"),
        ("optimizer.momentum = 0.5 to 2", "expects a number at least 0 and at most"),
        ("train.epochs = 1, 2", "halving compares runs of the same length"),
        ("optimizer.momentum = 0.5, 0.9, 5e-1", 'optimizer.momentum holds "0.5" twice'),
        ("; nothing", "[vary] is empty"),
    ],
)
def test_ranges_are_checked(tmp_path: Path, line: str, said: str) -> None:
    text = f"[sweep]\nconfig = mlp\nmethod = halving\n[vary]\n{line}\n"
    assert said in problems_of(tmp_path, text)


def test_the_config_must_be_named(tmp_path: Path) -> None:
    assert "config is missing" in problems_of(tmp_path, "[sweep]\nmethod = grid\n")


def test_paths_begin_at_the_sweep(tmp_path: Path) -> None:
    (tmp_path / "net.ini").write_text("[data]\n", encoding="utf-8")
    text = "[sweep]\nconfig = net.ini\n[settings]\ndata.path = pictures\n"
    (tmp_path / "a.ini").write_text(text, encoding="utf-8")
    sweep = read_sweep(tmp_path / "a.ini")
    assert sweep.base == str(tmp_path / "net.ini")
    assert sweep.fixed["data.path"] == str(tmp_path / "pictures")


@pytest.mark.parametrize("name", example_sweeps())
def test_examples_are_right(name: str) -> None:
    path = example_sweeps()[name]
    assert path.read_text(encoding="utf-8").startswith("; ")
    assert len(trials_of(read_sweep(path))) > 1
