"""Name the processor that sizes are chosen for: this one, or another by request."""

import os
import re
from dataclasses import dataclass

from bpnet.errors import ConfigError, quoted
from bpnet.machine import blas_kernel, cache_bytes

VARIABLE = "BPNET_PROCESSOR"
UNITS = {"K": 2**10, "M": 2**20}
USUAL_CACHE = 2**20  # bytes, where the system does not tell
LEAST_CACHE, MOST_CACHE = 2**15, 2**30


@dataclass(frozen=True, slots=True)
class Processor:
    """Hold what the choice of sizes depends on.

    Args:
        kernel: the matrix products' code, by the name that the BLAS gives it.
        l2_bytes: of the second-level cache that a core has, a multiple of 1024.
    """

    kernel: str
    l2_bytes: int

    def __str__(self) -> str:
        """Return the spelling in BPNET_PROCESSOR: `Haswell 512K`."""
        return f"{self.kernel} {self.l2_bytes // 2**10}K"


def this_processor() -> Processor:
    """Return the processor that BPNET_PROCESSOR names, or else the one that computes this.

    Raises:
        ConfigError: it names none.
    """
    if text := os.environ.get(VARIABLE):
        return parse_processor(text)
    return Processor(blas_kernel(), _whole(cache_bytes().get("L2", USUAL_CACHE)))


def parse_processor(text: str) -> Processor:
    """Read a kernel's name and the size of a core's second-level cache, in K or M.

    Raises:
        ConfigError: it is something else.
    """
    if found := re.fullmatch(r"\s*(\w+)\s+(\d{1,7}(?:\.\d{1,4})?)([KM])\s*", text, re.ASCII):
        kernel, number, unit = found.groups()
        size = _whole(int(float(number) * UNITS[unit]))
        if LEAST_CACHE <= size <= MOST_CACHE:
            return Processor(kernel, size)
    raise ConfigError(
        "this names no processor",
        where=VARIABLE,
        expected="the BLAS kernel and a core's second-level cache, such as `Haswell 512K` or "
        "`SkylakeX 2M`; 32K to 1024M",
        found=quoted(text),
        hint="`bpnet bench --show-choices` shows the name of this one",
    )


def _whole(size: int) -> int:
    """Round a size down to what its spelling can say, so that this names the same processor."""
    return size // UNITS["K"] * UNITS["K"]
