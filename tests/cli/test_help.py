"""Help: short, with examples that run, and the same for every command."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bpnet.cli.command import BpnetCommand
from bpnet.cli.group import COMMANDS, GROUPS, cli
from bpnet.config.presets import preset_paths
from bpnet.disk import FILE, what_is_at
from tests.conftest import Run
from tests.helpers.tiny import fail, succeed

QUICK = ("presets", "config", "completion", "summary", "trace", "predict")  # examples that run here
SHORTEST, LONGEST = 15, 62  # characters of a summary


def commands(
    group: click.Group = cli, *before: str
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with its words, those in groups included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:  # it is called without its name
            continue
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


ALL = [pytest.param(words, one, id=" ".join(words)) for words, one in commands()]
SINGLE = [param for param in ALL if not isinstance(param.values[1], click.Group)]
EXAMPLES = [line for _, one in commands() if isinstance(one, BpnetCommand) for line in one.examples]
ABSENT = {"last", "train-images-idx3-ubyte.gz", "tcp://10.0.0.1:8786"}  # what examples need here
RUNNING = [line for line in EXAMPLES if line.split()[0] in QUICK and not ABSENT & set(line.split())]


def test_usage_breaks_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert succeed("train", "--help").out.startswith(
        "Usage: bpnet train [OPTIONS]\n  [FILE|PRESET|EXAMPLE]\n"
    )
    assert "Usage: bpnet runs [FOLDER] [OPTIONS]\n       bpnet runs" in succeed("runs", "-h").out


def test_commands_stand_in_groups() -> None:
    text = succeed("--help").out
    for title, names in GROUPS.items():
        section = text.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines()] == list(names)
    assert len(COMMANDS) == len(set(COMMANDS))


@pytest.mark.parametrize(("words", "command"), ALL)
def test_summaries_are_short_sentences(words: tuple[str, ...], command: click.Command) -> None:
    told = command.get_short_help_str(200)
    assert SHORTEST <= len(told) <= LONGEST
    assert told.endswith(".")
    assert "..." not in command.get_short_help_str(LONGEST)


@pytest.mark.parametrize(("words", "command"), ALL)
def test_help_is_told_by_either_option(words: tuple[str, ...], command: click.Command) -> None:
    text = succeed(*words, "--help").out
    assert text == succeed(*words, "-h").out
    assert text == succeed("help", *words).out
    assert "nielsen" not in text  # presets are listed by `bpnet presets`
    assert len([name for name in preset_paths() if f"  {name} " in text]) == 0


@pytest.mark.parametrize(("words", "command"), SINGLE)
def test_every_command_has_examples(words: tuple[str, ...], command: BpnetCommand) -> None:
    text = succeed(*words, "--help").out.partition("\nExamples:\n")[2]
    assert command.examples
    for line in command.examples:
        assert line.split()[: len(words)] == list(words)
        assert f"bpnet {line.partition('PICTURE')[0].strip()}" in " ".join(text.split())


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_has_words_that_its_command_takes(
    line: str, here: Path, tiny_run: Run
) -> None:
    shutil.copytree(tiny_run.path, here / "runs" / "tiny-20261129-120000")
    words = shlex.split(line)
    group: click.Command = cli
    context = click.Context(cli)
    while isinstance(group, click.Group):
        found = group.get_command(context, words.pop(0))
        assert found is not None
        group, context = found, click.Context(found, parent=context)
    assert group.make_context(None, words, parent=context.parent) is not None


@pytest.mark.parametrize("line", RUNNING)
def test_examples_run_as_they_stand(line: str, here: Path) -> None:
    command = next(
        one for _, one in commands() if isinstance(one, BpnetCommand) and line in one.examples
    )
    shown = dict(zip(command.examples, command.shown_examples(), strict=True))[line]
    succeed(*shlex.split(shown))


def test_an_example_of_a_picture_names_one_that_is_there() -> None:
    _, command = next(found for found in commands() if found[0] == ("predict",))
    assert isinstance(command, BpnetCommand)
    first = shlex.split(next(iter(command.shown_examples())))
    assert what_is_at(Path(first[-1])) == FILE


def test_without_words_help_is_shown_line_by_line() -> None:
    for words in ([], ["data"]):
        lines = fail(2, *words).splitlines()
        assert lines[0].startswith("Usage: bpnet")
        assert len(lines) > 10


def test_a_sweep_goes_on_by_its_folder_alone() -> None:
    """The same command may begin another sweep: that of an example, for one, has a new folder."""
    told = " ".join(succeed("sweep", "--help").out.split())
    assert "Ctrl-C saves everything; `bpnet sweep FOLDER` goes on." in told
