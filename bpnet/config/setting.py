"""Declare a setting: its default, what it means, which values it takes, and what it goes with."""

from collections.abc import Callable
from dataclasses import field
from typing import Any

from bpnet.config.value_reader import ValueReader


def setting(
    default: Any,
    meaning: str,
    read: ValueReader[Any],
    *goes_with: str,
    make: Callable[[], Any] | None = None,
) -> Any:
    """Declare one key of a section.

    Args:
        default: its value where a config does not give it.
        meaning: what it is, in a few words.
        read: reads its text.
        goes_with: other keys that it needs or has to fit, each as `section.key`, or as
            `section.key = value | value` where it has a meaning with these values alone.
        make: returns the default instead, when it is wanted.
    """
    facts = {"meaning": meaning, "read": read, "goes_with": goes_with}
    if make is not None:
        return field(default_factory=make, metadata=facts)
    return field(default=default, metadata=facts)
