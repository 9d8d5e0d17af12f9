"""Declare a setting once: errors, help, templates and completion all tell what stands here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True)
class ValueReader(Generic[Value]):
    """Read a value from its text, and describe which texts have one.

    Args:
        read: returns the value, or raises a ValueError that says what it expected and found.
        type: what the value is, such as "a whole number".
        least: smallest value.
        most: largest value.
        above: bound that the value stays above.
        below: bound that the value stays below.
        choices: texts to choose from, where there are few.
        is_open: whether other texts than the choices are read as well.
        form: how the value is written, where its type does not tell.
    """

    read: Callable[[str], Value]
    type: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    is_open: bool = False
    form: str = ""

    def __call__(self, text: str) -> Value:
        """Return the value.

        Raises:
            ValueError: the text has none; the message says what was expected and found.
        """
        return self.read(text)

    @property
    def bounds(self) -> str:
        """Return the bounds in words, or nothing where there are none."""
        limits = {"above": self.above, "at least": self.least}
        limits |= {"below": self.below, "at most": self.most}
        told = [f"{word} {in_words(limit)}" for word, limit in limits.items() if limit is not None]
        return " and ".join(told)

    @property
    def takes(self) -> str:
        """Return what the value may be, in one phrase."""
        if self.choices and not self.is_open:
            return f"one of {', '.join(self.choices)}"
        parts = [self.type, *([f"such as {', '.join(self.choices)}"] if self.choices else [])]
        return ", ".join(filter(None, [*parts, self.bounds, self.form]))


def in_words(limit: float) -> str:
    """Return a bound as it stands in a text."""
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:.9g}"


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
