"""Suggest what to write instead of an unknown key."""

import dataclasses

from bpnet.config.other_names import Meant, homes, meant_by, setting_readers
from bpnet.config.settings import SECTIONS
from bpnet.config.values import nearest

NOTHING_SIMILAR = "no key has a similar name; `bpnet config --explain` lists all"


def hint_at(key: str, value: str = "") -> str:
    """Return a hint at the key of a file that was probably meant.

    Args:
        key: as it was written, without a section.
        value: what it was given.
    """
    meant = meant_by(key)
    if sections := homes(key):
        return f"it belongs to {' or '.join(f'[{name}]' for name in sections)}"
    if meant is not None and not meant.key:
        return meant.advice
    if meant is not None and meant.value:
        section, _, name = meant.key.partition(".")
        return f"write `{name} = {meant.value}` in [{section}]"
    near = [meant.key] if meant is not None else similar(key)
    if not near:
        return NOTHING_SIMILAR
    section, _, name = near[0].partition(".")
    return f"did you mean [{section}] {name}?"


def hint_to_set(name: str, value: str = "") -> str:
    """Return a hint at the setting that was probably meant, as an option.

    Args:
        name: of a setting, with or without a section.
        value: what it was given.
    """
    meant = meant_by(name)
    if meant is not None:
        return f"did you mean {meant.to_set(value)}?" if meant.key else meant.advice
    whole = nearest(name, setting_readers()) if "." in name else None
    near = [whole] if whole else similar(name.rpartition(".")[2])
    if not near:
        return NOTHING_SIMILAR
    return f"did you mean {' or '.join(Meant(key).to_set(value) for key in near)}?"


def similar(key: str) -> list[str]:
    """Return the settings, as `section.key`, whose key has the nearest name to this one."""
    known = [field.name for section in SECTIONS.values() for field in dataclasses.fields(section)]
    near = nearest(key, known)
    return [] if near is None else [f"{section}.{near}" for section in homes(near)]
