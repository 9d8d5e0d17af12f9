"""Explain settings, layers and losses from where they are declared."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any

from bpnet.config.layer_lines import reader, usage
from bpnet.config.other_names import homes, meant_by, section_meant_by
from bpnet.config.settings import SECTIONS
from bpnet.config.values import nearest
from bpnet.config.writer import value_text
from bpnet.errors import ConfigError
from bpnet.nn.facts import Option
from bpnet.nn.layer import Layer
from bpnet.nn.registry import layer_types

REQUIRED = "required"


@dataclass(frozen=True)
class SettingFacts:
    """Hold what is declared of a setting.

    Args:
        name: `section.key`.
        type: what its value is.
        choices: its values, where there are few.
        bounds: of a number, in words.
        default: as it stands in a config.
        meaning: what it is.
        goes_with: other settings, perhaps with values, with which it has a meaning.
        used_by: settings that go with this one.
    """

    name: str
    type: str
    choices: tuple[str, ...]
    bounds: str
    default: str
    meaning: str
    goes_with: tuple[str, ...]
    used_by: tuple[str, ...]
    takes: str


@dataclass(frozen=True)
class OptionFacts:
    """Hold what is declared of a value in a layer's line.

    Args:
        name: as it stands in the line.
        takes: what it may be.
        default: as it stands in a config; `required` if the line must give it.
    """

    name: str
    takes: str
    default: str


@dataclass(frozen=True)
class LayerFacts:
    """Hold what is declared of a layer.

    Args:
        kind: the first word of its line.
        usage: how the line is written.
        meaning: what it computes, in a sentence.
        options: the values in its line.
    """

    kind: str
    usage: str
    meaning: str
    options: tuple[OptionFacts, ...]


def all_settings() -> list[SettingFacts]:
    """Return what is declared of every setting, in the order of a config."""
    declared = [
        (f"{section}.{field.name}", field)
        for section, owner in SECTIONS.items()
        for field in dataclasses.fields(owner)
    ]
    return [_setting_facts(name, field, declared) for name, field in declared]


def _setting_facts(
    name: str, field: dataclasses.Field[Any], declared: list[tuple[str, dataclasses.Field[Any]]]
) -> SettingFacts:
    read, goes_with = field.metadata["read"], field.metadata["goes_with"]
    default = field.default
    if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    users = [
        f"{other}" + (f" ({condition})" if condition != name else "")
        for other, one in declared
        for condition in one.metadata["goes_with"]
        if condition.partition(" = ")[0] == name
    ]
    return SettingFacts(
        name=name,
        type=read.type,
        choices=read.choices,
        bounds=read.bounds,
        default=value_text(field.name, default),
        meaning=field.metadata["meaning"],
        goes_with=goes_with,
        used_by=tuple(users),
        takes=read.takes,
    )


def all_layers() -> list[LayerFacts]:
    """Return what is declared of every layer, by name."""
    return [_layer_facts(kind, layer) for kind, layer in sorted(layer_types().items())]


def _layer_facts(kind: str, layer: type[Layer[Any]]) -> LayerFacts:
    meaning = (inspect.getdoc(layer) or "").partition("\n\n")[0].replace("\n", " ")
    options = tuple(_option_facts(layer, option) for option in layer.options)
    return LayerFacts(kind, usage(layer), meaning, options)


def _option_facts(layer: type[Layer[Any]], option: Option) -> OptionFacts:
    default = inspect.signature(layer).parameters[option.argument].default
    text = REQUIRED if default is inspect.Parameter.empty else value_text(option.name, default)
    if default is None:
        text = "the size"
    return OptionFacts(option.name, reader(option).takes, text)


@dataclass(frozen=True)
class Explained:
    """Hold what a name stands for.

    Args:
        settings: one, all of a section, or all of that key.
        layers: of that kind.
        note: what the name is called here, if it is another tool's.
    """

    settings: tuple[SettingFacts, ...] = ()
    layers: tuple[LayerFacts, ...] = ()
    note: str = ""


def explain(name: str) -> Explained:
    """Return what is declared of a setting, a section, a key or a layer.

    Args:
        name: `section.key`, `section`, `key`, the kind of a layer, or another tool's name.

    Raises:
        ConfigError: there is no such name.
    """
    settings, layers = all_settings(), all_layers()
    wanted = name.strip("[]")
    found = _settings_of(wanted, settings)
    kinds = tuple(layer for layer in layers if layer.kind == wanted)
    if found or kinds:
        return Explained(found, kinds)
    meant = meant_by(name)
    if meant is not None and meant.key:
        key = f"{meant.key}={meant.value}" if meant.value else meant.key
        return Explained(_settings_of(meant.key, settings), note=f"{name} is {key} here")
    if (section := section_meant_by(name)) is not None:
        return Explained(_settings_of(section, settings), note=f"{name} is [{section}] here")
    known = [one.name for one in settings] + [layer.kind for layer in layers] + list(SECTIONS)
    near = nearest(name, [*known, *(one.name.partition(".")[2] for one in settings)])
    hint = meant.advice if meant is not None else f"did you mean {near}?" if near else None
    raise ConfigError(
        "there is no such setting",
        where=name,
        expected="SECTION.KEY, a section, a key, or the kind of a layer",
        hint=hint or "all are listed by",
        command=() if hint else ("config", "--explain"),
    )


def _settings_of(name: str, settings: list[SettingFacts]) -> tuple[SettingFacts, ...]:
    """Return the settings of that name, section or key."""
    if name in SECTIONS:
        return tuple(one for one in settings if one.name.startswith(f"{name}."))
    keys = {name, *(f"{section}.{name}" for section in homes(name))}
    return tuple(one for one in settings if one.name in keys)
