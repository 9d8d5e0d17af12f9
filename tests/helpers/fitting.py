"""Compute with other sizes than those that fit this processor."""

from dataclasses import replace
from typing import Any

import pytest

from bpnet.fast import sizes


def fit(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Change some of the sizes until the test ends."""
    fitted = replace(sizes.chosen(), **changes)
    monkeypatch.setattr(sizes, "chosen", lambda: fitted)
