"""`data import`, `data info`, `data clean` and `--dataset`: from people's files to a run."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from bpnet.data.files.catalogue import KNOWN, MNIST
from bpnet.data.files.idx import content_sha256
from bpnet.data.idx_folder import load_idx_folder
from tests.helpers.idx_files import ARRAYS, put
from tests.helpers.places import PROJECT
from tests.helpers.tiny import draw_dataset, fail, succeed, write_idx_folder

NAMES = ("low", "middle", "top, nearly")
SETTINGS = (
    *("--set", "model.layers=flatten,linear 3", "--set", "data.validation=20"),
    *("--epochs", 1, "--set", "train.shards=1", "--set", "train.split=samples"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write class folders of pictures, work beside them, and keep data sets in `tmp_path/own`."""
    own = tmp_path / "own"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *args, **options: own)
    monkeypatch.chdir(tmp_path)
    dataset = draw_dataset()
    for part, samples in (("train", dataset.train), ("test", dataset.test)):
        for number, (image, label) in enumerate(zip(samples.inputs, samples.targets, strict=True)):
            place = tmp_path / "bars" / part / NAMES[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{number:03}.png")
    return tmp_path / "bars"


def test_what_was_imported_is_trained_and_scored_under_its_name(folder: Path) -> None:
    answer = succeed("data", "import", folder)
    assert "bars: 100 training and 30 test pictures of 8×8 pixels" in answer.out
    assert 'each: low, middle, "top, nearly"' in answer.out
    assert "##" in answer.out  # the pictures, in letters
    own = folder.parent / "own" / "bars"
    with Image.open(own / "contact_sheet.png") as sheet:
        assert sheet.width > 100
    dataset = load_idx_folder(own)
    assert dataset.class_names == NAMES
    by_class = np.argsort(draw_dataset().train.targets, kind="stable")
    np.testing.assert_array_equal(dataset.train.inputs, draw_dataset().train.inputs[by_class])
    succeed("train", "--config", "mlp", "--dataset", "bars", "--run-dir", "run", *SETTINGS)
    assert "dataset = bars" in Path("run/config.ini").read_text(encoding="utf-8")
    score = json.loads(succeed("eval", "run", "--json").out)
    assert (score["dataset"], score["samples"]) == ("bars", 30)
    assert [entry["label"] for entry in score["per_class"]] == list(NAMES)
    succeed("train", "--resume", "run", "--epochs", "+1")


def test_nothing_is_overwritten_and_nothing_is_left(folder: Path) -> None:
    succeed("data", "import", folder, "--name", "mine")
    assert "choose another name" in fail(3, "data", "import", folder, "mine")
    assert "two names" in fail(2, "data", "import", folder, "aa", "--name", "bb")
    for name in ("idx", "table", "synthetic", "arrays", "scikit-learn", "a/b", "..", ""):
        assert "cannot have this name" in fail(2, "data", "import", folder, "--name", name)
    (folder / "train" / ("n" * 150)).mkdir()
    Image.new("L", (8, 8)).save(folder / "train" / ("n" * 150) / "0.png")
    assert "a class cannot have such a name" in fail(3, "data", "import", folder)
    assert [path.name for path in (folder.parent / "own").iterdir()] == ["mine"]


def test_class_names_of_the_config_come_first(folder: Path) -> None:
    succeed("data", "import", folder)
    names = ("--set", "data.class_names=a, b, c")
    words = ("train", "--config", "mlp", "--dataset", "bars", *SETTINGS)
    succeed(*words, *names, "--run-dir", "run")
    score = json.loads(succeed("eval", "run", "--json").out)
    assert [entry["label"] for entry in score["per_class"]] == ["a", "b", "c"]
    assert "do not fit" in fail(3, *words, "--set", "data.class_names=a, b")


def test_a_dataset_may_be_a_folder_of_idx_files(folder: Path) -> None:
    place = write_idx_folder(folder.parent / "files", draw_dataset())
    for name in ("files", "./files", place):
        words = ("--dataset", name, "--data-dir", folder, *SETTINGS, "--dry-run")
        assert "linear" in succeed("train", "--config", "mlp", *words).out
    assert "import it with" in fail(2, "train", "--config", "mlp", "--dataset", "bars")
    assert "data import" in fail(3, "train", "--config", "mlp", "--dataset", "./bars")
    message = fail(2, "train", "--config", "mlp", "--dataset", place / "train-images-idx3-ubyte")
    assert "no such" not in message
    assert "the folder that holds all four files" in message


def test_a_network_is_not_scored_on_other_classes(folder: Path) -> None:
    succeed("data", "import", folder)
    words = ("train", "--config", "mlp", "--dataset", "bars", *SETTINGS, "--run-dir", "run")
    succeed(*words)
    place = write_idx_folder(folder.parent / "files", draw_dataset())
    answer = succeed("eval", "run", "--dataset", place, "--json")  # its classes are only numbered
    (warning,) = json.loads(answer.out)["warnings"]
    assert f"warning: {warning}" in answer.err
    assert "0, 1, 2, are taken for those of the network, low, middle, " in warning
    assert json.loads(succeed("eval", "run", "--json").out)["warnings"] == []
    (place / "classes.txt").write_text("one\ntwo\nthree\n")
    assert "knows other classes" in fail(3, "eval", "run", "--dataset", place)


def test_info_and_clean_cover_all_that_is_kept(folder: Path) -> None:
    own = folder.parent / "own"
    succeed("data", "import", folder)
    succeed("data", "synthesize", "--train", 20, "--test", 10)
    (own / "synthetic" / "v1-20-10-seed1-variety1").mkdir()
    (own / "synthetic" / "v1-20-10-seed1-variety1" / "sha256sums").touch()
    (own / ".import-bars-4194305").mkdir()
    (own / "mnist").mkdir()
    (own / "mnist" / "t10k-labels-idx1-ubyte.gz.part").write_bytes(b"half")
    (own / "bars" / "mine.txt").touch()
    info = json.loads(succeed("data", "info", "--json").out)
    [drawn], [bars] = info["synthetic"], info["imported"]
    assert (bars["name"], bars["source"], bars["train_samples"]) == ("bars", str(folder), 100)
    assert len(info["left_over"]) == 2
    assert str(folder) in (text := succeed("data", "info", "bars").out)
    assert "bars: imported" in text
    write_idx_folder(own / "files", draw_dataset())
    assert "files: a folder of IDX files" in succeed("data", "info", "files").out
    shutil.rmtree(own / "files")
    assert drawn in succeed("data", "info", "synthetic").out
    assert fail(2, "data", "info", "cars")
    assert fail(2, "data", "clean", "cars")
    assert "would be removed" in succeed("data", "clean", "--dry-run").out
    assert Path(drawn).is_dir()
    cleaned = json.loads(succeed("data", "clean", "--json").out)
    assert len(cleaned["removed"]) == 4
    assert [path.name for path in own.iterdir()] == ["bars"]
    succeed("data", "clean", "bars")
    assert [path.name for path in (own / "bars").iterdir()] == ["mine.txt"]
    assert "nothing to remove" in succeed("data", "clean").out


def test_clean_leaves_what_is_the_user_s_own(folder: Path) -> None:
    place = write_idx_folder(folder.parent / "named" / "files", draw_dataset())
    write_idx_folder(folder.parent / "named" / "mnist", draw_dataset())
    named = ("--data-dir", folder.parent / "named")
    succeed("data", "import", folder, *named)
    assert "files" in fail(2, "data", "clean", "files", *named)
    succeed("data", "clean", "mnist", "bars", *named)
    assert len(list(place.iterdir())) == 4
    assert sorted(path.name for path in place.parent.iterdir()) == ["files", "mnist"]
    assert len(list((place.parent / "mnist").iterdir())) == 4


@pytest.mark.parametrize("named", ["files", "files/t10k-labels-idx1-ubyte.gz", "files/..", "pack"])
def test_the_files_of_mnist_are_known_by_their_checksums(
    folder: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    own = folder.parent / "own"
    put(folder.parent / "files", ARRAYS)
    if named == "files/..":
        (folder.parent / "files").rename(folder.parent / "mnist")
        named = "."
    elif named == "pack":
        (folder.parent / "pack" / "MNIST").mkdir(parents=True)
        (folder.parent / "files").rename(folder.parent / "pack" / "MNIST" / "raw")
    if named != ".":
        succeed("data", "import", named, "--name", "other")
        assert (own / "other" / "classes.txt").is_file()
    known = tuple(
        dataclasses.replace(file, content_sha256=content_sha256(array))
        for file, array in zip(MNIST.files, ARRAYS, strict=True)
    )
    monkeypatch.setitem(KNOWN, "mnist", dataclasses.replace(MNIST, files=known))
    answer = succeed("data", "import", named, "--size", "20x24")
    assert answer.out.count(str(own / "mnist")) == 4
    assert "--size and --transpose have no say" in answer.err
    assert not (own / "mnist" / "classes.txt").exists()
    if named == "files/t10k-labels-idx1-ubyte.gz":  # but another file beside them is not MNIST
        lines = [f"{n % 2}," + ",".join(str(n + i) for i in range(9)) for n in range(40)]
        Path("files/own.csv").write_text("\n".join(lines), encoding="utf-8")
        assert "own: " in succeed("data", "import", "files/own.csv").out


def test_a_folder_of_other_files_of_these_names_is_a_data_set_of_its_own(folder: Path) -> None:
    put(folder.parent / "mnist", ARRAYS)
    answer = succeed("data", "import", "mnist")
    assert "by their checksums, these are not the files of mnist" in answer.err
    assert "my-mnist" in answer.out
    assert "does not hold what its name says" in fail(3, "data", "import", "mnist", "mnist")


@pytest.mark.parametrize("size", ["28", "0x5", "5x", "axb", "5x10000"])
def test_a_size_has_two_sides(folder: Path, size: str) -> None:
    assert "HEIGHTxWIDTH" in fail(2, "data", "import", folder, "--size", size)


@pytest.mark.skipif(sys.platform != "linux", reason="the cache is told by XDG_CACHE_HOME")
def test_nothing_is_kept_but_runs_and_a_cache_that_can_be_cleaned(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in {"XDG_CACHE_HOME": "cache", "HOME": "home", "TMPDIR": "tmp"}.items():
        (here / folder).mkdir()
        monkeypatch.setenv(name, str(here / folder))
    before = {*here.rglob("*")}
    sizes = ("data.synthetic_train=100", "data.synthetic_test=20", "data.validation=20")
    small = [word for size in sizes for word in ("--set", size)]
    for words in (
        ("train", "--config", "quickstart", "--epochs", "1", *small),
        ("predict", PROJECT / "bpnet" / "assets" / "seven.jpg"),
        ("draw", "--no-open"),
        ("trace", "chain"),
        ("curves", "chain"),
    ):
        succeed(*words)
    kept = {path for path in {*here.rglob("*")} - before if path.is_file()}
    assert {path.relative_to(here).parts[0] for path in kept} == {"runs", "cache"}
    assert str(here / "cache" / "bpnet") in succeed("data", "info").out
    succeed("data", "clean")
    assert not [path for path in (here / "cache").rglob("*") if path.is_file()]
