"""What the system tells of the processor's caches."""

import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bpnet.machine import (
    blas_description,
    blas_kernel,
    blas_threads,
    cache_bytes,
    keep_freed_memory,
    return_freed_memory,
    single_blas_thread,
)
from tests.helpers.places import PROJECT
from tests.helpers.tiny import process_environment

KILO, MEGA = 2**10, 2**20


def write_processor(folder: Path, siblings: str, caches: list[tuple[str, int, str, str]]) -> Path:
    """Write what Linux tells of a processor: kind, level, size and users of each cache."""
    (folder / "topology").mkdir(parents=True)
    (folder / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
    for number, values in enumerate(caches):
        cache = folder / "cache" / f"index{number}"
        cache.mkdir(parents=True)
        for name, value in zip(("type", "level", "size", "shared_cpu_list"), values, strict=True):
            (cache / name).write_text(f"{value}\n")
    return folder


def test_threads_of_one_core_share_what_is_its_own(tmp_path: Path) -> None:
    caches = [
        ("Data", 1, "32K", "0,4"),
        ("Instruction", 1, "64K", "0,4"),
        ("Unified", 2, "512K", "0,4"),
        ("Unified", 3, "16M", "0-7"),
    ]
    found = cache_bytes(write_processor(tmp_path, "0,4", caches))
    assert found == {"L1": 32 * KILO, "L2": 512 * KILO, "L3": 4 * MEGA}


def test_cores_that_share_a_cache_have_a_part_each(tmp_path: Path) -> None:
    caches = [("Data", 1, "32K", "0"), ("Unified", 2, "2048K", "0-3")]
    assert cache_bytes(write_processor(tmp_path, "0", caches)) == {"L1": 32 * KILO, "L2": MEGA // 2}


@pytest.mark.parametrize("size", ["", "512", "many"])
def test_what_cannot_be_read_is_left_out(tmp_path: Path, size: str) -> None:
    caches = [("Data", 1, "32K", "0"), ("Unified", 2, size, "0")]
    assert cache_bytes(write_processor(tmp_path / "cpu", "0", caches)) == {"L1": 32 * KILO}
    assert cache_bytes(tmp_path / "nowhere") == {}


def test_the_kernel_has_a_name() -> None:
    assert blas_kernel().isidentifier()


def test_libraries_of_others_are_not_named() -> None:
    """SciPy brings a BLAS of its own, and whether it is loaded changes nothing here."""
    pytest.importorskip("scipy.linalg")
    code = "import {}\nfrom bpnet.machine import blas_description\nprint(blas_description())"
    alone, beside = (
        subprocess.run(
            [sys.executable, "-c", code.format(modules)],
            env=process_environment(),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for modules in ("numpy", "scipy.linalg, numpy")
    )
    assert alone == beside


@pytest.mark.parametrize("before", [None, "7"])
def test_numpy_may_be_told_to_use_one_thread_before_it_is_loaded(before: str | None) -> None:
    code = (
        "import os, sys\n"
        "from bpnet.machine import blas_description, single_blas_thread\n"
        "assert 'numpy' not in sys.modules\n"
        "with single_blas_thread():\n"
        "    print(os.environ.get('OPENBLAS_NUM_THREADS'), blas_description()[0]['num_threads'])\n"
    )
    environment = {**process_environment(), "OPENBLAS_NUM_THREADS": before or ""}
    if before is None:
        del environment["OPENBLAS_NUM_THREADS"]
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=PROJECT, capture_output=True, text=True
    )
    assert done.stdout == f"{before} 1\n", done.stderr
    with single_blas_thread():  # NumPy is loaded here, so the library itself is told
        assert blas_description()[0]["num_threads"] == 1


def test_contexts_of_several_threads_leave_the_process_as_it_was() -> None:
    def threads() -> int:
        return int(blas_description()[0]["num_threads"])

    one, other = blas_threads(1), blas_threads(1)
    with blas_threads(2), ThreadPoolExecutor(1) as pool:
        one.__enter__()
        pool.submit(other.__enter__).result()
        one.__exit__(None, None, None)  # the first to end changes nothing for the other
        assert threads() == 1
        with blas_threads(2):
            assert threads() == 2
        assert threads() == 1
        pool.submit(other.__exit__, None, None, None).result()
        assert threads() == 2


def test_the_last_of_several_threads_restores_what_was_before_all() -> None:
    before = blas_description()
    with ThreadPoolExecutor(1) as pool:
        one, other = blas_threads(1), blas_threads(1)
        one.__enter__()
        pool.submit(other.__enter__).result()
        one.__exit__(None, None, None)
        pool.submit(other.__exit__, None, None, None).result()
    assert blas_description() == before


def test_libraries_that_multiply_no_matrices_are_not_told() -> None:
    pytest.importorskip("sklearn", reason="needs a library of threads that is no BLAS")
    code = "import sklearn.cluster; from bpnet.machine import blas_description as told; "
    code += "print({library['internal_api'] for library in told()} & {'openmp'})"
    done = subprocess.run(
        [sys.executable, "-c", code], env=process_environment(), capture_output=True, text=True
    )
    assert done.stdout == "set()\n", done.stderr


FREED = """
import sys
from pathlib import Path
from bpnet.machine import return_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "returns":
    return_freed_memory()
learned = bytearray(8 << 20)  # freed, it teaches the C library to keep as much
del learned
before = resident()
large = [bytearray(b"1") * (4 << 20), bytearray(1)]
del large[0]  # what comes after it is still there
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize("how", ["returns", "keeps"])
def test_freed_memory_goes_back_to_the_system(how: str) -> None:
    command = [sys.executable, "-c", FREED, how]
    run = subprocess.run(command, env=process_environment(), capture_output=True, check=True)
    assert (int(run.stdout) < 2 << 20) == (how == "returns")


def test_asking_for_that_is_harmless_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", system)
        return_freed_memory()
        if system != "linux":  # there it would last for all tests that follow
            keep_freed_memory()


FAULTS = """
import resource, sys
from bpnet.machine import keep_freed_memory, return_freed_memory

return_freed_memory()
if sys.argv[1] == "keeps":
    keep_freed_memory()

def faults():
    large = bytearray(b"1") * (4 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

first = faults()
print([faults() for _ in range(10)][-1] - first)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize("how", ["returns", "keeps"])
def test_freed_memory_is_kept_for_the_next_arrays(how: str) -> None:
    command = [sys.executable, "-c", FAULTS, how]
    run = subprocess.run(command, env=process_environment(), capture_output=True, check=True)
    assert (int(run.stdout) < 1000) == (how == "keeps")
