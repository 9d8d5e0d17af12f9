"""What commands say about other commands, and how they take configs."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bpnet.cli.options import as_on, with_config, with_configs
from tests.helpers.tiny import fail, succeed


@pytest.mark.parametrize(
    ("processor", "beginning"),
    [
        ("Haswell 512K", "OPENBLAS_CORETYPE=Haswell BPNET_PROCESSOR='Haswell 512K'"),
        ("unknown 1024K", "BPNET_PROCESSOR='unknown 1024K'"),  # no OpenBLAS has such a kernel
    ],
)
def test_a_command_begins_with_the_processor_whose_sizes_it_takes(
    processor: str, beginning: str
) -> None:
    assert as_on(processor) == beginning


@click.command()
@with_config("What to take.", required=True)
@click.option("--more")
def takes_one(source: str, more: str | None) -> None:
    click.echo(f"{source} {more}")


@click.command()
@with_configs("What to take", default=("a", "b"))
def takes_several(sources: tuple[str, ...]) -> None:
    click.echo(" ".join(sources))


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["mlp", "--more", "x"], "mlp x"),
        (["--more", "x", "mlp"], "mlp x"),
        (["--config", "mlp"], "mlp None"),
        (["--config", "mlp", "--config", "fast"], "fast None"),
    ],
)
def test_a_config_is_a_plain_word_or_follows_its_option(words: list[str], taken: str) -> None:
    assert CliRunner().invoke(takes_one, words).output == f"{taken}\n"


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        ([], "a b"),
        (["mlp", "fast"], "mlp fast"),
        (["--config", "mlp", "--config", "fast"], "mlp fast"),
    ],
)
def test_several_configs_are_taken_likewise(words: list[str], taken: str) -> None:
    assert CliRunner().invoke(takes_several, words).output == f"{taken}\n"


@pytest.mark.parametrize("command", ["train", "gradcheck", "bench"])
def test_these_commands_take_a_config_one_way(command: str) -> None:
    usage = succeed(command, "--help").out.splitlines()[0]
    assert usage.removesuffix("...").endswith(f"bpnet {command} [OPTIONS] [FILE|PRESET|EXAMPLE]")
    twice = fail(2, command, "chain", "--config", "chain")
    assert "a config is a plain word or follows --config: give it one way" in twice
    wrong = fail(2, command, "chian")
    assert "did you mean chain?" in wrong


def test_one_config_is_enough_where_one_is_used() -> None:
    for command in ("train", "gradcheck"):
        assert "unexpected extra argument (fast)" in fail(2, command, "mlp", "fast")


def test_a_run_begins_with_a_plain_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    succeed("train", "chain", "--epochs", 1)
    (run_dir,) = (tmp_path / "runs").iterdir()
    assert run_dir.name.startswith("chain-")
    assert "name a config" in fail(2, "train")
