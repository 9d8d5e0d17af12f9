"""Files that are replaced in one step: through links, and without leaving anything behind."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bpnet import files
from bpnet.disk import what_is_at
from bpnet.files import atomic_write, remove_leftovers, write_text
from bpnet.locks import host_name
from tests.helpers.tiny import process_environment

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


def leftover(folder: Path, *, process: int = 1, host: str | None = None) -> Path:
    """Write what a killed process leaves."""
    path = folder / f".bpnet-{process}-{host or host_name()[:64]}-abcd_123.tmp"
    path.write_text("half")
    return path


# Links


@posix_only
class TestLinks:
    def test_what_a_link_leads_to_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "here").mkdir()
        (tmp_path / "there").mkdir()
        kept, link = tmp_path / "there" / "kept", tmp_path / "here" / "link"
        kept.write_text("old")
        link.symlink_to(Path("..") / "there" / "kept")
        (tmp_path / "again").symlink_to(link)
        write_text(tmp_path / "again", "new")
        assert link.is_symlink()
        assert not kept.is_symlink()
        assert kept.read_text() == "new"
        assert [path.name for path in kept.parent.iterdir()] == ["kept"]
        assert [path.name for path in link.parent.iterdir()] == ["link"]

    def test_a_reader_sees_the_old_content_until_the_end(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "kept")
        write_text(tmp_path / "link", "old")
        with atomic_write(tmp_path / "link") as file:
            file.write(b"new")
            assert (tmp_path / "link").read_text() == "old"
        assert (tmp_path / "link").read_text() == "new"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]

    def test_what_no_file_can_replace_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "circle").symlink_to(tmp_path / "circle")
        (tmp_path / "lost").symlink_to(tmp_path / "nowhere" / "file")
        (tmp_path / "folder").mkdir()
        os.mkfifo(tmp_path / "pipe")
        places = {
            "circle": errno.ELOOP,
            "lost": errno.ENOENT,
            "folder": errno.EISDIR,
            "pipe": errno.EINVAL,
            "a\0b": errno.EINVAL,
            "n" * 300: errno.ENAMETOOLONG,
        }
        for name, number in places.items():
            with pytest.raises(OSError, match=r"\w") as caught:
                write_text(tmp_path / name, "")
            assert caught.value.errno == number, name
        assert what_is_at(tmp_path / "pipe") == "a named pipe"
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            *("circle", "folder", "lost", "pipe")
        ]


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    name = "n" * 255
    write_text(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]


# Leftovers


@posix_only
class TestLeftovers:
    def test_a_killed_process_is_cleaned_up_after(self, tmp_path: Path) -> None:
        code = (
            "import os, signal\n"
            "from pathlib import Path\n"
            "from bpnet.files import atomic_write\n"
            f"with atomic_write(Path({str(tmp_path / 'file')!r})) as file:\n"
            "    file.write(b'half')\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], env=process_environment())
        assert done.returncode == -9
        assert len(list(tmp_path.iterdir())) == 1
        write_text(tmp_path / "other", "text")
        assert [path.name for path in tmp_path.iterdir()] == ["other"]

    def test_that_of_a_reused_number_goes_too(self, tmp_path: Path) -> None:
        path = leftover(tmp_path, process=os.getpid())
        remove_leftovers(tmp_path)
        assert not path.exists()

    def test_what_is_being_written_stays(self, tmp_path: Path) -> None:
        with atomic_write(tmp_path / "one") as file:
            file.write(b"one")
            write_text(tmp_path / "two", "two")
            remove_leftovers(tmp_path)
        assert (tmp_path / "one").read_text() == "one"

    def test_those_of_other_machines_and_programs_stay(self, tmp_path: Path) -> None:
        mine = tmp_path / ".bpnet-notes.tmp"
        mine.write_text("")
        (tmp_path / ".file.abcdefgh.tmp").write_text("")
        (tmp_path / f".bpnet-1-{host_name()}-link4567.tmp").symlink_to(mine)
        leftover(tmp_path, host="another")
        before = sorted(tmp_path.iterdir())
        remove_leftovers(tmp_path)
        assert sorted(tmp_path.iterdir()) == before

    def test_those_of_another_host_name_go_after_a_day(self, tmp_path: Path) -> None:
        """A container has another name after each start."""
        old, new = leftover(tmp_path, host="another"), leftover(tmp_path, host="one-more")
        os.utime(old, (0, 0))
        remove_leftovers(tmp_path)
        assert not old.exists()
        assert new.exists()

    def test_where_there_are_no_locks_the_number_decides(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "try_lock", lambda descriptor: None)
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        gone, stays = leftover(tmp_path, process=ended.pid), leftover(tmp_path, process=os.getpid())
        write_text(tmp_path / "file", "text")
        assert not gone.exists()
        assert stays.exists()

    def test_those_of_earlier_versions_go_after_a_day(self, tmp_path: Path) -> None:
        names = (".last.npz.abcd_123.tmp", ".last.npz.abcd_124.tmp", ".mine.abcd_123.tmp")
        old, new, other = (tmp_path / name for name in names)
        for path in (old, new, other):
            path.write_text("half")
        for path in (old, other):
            os.utime(path, (time.time() - 100_000,) * 2)
        remove_leftovers(tmp_path, ("last.npz",))
        assert sorted(tmp_path.iterdir()) == sorted([new, other])

    def test_a_directory_that_cannot_be_read_is_left_alone(self, tmp_path: Path) -> None:
        remove_leftovers(tmp_path / "nowhere")
