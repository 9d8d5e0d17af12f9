import dataclasses
import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest

from bpnet.data.files import catalogue
from bpnet.data.files.catalogue import FASHION_MNIST, MNIST, KnownDataset, KnownFile
from bpnet.data.files.directory import data_directory, make_data_directory
from bpnet.data.files.idx import content_sha256, write_idx
from bpnet.data.files.names import STEMS
from bpnet.data.files.remote import DownloadObserver, RemoteFile
from bpnet.data.mnist import import_files, inspect_files, load_mnist
from bpnet.errors import DataError
from tests.helpers.file_server import FileServer, by_path, serving, status, web_page, whole
from tests.helpers.idx_files import ARRAYS, put
from tests.helpers.places import FASHION_FILES, MNIST_FILES, SHARED, needs_data


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder with the files of a tiny data set."""
    put(tmp_path / "source", ARRAYS)
    return tmp_path / "source"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move bpnet's own cache into the test's directory."""
    own = tmp_path / "own"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *args, **options: own)
    monkeypatch.delenv("BPNET_DATA_DIR", raising=False)
    monkeypatch.delenv("BPNET_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    return own / "mnist"


@pytest.fixture
def tiny(source: Path, monkeypatch: pytest.MonkeyPatch) -> KnownDataset:
    """Put the tiny data set in the place of MNIST; no mirror is known."""
    files = []
    for stem, array in zip(STEMS, ARRAYS, strict=True):
        packed = (source / f"{stem}.gz").read_bytes()
        remote = RemoteFile(f"{stem}.gz", len(packed), hashlib.sha256(packed).hexdigest())
        files.append(KnownFile(remote, content_sha256(array)))
    known = dataclasses.replace(MNIST, files=tuple(files), mirrors=())
    monkeypatch.setitem(catalogue.KNOWN, "mnist", known)
    return known


def mirror_of(source: Path) -> Any:
    return serving(by_path({path.name: whole(path.read_bytes()) for path in source.iterdir()}))


def asked_for(server: FileServer) -> list[str]:
    return [path.rsplit("/", 1)[-1] for path, _ in server.requests]


class Notes(DownloadObserver):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


class TestDataDirectory:
    def test_the_option_beats_the_variable_and_that_beats_the_cache(
        self, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert data_directory().path == cache.parent
        assert data_directory().is_own
        for name in ("variable", "option"):
            (tmp_path / name).mkdir()
        monkeypatch.setenv("BPNET_DATA_DIR", str(tmp_path / "variable"))
        assert data_directory().path == tmp_path / "variable"
        assert data_directory(tmp_path / "option").path == tmp_path / "option"
        assert not data_directory().is_own

    def test_an_empty_variable_counts_as_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BPNET_DATA_DIR", "")
        assert data_directory().is_own

    def test_one_that_does_not_exist_is_an_error_and_is_made_on_request_alone(
        self, tmp_path: Path
    ) -> None:
        named = tmp_path / "a" / "b"
        with pytest.raises(DataError, match="does not exist") as caught:
            data_directory(named)
        assert caught.value.command == ("data", "fetch", "--data-dir", str(named))
        assert list(tmp_path.iterdir()) == []
        make_data_directory(named)
        assert data_directory(named).path == named
        (tmp_path / "file").write_text("")
        with pytest.raises(DataError, match="found: a file"):
            data_directory(tmp_path / "file")
        with pytest.raises(DataError, match="cannot make the directory"):
            make_data_directory(tmp_path / "file")

    def test_a_home_of_nobody_is_a_name_like_any_other(self) -> None:
        with pytest.raises(DataError, match="does not exist"):
            data_directory(Path("~nobody-of-this-name/data"))


class TestLoading:
    def test_downloads_into_the_cache_and_then_needs_no_network(
        self, tiny: KnownDataset, source: Path, cache: Path
    ) -> None:
        with mirror_of(source) as server:
            dataset = load_mnist("mnist", mirror=server.url)
        np.testing.assert_array_equal(dataset.train.inputs, ARRAYS[0])
        assert (dataset.name, dataset.class_names) == ("mnist", tuple("0123456789"))
        assert sorted(path.name for path in cache.iterdir()) == sorted(asked_for(server))
        assert load_mnist("mnist").fingerprint() == dataset.fingerprint()

    def test_without_any_server_the_error_says_what_to_do(self, tiny: KnownDataset) -> None:
        with pytest.raises(DataError, match=r"(?s)cannot download.*bpnet data import"):
            load_mnist("mnist")

    @pytest.mark.parametrize("below", [".", "mnist"])
    def test_files_in_a_named_directory_or_its_folder_are_used(
        self, tiny: KnownDataset, tmp_path: Path, below: str
    ) -> None:
        put(tmp_path / "named" / below, ARRAYS, suffix="")
        assert len(load_mnist("mnist", tmp_path / "named").train) == 30

    @pytest.mark.parametrize("below", [".", "mnist"])
    def test_missing_files_join_those_in_a_named_directory(
        self, tiny: KnownDataset, tmp_path: Path, source: Path, below: str
    ) -> None:
        folder = tmp_path / "named" / below
        put(folder, ARRAYS, suffix="")
        (folder / STEMS[2]).unlink()
        with mirror_of(source) as server:
            load_mnist("mnist", tmp_path / "named", mirror=server.url)
        assert asked_for(server) == [f"{STEMS[2]}.gz"]
        assert (folder / f"{STEMS[2]}.gz").exists()

    def test_two_data_sets_fit_into_one_named_directory(
        self, tiny: KnownDataset, tmp_path: Path, source: Path
    ) -> None:
        (tmp_path / "named").mkdir()
        with mirror_of(source) as server:
            load_mnist("mnist", tmp_path / "named", mirror=server.url)
        assert (tmp_path / "named" / "mnist" / f"{STEMS[0]}.gz").exists()

    @pytest.mark.parametrize("damage", ["cut", "another", "web page"])
    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_a_damaged_file_is_repaired_in_the_cache_but_not_in_a_named_directory(
        self, tiny: KnownDataset, cache: Path, source: Path, suffix: str, damage: str
    ) -> None:
        put(cache, ARRAYS, suffix)
        bad = cache / f"{STEMS[0]}{suffix}"
        good = bad.read_bytes()
        if damage == "another":
            write_idx(bad, ARRAYS[0] ^ np.uint8(1))
        else:
            bad.write_bytes(good[:-20] if damage == "cut" else b"<html>404</html>")
        wrong = bad.read_bytes()
        with mirror_of(source) as server:
            with pytest.raises(DataError, match=bad.name):
                load_mnist("mnist", cache, mirror=server.url)
            assert bad.read_bytes() == wrong
            assert asked_for(server) == []
            progress = Notes()
            dataset = load_mnist("mnist", mirror=server.url, progress=progress)
        np.testing.assert_array_equal(dataset.train.inputs, ARRAYS[0])
        assert asked_for(server) == [f"{STEMS[0]}.gz"]
        assert progress.notes == [f"{bad} is damaged: downloading it again"]
        assert len(list(cache.iterdir())) == 4

    def test_a_damaged_file_stays_if_there_is_no_better_one(
        self, tiny: KnownDataset, cache: Path
    ) -> None:
        put(cache, ARRAYS)
        bad = cache / f"{STEMS[0]}.gz"
        bad.write_bytes(b"damaged")
        with serving(web_page) as server, pytest.raises(DataError, match="web page"):
            load_mnist("mnist", mirror=server.url)
        assert bad.read_bytes() == b"damaged"

    def test_an_array_far_too_large_is_not_read(self, tiny: KnownDataset, tmp_path: Path) -> None:
        put(tmp_path / "named", ARRAYS)
        write_idx(tmp_path / "named" / f"{STEMS[0]}.gz", np.zeros((1 << 17, 32, 32), np.uint8))
        with pytest.raises(DataError, match="declares too much data"):
            load_mnist("mnist", tmp_path / "named")

    @needs_data
    def test_mnist_is_what_it_should_be(self) -> None:
        dataset = load_mnist("mnist", SHARED)
        assert dataset.train.inputs.shape == (60000, 28, 28)
        assert dataset.test.inputs.shape == (10000, 28, 28)
        assert dataset.train.targets[:5].tolist() == [5, 0, 4, 1, 9]
        assert dataset.train.inputs.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
        assert dataset.train.inputs.std() / 255 == pytest.approx(0.3081, abs=1e-4)

    @needs_data
    def test_other_garments_do_not_pass_for_fashion_mnist(self) -> None:
        with pytest.raises(DataError, match="does not hold what its name says"):
            load_mnist("fashion_mnist", FASHION_FILES)


class TestImporting:
    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_copies_what_is_good(
        self, tiny: KnownDataset, tmp_path: Path, cache: Path, suffix: str
    ) -> None:
        put(tmp_path / "mine", ARRAYS, suffix)
        paths = import_files(tiny, tmp_path / "mine")
        assert paths == [cache / f"{stem}{suffix}" for stem in STEMS]
        assert not any(report.problem for report in inspect_files(tiny))

    def test_a_name_that_lies_about_compression_is_mended(
        self, tiny: KnownDataset, tmp_path: Path, cache: Path, source: Path
    ) -> None:
        for stem in STEMS:
            (source / f"{stem}.gz").rename(source / stem)
        assert import_files(tiny, source) == [cache / f"{stem}.gz" for stem in STEMS]

    def test_copies_nothing_if_one_file_is_bad(
        self, tiny: KnownDataset, source: Path, cache: Path
    ) -> None:
        (source / f"{STEMS[3]}.gz").write_bytes(gzip.compress(b"\0\0\x08\1\0\0\0\1\5"))
        with pytest.raises(DataError, match="does not hold what its name says"):
            import_files(tiny, source)
        assert not cache.exists()

    def test_names_what_is_missing(self, tiny: KnownDataset, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such directory"):
            import_files(tiny, tmp_path / "nowhere")
        with pytest.raises(DataError, match=STEMS[0]):
            import_files(tiny, tmp_path)

    def test_replaces_damaged_files_in_the_cache_only(
        self, tiny: KnownDataset, source: Path, cache: Path
    ) -> None:
        put(cache, ARRAYS, suffix="")
        (cache / STEMS[0]).write_bytes(b"damaged")
        with pytest.raises(DataError, match="not an IDX file"):
            import_files(tiny, source, cache)
        assert (cache / STEMS[0]).read_bytes() == b"damaged"
        import_files(tiny, source)
        assert sorted(path.name for path in cache.iterdir()) == sorted(
            [f"{STEMS[0]}.gz", *STEMS[1:]]
        )

    def test_of_a_directory_into_itself_changes_nothing(
        self, tiny: KnownDataset, source: Path
    ) -> None:
        before = {path: path.stat().st_mtime_ns for path in source.iterdir()}
        import_files(tiny, source, source)
        assert before == {path: path.stat().st_mtime_ns for path in source.iterdir()}

    def test_a_full_disk_leaves_no_half_file(
        self,
        tiny: KnownDataset,
        source: Path,
        cache: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(DataError, match="No space left"):
            import_files(tiny, source)
        assert list(cache.iterdir()) == []


class TestCatalogue:
    def test_sums_are_whole_and_distinct(self) -> None:
        files = MNIST.files + FASHION_MNIST.files
        sums = [file.remote.sha256 for file in files] + [file.content_sha256 for file in files]
        assert len(set(sums)) == 16
        assert all(len(value) == 64 and int(value, 16) for value in sums)
        assert [file.stem for file in MNIST.files] == list(STEMS)

    @needs_data
    def test_the_gzipped_sums_of_mnist_are_right(self, tmp_path: Path) -> None:
        folder = MNIST_FILES
        answers = {path.name: whole(path.read_bytes()) for path in folder.iterdir()}
        with serving(by_path(answers)) as server:
            load_mnist("mnist", tmp_path, mirror=server.url)
        for path in folder.iterdir():
            assert (tmp_path / "mnist" / path.name).read_bytes() == path.read_bytes()

    def test_a_mirror_without_the_files_is_named(self, tmp_path: Path, tiny: KnownDataset) -> None:
        with (
            serving(status(404)) as server,
            pytest.raises(DataError, match=f"{server.url}: it answers 404 Not Found"),
        ):
            load_mnist("mnist", tmp_path, mirror=server.url)
