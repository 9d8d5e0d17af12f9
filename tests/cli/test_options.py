"""What commands say about other commands."""

import pytest

from bpnet.cli.options import as_on


@pytest.mark.parametrize(
    ("processor", "beginning"),
    [
        ("Haswell 512K", "OPENBLAS_CORETYPE=Haswell BPNET_PROCESSOR='Haswell 512K'"),
        ("unknown 1024K", "BPNET_PROCESSOR='unknown 1024K'"),  # no OpenBLAS has such a kernel
    ],
)
def test_a_command_begins_with_the_processor_whose_sizes_it_takes(
    processor: str, beginning: str
) -> None:
    assert as_on(processor) == beginning
