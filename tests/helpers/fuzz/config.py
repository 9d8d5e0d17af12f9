"""Configs and settings: good ones with lines moved, keys misplaced and values of all kinds."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from bpnet.config.loading import load_config
from tests.helpers.config_texts import CONFIGS, DOCUMENTED
from tests.helpers.fuzz.choices import Choices, damaged
from tests.helpers.fuzz.command import run_command
from tests.helpers.fuzz.target import Target

VALUES = (
    *("", "0", "1", "-1", "2", "3 3", "1e-3", "1e999", "-0.0", "nan", "inf", "9" * 30, "9" * 5000),
    *("1_0", "٣", "0x10", "1e400000000", "yes", "none", "auto", "mnist", "table", "idx", "adam"),
    *("\0", "\x1b[31m", "\ud800", "%", "${x}", "../..", "a" * 300, "1 " * 20_000, "\u2028x"),
)
LAYERS = (
    *("flatten", "relu", "linear 10", "linear 100000", "linear 99999999999999999999", "linear -1"),
    *("conv 3 kernel=3", "conv 1 kernel=99", "conv 3 kernel=3 padding=99999999999999999999"),
    *("conv 100000 kernel=1", "conv 3 kernel=3 stride=0", "maxpool 2", "maxpool 0", "avgpool 28"),
    *("batchnorm", "dropout 0.5", "dropout nan", "scale 1e999", "softmax", "linear", "conv", "x"),
    *("linear 3 bias=maybe", "linear 3 bias=no bias=no", "linear 3 kernel=3", "relu 3"),
)
COUNTS = (1, 2, 3, 5, 8, 20, 100, 1000, 100_000)
PLACES = tuple(
    f"{section}.{line.partition('=')[0].strip()}"
    for block in DOCUMENTED.split("[")[1:]
    for section in [block.partition("]")[0]]
    for line in block.splitlines()
    if "=" in line and not line.startswith(" ")
)


@cache
def texts() -> list[str]:
    """Return all configs of the project, those with the fewest lines first."""
    found = [path.read_text(encoding="utf-8") for path in CONFIGS]
    return sorted([DOCUMENTED, *found], key=len)


def altered_text(text: str, choices: Choices) -> str:
    """Return a config's text with up to eight lines changed."""
    lines = text.splitlines()
    for _ in range(choices.number(9)):
        place = choices.number(len(lines) + 1)
        match choices.number(6):
            case 0:
                lines[place : place + 1] = []
            case 1:
                lines[place:place] = ["    " + choices.pick(LAYERS)] * (1 + choices.number(3))
            case 2:
                lines[place:place] = ["    " + choices.pick(LAYERS)] * choices.pick(COUNTS)
            case 3:
                section, _, key = choices.pick(PLACES).partition(".")
                lines[place:place] = [f"[{section}]", f"{key} = {choices.pick(VALUES)}"]
            case 4:
                key = lines[place].partition("=")[0] if place < len(lines) else "layers"
                lines[place : place + 1] = [f"{key}= {choices.pick(VALUES)}"]
            case _:
                other = choices.number(len(lines) + 1)
                lines[place:place] = lines[other : other + choices.number(20)]
    return "\n".join(lines)


def prepare_config(choices: Choices, folder: Path) -> Callable[[], None]:
    """Write a config whose network is then shown."""
    path = folder / "a.ini"
    if choices.number(8) == 7:
        path.write_bytes(choices.rest())
    else:
        text = altered_text(choices.pick(texts()), choices)
        path.write_bytes(damaged(text.encode(errors="surrogatepass"), choices))
    return partial(run_command, "summary", path, "--data-dir", folder)


def prepare_settings(choices: Choices, folder: Path) -> Callable[[], object]:
    """Choose settings for a preset."""
    overrides = []
    for _ in range(1 + choices.number(4)):
        place, value = choices.pick(PLACES), choices.pick(VALUES)
        match choices.number(4):
            case 0:
                overrides.append(f"{place}={value}")
            case 1:
                layers = ",".join(choices.pick(LAYERS) for _ in range(1 + choices.number(8)))
                overrides.append(f"model.layers={layers}")
            case 2:
                overrides.append(f"weights.{1 + choices.number(9)}.weight={value}")
            case _:
                override = damaged(f"{place}={value}".encode(errors="surrogatepass"), choices)
                overrides.append(override.decode(errors="surrogateescape"))
    preset = choices.pick(("mlp", "quickstart", "nielsen", "chain"))
    return partial(load_config, preset, tuple(overrides))


def config_seeds() -> list[bytes]:
    """Return choices that take each config as it is, and one with very many layers."""
    whole = [bytes([0, number]) for number in range(len(texts()))]
    return [*whole, bytes([0, 1, 1, 6, 2, 1, COUNTS.index(100_000)])]


def setting_seeds() -> list[bytes]:
    """Return choices that give a value to each key."""
    good = bytes([0, PLACES.index("train.epochs"), VALUES.index("1"), 0])
    return [good] + [
        bytes([0, place, value, 0]) for place in range(len(PLACES)) for value in (1, 6, 11)
    ]


CONFIG = Target("config", frozenset({2, 3}), prepare_config, config_seeds)
SET = Target("set", frozenset({2}), prepare_settings, setting_seeds)
