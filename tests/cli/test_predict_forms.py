"""`predict` with networks of other sizes and classes, and with those of earlier versions."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bpnet.model.checkpoint import load_checkpoint
from bpnet.training.saving import save_checkpoint
from tests.conftest import Run
from tests.helpers.tiny import draw_samples, fail, succeed


def stroke(path: Path) -> Path:
    """Draw a stroke, dark on white."""
    pixels = np.full((60, 60), 255, dtype=np.uint8)
    pixels[10:50, 27:33] = 20
    Image.fromarray(pixels).save(path)
    return path


def of_an_earlier_version(run: Run, path: Path) -> Path:
    """Copy a checkpoint as earlier versions wrote it."""
    checkpoint = load_checkpoint(run.path / "best.npz")
    del checkpoint.record["preparation"]
    save_checkpoint(path, checkpoint.record, checkpoint.arrays)
    return path


def test_pictures_of_another_size_are_read(tiny_run: Run, tmp_path: Path) -> None:
    samples = draw_samples(20, 9)
    files = [tmp_path / f"{number}.png" for number in range(20)]
    for file, pixels in zip(files, samples.inputs, strict=True):
        Image.fromarray(pixels).save(file)
    said = succeed("predict", "--checkpoint", tiny_run.path, "--json", *files)
    found = [int(entry["label"]) for entry in json.loads(said.out)["predictions"]]
    model = load_checkpoint(tiny_run.path / "best.npz").model()
    assert found == model.probabilities(samples.inputs).argmax(axis=1).tolist()


def test_what_is_unlike_mnist_is_told(tiny_run: Run, tmp_path: Path) -> None:
    words = ("predict", "--checkpoint", tiny_run.path, stroke(tmp_path / "a.png"))
    assert "those of the training: 8×8 pixels, light on dark" in succeed(*words).err
    document = json.loads(succeed(*words, "--json").out)
    assert document["warnings"] == []
    assert document["predictions"][0]["label"] in "012"


def test_a_checkpoint_of_an_earlier_version_reads_digits_as_it_did(
    digit_run: Run, tmp_path: Path
) -> None:
    old = of_an_earlier_version(digit_run, tmp_path / "old.npz")
    words = ("predict", "--checkpoint", old, stroke(tmp_path / "a.png"))
    answer = succeed(*words)
    assert "warning: this checkpoint does not tell" in answer.err
    document = json.loads(succeed(*words, "--json").out)
    assert "prepared as a digit of MNIST" in document["warnings"][0]
    assert document["predictions"][0]["label"] is not None


def test_a_small_network_of_an_earlier_version_is_refused_with_the_reason(
    tiny_run: Run, tmp_path: Path
) -> None:
    old = of_an_earlier_version(tiny_run, tmp_path / "old.npz")
    message = fail(3, "predict", "--checkpoint", old, stroke(tmp_path / "a.png"))
    assert "does not tell what its training pictures look like" in message
    assert "(1, 8, 8)" in message


def test_networks_that_read_no_pictures_are_refused(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed("train", "--config", "chain", "--epochs", 1, "--run-dir", "run")
    message = fail(3, "predict", "--checkpoint", "run", stroke(tmp_path / "a.png"))
    assert "this network does not read pictures" in message
