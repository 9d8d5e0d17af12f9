"""`bpnet predict`: answers in order, blank and unreadable pictures, several digits."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bpnet.data.distortion.views import Views
from bpnet.data.mnist import load_mnist
from bpnet.data.reading.picture import open_picture
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.preparation import prepare
from bpnet.model.run_files import WEIGHTS
from bpnet.training.saving import save_checkpoint
from tests.conftest import Run
from tests.helpers.places import MNIST_FILES
from tests.helpers.tiny import call, fail, succeed


def bar(path: Path, *, foot: bool = False) -> Path:
    """Draw one stroke, dark on white, or one with a foot."""
    pixels = np.full((60, 60), 255, dtype=np.uint8)
    pixels[10:50, 27:33] = 20
    if foot:
        pixels[44:50, 27:45] = 20
    Image.fromarray(pixels).save(path)
    return path


def blank(path: Path) -> Path:
    Image.new("L", (40, 40), 255).save(path)
    return path


def unreadable(path: Path) -> Path:
    path.write_bytes(b"no picture")
    return path


def predictions(*words: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(succeed("predict", *words, "--json").out)[
        "predictions"
    ]
    return found


def test_the_json_document_has_these_keys_in_the_order_given(
    digit_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = [bar(Path(name), foot=name == "a.png") for name in ("b.png", "a.png", "c.png")]
    found = predictions("--checkpoint", digit_run.path, *pictures)
    assert [entry["image"] for entry in found] == [str(tmp_path / path) for path in pictures]
    for entry in found:
        assert list(entry) == ["image", "label", "probability", "reason", "top", "warnings"]
        assert len(entry["top"]) == 3
        assert entry["top"][0] == {"label": entry["label"], "probability": entry["probability"]}
        probabilities = [item["probability"] for item in entry["top"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert 0 <= probabilities[-1] <= probabilities[0] <= 1
    assert {key: found[0][key] for key in ("label", "top")} == {
        key: found[2][key] for key in ("label", "top")
    }


def test_views_are_averaged_and_named(digit_run: Run, tmp_path: Path) -> None:
    words = ("predict", "--checkpoint", digit_run.path, bar(tmp_path / "a.png", foot=True))
    answers = {}
    for count in (1, 5):
        document = json.loads(succeed(*words, "--views", count, "--json").out)
        assert list(document) == ["predictions", "views", "checkpoint", "epoch", "warnings"]
        assert document["views"] == count
        answers[count] = document["predictions"][0]
    assert answers[1]["probability"] != pytest.approx(answers[5]["probability"], rel=1e-4)
    model = load_checkpoint(digit_run.path / "best.npz").model()
    assert model.preparation is not None
    pixels = prepare(open_picture(tmp_path / "a.png"), model.preparation)[0].pixels
    assert pixels is not None
    shower = Views(5, (28, 28), 1)
    seen = [model.probabilities(shower.show(pixels[None], number))[0] for number in range(5)]
    assert answers[5]["probability"] == pytest.approx(np.mean(seen, axis=0).max(), rel=1e-5)
    assert json.loads(succeed(*words, "--json").out)["views"] == 1
    assert "averaged over" not in succeed(*words).err
    told = succeed(*words, "--views", 5)
    assert len(told.out.splitlines()) == 1  # one per picture, as scripts read them
    assert "averaged over 5 views\n" in told.err
    for wrong in (0, 101, "x"):
        fail(2, *words, "--views", wrong)


def test_top_says_how_many_are_told(digit_run: Run, tmp_path: Path) -> None:
    words = ("--checkpoint", digit_run.path, bar(tmp_path / "a.png"))
    assert len(predictions(*words, "--top", 1)[0]["top"]) == 1
    (entry,) = predictions(*words, "--top", 99)
    assert sorted(item["label"] for item in entry["top"]) == list("0123456789")
    assert sum(item["probability"] for item in entry["top"]) == pytest.approx(1, abs=1e-5)
    fail(2, "predict", *words, "--top", 0)


def test_a_blank_picture_has_no_label_but_a_warning(digit_run: Run, tmp_path: Path) -> None:
    pictures = (blank(tmp_path / "blank.png"), bar(tmp_path / "bar.png"))
    first, second = predictions("--checkpoint", digit_run.path, *pictures)
    assert (first["label"], first["probability"], first["top"]) == (None, None, [])
    assert first["warnings"]
    assert second["label"] is not None
    answer = succeed("predict", "--checkpoint", digit_run.path, pictures[0])
    assert "no digit" in answer.out
    assert str(pictures[0]) in answer.err


def test_the_others_are_answered_and_the_unreadable_one_is_named(
    digit_run: Run, tmp_path: Path
) -> None:
    pictures = (bar(tmp_path / "a.png"), unreadable(tmp_path / "bad.png"), bar(tmp_path / "c.png"))
    answer = call("predict", "--checkpoint", digit_run.path, *pictures, "--json")
    assert answer.code == 3
    found = json.loads(answer.out)["predictions"]
    assert [entry["image"] for entry in found] == [str(pictures[0]), str(pictures[2])]
    assert "bad.png" in answer.err
    many = (*pictures, tmp_path / "none.png")
    message = fail(3, "predict", "--checkpoint", digit_run.path, *many)
    assert "2 of 4 pictures could not be read" in message
    assert "bad.png" in message
    assert "none.png" in message


def test_a_dash_reads_standard_input(
    digit_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bar(tmp_path / "a.png").read_bytes()

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    give(content)
    (piped,) = predictions("--checkpoint", digit_run.path, "-")
    (named,) = predictions("--checkpoint", digit_run.path, tmp_path / "a.png")
    assert piped["image"] == "-"
    assert {**piped, "image": ""} == {**named, "image": ""}
    give(b"")
    fail(3, "predict", "--checkpoint", digit_run.path, "-")
    monkeypatch.setattr(sys, "stdin", None)  # closed
    assert "empty" in fail(3, "predict", "--checkpoint", digit_run.path, "-")


def test_several_digits_are_read_from_left_to_right(digit_run: Run, tmp_path: Path) -> None:
    pixels = np.full((60, 160), 255, dtype=np.uint8)
    pixels[10:50, 20:26] = 0
    pixels[10:16, 60:100] = pixels[44:50, 60:100] = 0
    pixels[10:50, 60:66] = pixels[10:50, 94:100] = 0
    pixels[10:50, 130:136] = 0
    Image.fromarray(pixels).save(tmp_path / "three.png")
    words = ("--checkpoint", digit_run.path, "--segment", tmp_path / "three.png")
    (entry,) = predictions(*words)
    assert len(entry["digits"]) == 3
    assert entry["text"] == "".join(digit["label"] for digit in entry["digits"])
    assert entry["digits"][0]["label"] == entry["digits"][2]["label"]
    assert set(entry["digits"][0]) >= {"label", "probability", "top"}
    assert entry["text"] in succeed("predict", *words).out
    (nothing,) = predictions("--checkpoint", digit_run.path, "--segment", blank(tmp_path / "b.png"))
    assert (nothing["text"], nothing["digits"]) == ("", [])
    assert nothing["warnings"]


def test_an_explanation_is_a_picture_with_a_row_per_digit(digit_run: Run, tmp_path: Path) -> None:
    pictures = [bar(tmp_path / "a.png"), blank(tmp_path / "b.png")]
    heights = []
    for count in (1, 2):
        out = tmp_path / "out.png"
        words = ("--checkpoint", digit_run.path, "--explain", out, *pictures[:count])
        succeed("predict", *words)
        with Image.open(out) as image:
            assert image.format == "PNG"
            heights.append(image.height)
    assert heights[0] < heights[1]
    lost = ("--explain", tmp_path / "nowhere" / "out.png")
    message = fail(3, "predict", "--checkpoint", digit_run.path, *lost, pictures[0])
    assert "--explain" in message


def test_an_explanation_overwrites_no_picture(tmp_path: Path) -> None:
    picture, photograph = bar(tmp_path / "a.png"), bar(tmp_path / "b.jpg")
    before = picture.read_bytes(), photograph.read_bytes()
    assert "--explain" in fail(2, "predict", picture, "--explain", tmp_path / "." / "a.png")
    assert "--explain" in fail(2, "predict", "--explain", photograph, picture)
    assert (picture.read_bytes(), photograph.read_bytes()) == before


def test_a_reader_gets_one_line_per_picture(digit_run: Run, tmp_path: Path) -> None:
    pictures = (bar(tmp_path / "a.png"), bar(tmp_path / "b.png", foot=True))
    lines = succeed("predict", "--checkpoint", digit_run.path, *pictures).out.splitlines()
    assert len(lines) == 2
    found = predictions("--checkpoint", digit_run.path, *pictures)
    for line, entry in zip(lines, found, strict=True):
        assert line.startswith(f"{entry['image']}: {entry['label']}  ")
        assert "(then " in line


def test_weights_that_overflow_give_an_error_and_no_nan(digit_run: Run, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(digit_run.path / "best.npz")
    checkpoint.arrays["parameters/2.weight"] = checkpoint.arrays["parameters/2.weight"] * 0 + 3e38
    save_checkpoint(tmp_path / "huge.npz", checkpoint.record, checkpoint.arrays)
    picture = bar(tmp_path / "a.png")
    assert "diverged" in fail(5, "predict", "--checkpoint", tmp_path / "huge.npz", picture)


def test_missing_checkpoints_and_pictures_are_refused(tmp_path: Path) -> None:
    assert "no such file" in fail(
        4, "predict", "--checkpoint", tmp_path / "no.npz", bar(tmp_path / "a.png")
    )
    assert "IMAGE" in fail(2, "predict")


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="needs the weights that ship with bpnet")
def test_without_a_checkpoint_the_shipped_weights_answer(tmp_path: Path) -> None:
    (entry,) = predictions(bar(tmp_path / "a.png"))
    assert entry["label"] == "1"


def test_real_digits_drawn_large_are_read_as_the_network_knows_them(
    mnist_run: Run, tmp_path: Path
) -> None:
    test = load_mnist("mnist", MNIST_FILES).test
    model = load_checkpoint(mnist_run.path / "best.npz").model()
    expected = model.probabilities(test.inputs[:30]).argmax(axis=1)
    pictures = []
    for number in range(30):
        large = Image.fromarray(255 - test.inputs[number]).resize(
            (112, 112), Image.Resampling.BICUBIC
        )
        large.save(tmp_path / f"{number:02}.png")
        pictures.append(tmp_path / f"{number:02}.png")
    found = predictions("--checkpoint", mnist_run.path, *pictures)
    agreed = sum(int(entry["label"]) == label for entry, label in zip(found, expected, strict=True))
    assert agreed >= 27
