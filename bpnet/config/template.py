"""Write a config with comments that explain every key, for people to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bpnet.config.explanation import SettingFacts, all_layers, all_settings
from bpnet.config.settings import SECTIONS, Config
from bpnet.config.writer import format_key

WIDTH = 90  # columns of a comment


def format_template(config: Config, comment: Sequence[str]) -> str:
    """Write every key with its meaning; the given ones with their values, others as comments.

    A key that is left out keeps its default, which may depend on others: the seed of drawn digits,
    for example. So the file reads back to the same config, and stays the same under `--set`.

    Args:
        config: its `given` says which keys were given.
        comment: lines that stand on top.
    """
    settings = {facts.name: facts for facts in all_settings()}
    blocks = ["\n".join(f"; {line}".rstrip() for line in comment)]
    for name in SECTIONS:
        section = getattr(config, name)
        blocks.append(f"[{name}]")
        for full, facts in settings.items():
            if full.partition(".")[0] == name:
                key = full.partition(".")[2]
                blocks.append(
                    _key_block(facts, format_key(key, getattr(section, key)), config.given)
                )
    if config.weights:
        rows = [line for name, row in config.weights.items() for line in format_key(name, (row,))]
        blocks.append("\n".join(["[weights]", "; starting values, in row order", *rows]))
    return "\n\n".join(blocks) + "\n"


def _key_block(facts: SettingFacts, lines: Sequence[str], given: Mapping[str, str]) -> str:
    """Write one key below the comment that explains it."""
    shown = [f"; {line}" for line in comment_lines(facts)]
    is_given = facts.name in given
    return "\n".join([*shown, *(line if is_given else f";{line}" for line in lines)])


def comment_lines(facts: SettingFacts) -> list[str]:
    """Return the meaning, the values and the default of a key as lines of a comment."""
    from textwrap import wrap

    default = f"default: {facts.default or 'none'}"
    is_told = bool(facts.choices) and all(choice in facts.meaning for choice in facts.choices)
    lines = [facts.meaning, default if is_told else f"{facts.takes}; {default}"]
    if facts.name == "model.layers":
        lines += [layer.usage for layer in all_layers()]
    if facts.goes_with:
        lines.append(f"goes with {', '.join(facts.goes_with)}")
    return [part for line in lines for part in wrap(line, WIDTH)]
