"""Turn settings that are given as Python values into those of a config file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bpnet.config.loading import check_network, load_config
from bpnet.config.other_names import meant_by
from bpnet.config.reader import ConfigReader, raise_problems
from bpnet.config.settings import SECTIONS, Config, Override
from bpnet.errors import ConfigError, quoted

Place = str | os.PathLike[str]
Settings = Mapping[str, Any]  # {"train": {"epochs": 3}} or {"train.epochs": 3}
LINES = ("model.layers", "data.inputs", "data.targets")  # settings of several lines


def overrides_of(settings: Settings, name: str) -> tuple[Override, ...]:
    """Return settings as a config reads them.

    Args:
        settings: by section and key, as `{"train": {"epochs": 3}}` or `{"train.epochs": 3}`.
        name: of the argument that gives them, for messages.

    Raises:
        ConfigError: they are not a mapping of such a form.
    """
    return tuple(Override(key, value, name) for key, value in _flat(settings, name))


def read_settings(settings: Settings, overrides: tuple[str, ...], name: str) -> Config:
    """Return the config that settings make up; what they leave out has its default.

    Args:
        settings: see `overrides_of`.
        overrides: `section.key=value` each; they override the settings.
        name: of the argument that gives them, for messages.

    Raises:
        ConfigError: one for all problems together.
    """
    reader = ConfigReader(name, Path())
    config = reader.read("", (*overrides_of(settings, name), *overrides))
    check_network(config, reader.problems)
    raise_problems(f"given as {name}", reader.problems)
    return config


def read_sections(settings: Settings, name: str) -> Config:
    """Return the config that settings make up, whose network is not looked at.

    Args:
        settings: see `overrides_of`.
        name: of what gives them, for messages.

    Raises:
        ConfigError: one for all problems together.
    """
    reader = ConfigReader(name, Path())
    config = reader.read("", overrides_of(settings, name))
    raise_problems(f"given to {name}", reader.problems)
    return config


def config_of(given: object, settings: Settings | None) -> Config:
    """Return the config that a user names or gives.

    Args:
        given: a preset, an example or a config file; or settings by section and key.
        settings: that change those of the config.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    overrides = () if settings is None else overrides_of(settings, "settings")
    if isinstance(given, Mapping):
        return read_settings(given, overrides, "config")
    return load_config(file_name(given), overrides)


def file_name(given: object) -> str:
    """Return the name of a preset, an example or a config file.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(given, str | os.PathLike):
        return os.fspath(given)
    raise ConfigError(
        "this is not a config",
        where="config",
        expected="a preset, an example, a config file, or settings by section and key",
        found=type(given).__name__,
    )


def name_of(given: object) -> str:
    """Return what a config that a user names or gives is called."""
    return Path(given).stem if isinstance(given, str | os.PathLike) else "network"


def as_settings(config: Config) -> dict[str, dict[str, Any]]:
    """Return all settings of a config by section and key, as `overrides_of` takes them."""
    found: dict[str, dict[str, Any]] = {
        section: dict(vars(getattr(config, section))) for section in SECTIONS
    }
    found["model"]["layers"] = [spec.text for spec in config.model.layers]
    if config.weights:
        found["weights"] = {name: list(values) for name, values in config.weights.items()}
    return found


def _flat(settings: Settings, name: str) -> Iterator[tuple[str, str]]:
    """Yield `section.key` and text of every setting."""
    if not isinstance(settings, Mapping):
        raise _not_settings(name, settings)
    for key, value in settings.items():
        if not isinstance(key, str):
            raise _not_settings(name, key)
        if isinstance(value, Mapping):
            for inner, setting in value.items():
                yield f"{key}.{inner}", _text(f"{key}.{inner}", setting)
        elif "." in key:
            yield key, _text(key, value)
        else:
            raise _not_settings(name, key)


def _not_settings(name: str, found: object) -> ConfigError:
    """Return the error for what is no setting, with a hint at the one that was probably meant."""
    meant = meant_by(found) if isinstance(found, str) else None
    hint = None if meant is None else f'did you mean "{meant.key}"?' if meant.key else meant.advice
    return ConfigError(
        "settings have sections and keys",
        where=name,
        expected='{"train": {"epochs": 3}} or {"train.epochs": 3}',
        found=quoted(str(found)),
        hint=hint,
    )


def _text(key: str, value: Any) -> str:
    """Return a value as a config file writes it."""
    value = value.tolist() if hasattr(value, "tolist") else value  # of NumPy
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, list | tuple):
        return str(value)
    if key in LINES:
        return "\n".join(_text("", line) for line in value)
    separator = ", " if key == "data.class_names" else " "
    return separator.join(_text("", part) for part in value)
