"""Sizes follow from the kernel and the cache, and nothing else."""

import subprocess
import sys
from dataclasses import asdict, replace
from functools import partial

import pytest

from bpnet.errors import ConfigError
from bpnet.fast import processor
from bpnet.fast.linear import row_blocks
from bpnet.fast.processor import Processor, parse_processor, this_processor
from bpnet.fast.sizes import Sizes, sizes_for
from tests.helpers.fitting import fit
from tests.helpers.tiny import process_environment

MEGABYTE = 2**20


@pytest.mark.parametrize("cache", [MEGABYTE, 2 * MEGABYTE])
@pytest.mark.parametrize("kernel", ["SkylakeX", "Cooperlake", "SapphireRapids"])
def test_large_caches_and_kernels_for_avx512_have_the_sizes_that_were_measured(
    kernel: str, cache: int
) -> None:
    assert sizes_for(Processor(kernel, cache)) == Sizes()


@pytest.mark.parametrize("kernel", ["Haswell", "Zen", "NEOVERSEN1", "unknown"])
def test_other_kernels_multiply_in_one_go(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sizes_for(Processor(kernel, MEGABYTE))
    assert found == replace(Sizes(), small_product=0, small_gradient=0)
    fit(monkeypatch, small_product=found.small_product)
    assert row_blocks(400, 784 * 64) == 1
    fit(monkeypatch, small_product=Sizes.small_product)
    assert row_blocks(400, 784 * 64) > 1


def test_blocks_shrink_with_the_cache() -> None:
    large, small = (
        asdict(sizes_for(Processor("Haswell", size))) for size in (MEGABYTE, MEGABYTE // 4)
    )
    shrunk = {name for name in large if small[name] < large[name]}
    endings = ("_block", "_strip", "_weight", "_kept")
    assert shrunk == {name for name in large if name.endswith(endings)}
    assert all(large[name] == 4 * small[name] for name in shrunk)


@pytest.mark.parametrize(
    ("text", "kernel", "size"),
    [
        ("Haswell 512K", "Haswell", MEGABYTE // 2),
        ("  Zen\t1.25M ", "Zen", MEGABYTE + MEGABYTE // 4),
        ("SkylakeX 2M", "SkylakeX", 2 * MEGABYTE),
    ],
)
def test_a_processor_is_named_by_kernel_and_cache(text: str, kernel: str, size: int) -> None:
    found = parse_processor(text)
    assert found == Processor(kernel, size)
    assert parse_processor(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("Haswell", "512K", "Haswell 512", "Haswell 512KB", "Has well 512K", "Haswell -1M"),
        *("Haswell 0K", "Haswell 9999999M", "Haswell 1e3K", "Haswell \u0665K", "Haswell 5K 1M"),
    ],
)
def test_what_names_no_processor_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="BPNET_PROCESSOR") as caught:
        parse_processor(text)
    assert "Haswell 512K" in str(caught.value)


def test_the_variable_decides_for_a_whole_process() -> None:
    code = "from bpnet.fast import sizes; print(sizes.describe_choice())"
    told = {}
    for text in ("SkylakeX 2048K", "Haswell 256K"):
        environment = process_environment(BPNET_PROCESSOR=text)
        words = [sys.executable, "-c", code]
        told[text] = subprocess.check_output(words, env=environment, text=True)
        assert f"'chosen_for': '{text}'" in told[text]
    assert f"'small_product': {Sizes.small_product}" in told["SkylakeX 2048K"]
    assert "'small_product': 0" in told["Haswell 256K"]
    assert f"'parameter_block': {Sizes.parameter_block // 4}" in told["Haswell 256K"]


def test_the_same_choice_in_every_process() -> None:
    code = "from bpnet.fast import sizes; print(sizes.describe_choice())"
    words = [sys.executable, "-c", code]
    told = [subprocess.check_output(words, env=process_environment()) for _ in range(2)]
    assert told[0] == told[1]


def test_any_cache_has_a_spelling_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (2**21 // 3, 2**30, 3 * 2**19 + 5):
        monkeypatch.setattr(processor, "cache_bytes", partial(dict, L2=size))
        found = this_processor()
        assert parse_processor(str(found)) == found
