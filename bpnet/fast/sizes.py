"""Choose the sizes that fit work to the processor: what its caches hold, what its BLAS packs.

They decide in what order things are computed, and which of two equal ways is taken: other sizes
change no more than rounding. They follow from the name of the BLAS kernel and the size of a core's
second-level cache, never from a timing: the same processor takes the same sizes every time, and so
computes the same bits.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from bpnet.fast.processor import Processor, this_processor
from bpnet.machine import blas_kernel, cache_bytes

UFUNC_BUFFER = 512  # elements; NumPy's 8192 make short strided runs 3–4 times slower anywhere
MEASURED_CACHE = 2**20  # bytes: with 1 to 2 MB for each core, the sizes below were found best
# OpenBLAS's kernels for AVX-512 multiply small matrices as they lie (its issue 3335).
PACKS_NO_SMALL_PRODUCTS = ("SkylakeX", "Cooperlake", "SapphireRapids")


@dataclass(frozen=True)
class Sizes:
    """Hold all sizes that depend on the processor; numbers are those of an array.

    Args:
        small_product: multiply-adds up to which the BLAS packs nothing; 0 where it always packs,
            so that a product is never cut.
        small_gradient: outputs of a product `δ xᵀ` up to which the same holds; 0 likewise.
        fewest_rows: of a block of rows that is multiplied on its own.
        micro_batch: samples of a convolutional network that are computed at a time, at most.
        micro_batch_block: numbers that all its layers write for them, at most.
        row_block: numbers that a block of rows writes: they should stay in the cache.
        winograd_block: numbers that a block of tiles writes: likewise.
        winograd_kept: numbers of a mapped input that backward finds sooner than it computes them.
        winograd_strip: numbers of the input's gradient that are added up at a time.
        fewest_channels: with which Winograd's way is faster.
        least_covered: fraction of the outputs computed that way that must be wanted.
        dropout_block: activations at a time.
        norm_block: numbers of the channels that are normalised together.
        parameter_block: parameters at a time: all passes over them find them in the cache.
        large_weight: weights that are more than the cache should be filled with.
        gradient_block: numbers of a gradient that are computed at a time, where it is moved along
            while it is at hand.
    """

    small_product: int = 1_000_000
    small_gradient: int = 1_200
    fewest_rows: int = 8
    micro_batch: int = 64
    micro_batch_block: int = 2_000_000
    row_block: int = 300_000
    winograd_block: int = 900_000
    winograd_kept: int = 2**18
    winograd_strip: int = 150_000
    fewest_channels: int = 16
    least_covered: float = 0.75
    dropout_block: int = 2**15
    norm_block: int = 2**15
    parameter_block: int = 2**16
    large_weight: int = 2**18
    gradient_block: int = 2**18


def sizes_for(processor: Processor) -> Sizes:
    """Return the sizes for a processor: blocks shrink with a cache smaller than those measured."""
    cache = min(processor.l2_bytes, MEASURED_CACHE)

    def part(numbers: int) -> int:
        return numbers * cache // MEASURED_CACHE

    packs_nothing = processor.kernel in PACKS_NO_SMALL_PRODUCTS
    return Sizes(
        small_product=Sizes.small_product if packs_nothing else 0,
        small_gradient=Sizes.small_gradient if packs_nothing else 0,
        micro_batch_block=part(2_000_000),
        row_block=part(300_000),
        winograd_block=part(900_000),
        winograd_kept=part(2**18),
        winograd_strip=part(150_000),
        dropout_block=part(2**15),
        norm_block=part(2**15),
        parameter_block=part(2**16),
        large_weight=part(2**18),
        gradient_block=part(2**18),
    )


@lru_cache(maxsize=1)
def chosen() -> Sizes:
    """Return the sizes for this processor, or for the one that BPNET_PROCESSOR names.

    Raises:
        ConfigError: BPNET_PROCESSOR names none.
    """
    return sizes_for(this_processor())


def describe_choice() -> dict[str, Any]:
    """Return what was found of this processor, which one the sizes are for, and the sizes."""
    return {
        "kernel": blas_kernel(),
        "cache_bytes": cache_bytes(),
        "chosen_for": str(this_processor()),
        "sizes": asdict(chosen()),
    }
