"""What is told of an epoch."""

from typing import Any

import pytest

from bpnet.library.figures import epoch_line


@pytest.mark.parametrize(
    ("loss", "text"), [(0.12345, "0.1235"), (3600.0, "3600.0000"), (1.591e111, "1.5910e+111")]
)
def test_a_loss_stays_short_even_when_it_explodes(loss: float, text: str) -> None:
    record: dict[str, Any] = {
        "epoch": 2,
        "train_loss": loss,
        "train_accuracy": None,
        "validation_loss": loss,
        "validation_accuracy": None,
        "seconds": 1.0,
        "samples_per_second": 1.0,
    }
    line = epoch_line(record, 3)
    assert f"loss {text}  validation loss {text}  " in line
