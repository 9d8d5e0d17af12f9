"""`predict` on the test pictures of any data set, saved as files, gives the answers of `eval`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bpnet.data.dataset import Dataset, Samples
from bpnet.data.idx_folder import load_idx_folder
from bpnet.data.reading.resample import resample
from bpnet.data.synthetic import draw_digits
from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import Run, train_once
from tests.helpers.places import FASHION_FILES
from tests.helpers.tiny import succeed, write_idx_folder

Pictures = NDArray[Any]

TRAINING, TEST, ENLARGED = 1000, 40, 20
CONFIG = """
[data]
dataset = idx
path = pictures
validation = 0
[model]
layers =
    flatten
    linear 10
[train]
epochs = 2
"""


def squeezed(pictures: Pictures) -> Pictures:
    """Return pictures of 20×24 pixels."""
    return np.stack([np.rint(resample(plane, 24, 20)) for plane in pictures.astype(np.float32)])


KINDS: dict[str, Callable[[Pictures], Pictures]] = {
    "plain": lambda pictures: pictures,
    "transposed": lambda pictures: pictures.transpose(0, 2, 1),
    "inverted": lambda pictures: 255 - pictures,
    "0-1": lambda pictures: pictures > 127,
    "20x24": squeezed,
    "fashion": lambda pictures: pictures,
}


@dataclass(frozen=True)
class Trained:
    """Hold a small network and the test pictures of its data set."""

    kind: str
    run: Run
    upright: Pictures
    test: Samples


@pytest.fixture(scope="module", params=KINDS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    kind = request.param
    if kind == "fashion" and not FASHION_FILES.is_dir():
        pytest.skip("needs the data sets beside the project")
    images, labels = garments() if kind == "fashion" else draw_digits(TRAINING + TEST, 3)
    stored = np.ascontiguousarray(KINDS[kind](images).astype(np.uint8))
    train, test = (
        Samples(stored[part], labels[part]) for part in (slice(TRAINING), slice(TRAINING, None))
    )
    folder = tmp_path_factory.mktemp("kind")
    write_idx_folder(folder / "pictures", Dataset("idx", train, test, tuple("0123456789")))
    return Trained(kind, train_once(folder, CONFIG), images[TRAINING:], test)


def garments() -> tuple[Pictures, Pictures]:
    data = load_idx_folder(FASHION_FILES)
    parts = (data.train, TRAINING), (data.test, TEST)
    images = np.concatenate([samples.inputs[:size] for samples, size in parts])
    return images, np.concatenate([samples.targets[:size] for samples, size in parts])


def read(trained: Trained, pictures: Pictures, folder: Path) -> list[str]:
    """Save pictures as files and return what `predict` answers."""
    files = [folder / f"{number:02}.png" for number in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        Image.fromarray(picture).save(file)
    words = ("predict", "--checkpoint", trained.run.path, "--json", *files)
    return [entry["label"] for entry in json.loads(succeed(*words).out)["predictions"]]


def answers(trained: Trained) -> list[str]:
    model = load_checkpoint(trained.run.path / "best.npz").model()
    return [str(label) for label in model.probabilities(trained.test.inputs).argmax(axis=1)]


def test_each_test_picture_has_the_answer_of_eval(trained: Trained, tmp_path: Path) -> None:
    found = read(trained, trained.test.inputs, tmp_path)
    assert found == answers(trained)
    errors = json.loads(succeed("eval", trained.run.path, "--json").out)["errors"]
    assert errors < TEST / 2
    wrong = [
        int(label) != target for label, target in zip(found, trained.test.targets, strict=True)
    ]
    assert sum(wrong) == errors


def test_what_people_draw_is_read_as_well(trained: Trained, tmp_path: Path) -> None:
    """Dark on light, upright, four times as large: such a picture is like none of a data set."""
    large = [
        np.asarray(Image.fromarray(255 - picture).resize((112, 112), Image.Resampling.BICUBIC))
        for picture in trained.upright[:ENLARGED]
    ]
    found = read(trained, np.stack(large), tmp_path)
    agreed = sum(one == other for one, other in zip(found, answers(trained), strict=False))
    assert agreed >= 0.75 * ENLARGED
