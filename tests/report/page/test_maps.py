"""Pictures of weights, activations and samples, pixel by pixel."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bpnet.report.page.maps import feature_maps, first_weights
from bpnet.report.page.pictures import LARGEST_SHEET, SIDE, Picture, grey, sheet, signed
from tests.helpers.random_model import random_model


def pixels(picture: Picture) -> NDArray[np.uint8]:
    """Return the colours (height, width, 3) of a picture of a page."""
    data = base64.b64decode(picture.address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_samples_are_shown_as_they_are() -> None:
    sample = np.random.default_rng(1).integers(0, 256, (9, 14), dtype=np.uint8)
    picture = grey(sample)
    assert (pixels(picture)[:, :, 1] == sample).all()
    assert (picture.width, picture.height) == (56, 36)


def test_large_samples_are_made_smaller() -> None:
    sample = np.zeros((560, 280), dtype=np.uint8)
    sample[280:] = 200
    found = pixels(grey(sample))
    assert found.shape == (SIDE, SIDE // 2, 3)
    assert found[0, 0, 0] == 0
    assert found[-1, -1, 0] == 200


def test_signs_have_colours() -> None:
    found = pixels(signed(np.array([[2.0, -2.0], [1.0, 0.0]])))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 1].tolist() == [255, 128, 0]
    assert found[1, 0].tolist() == [128, 128, 128]
    assert found[1, 1].tolist() == [0, 0, 0]


def test_maps_stand_side_by_side() -> None:
    maps = np.zeros((3, 2, 2))
    maps[1, 0, 1] = 1
    found = pixels(sheet(maps, 1))
    assert found.shape == (5, 5, 3)
    assert np.argwhere(found[:, :, 2] == 255).tolist() == [[0, 4]]


def test_sheets_stay_small() -> None:
    picture = sheet(np.random.default_rng(0).normal(size=(100, 96, 96)), 2)
    assert max(pixels(picture).shape) <= LARGEST_SHEET


def test_the_first_weights_are_those_of_the_first_layer() -> None:
    for lines, title in (
        ("conv 4 kernel=3 | relu | flatten | linear 3", "the filters of 1.conv"),
        ("flatten | linear 5 | relu | linear 3", "the weights of the units of 2.linear"),
    ):
        model = random_model(lines)
        found = first_weights(model)
        assert found is not None
        assert found.title == title
        layer = model.network.layers[lines.startswith("flatten")]
        weight = layer.weight  # type: ignore[attr-defined]
        brightest = np.unravel_index(weight.argmax(), weight.shape)[0]
        side = pixels(found.picture)
        assert side.shape[0] >= 3
        assert (side.max(axis=2) > 0).any()
        assert brightest < len(weight)
    assert first_weights(random_model("batchnorm | flatten | linear 3")) is None


def test_maps_show_what_comes_out_of_every_layer() -> None:
    model = random_model("conv 4 kernel=3 | relu | flatten | linear 3")
    picture = np.random.default_rng(2).integers(0, 256, (9, 8), dtype=np.uint8)
    conv, relu, linear = feature_maps(model, picture)
    assert [one.title for one in (conv, relu, linear)] == [
        "1.conv: 4 × 7 × 6",
        "2.relu: 4 × 7 × 6",
        "4.linear: 3",
    ]
    before, after = pixels(conv.picture).astype(int), pixels(relu.picture).astype(int)
    is_orange = (before[:, :, 0] > 60) & (before[:, :, 2] < 20)
    assert is_orange.any(), "some outputs are negative"
    assert (after[is_orange] == 0).all(), "which ReLU sets to 0"
