"""Make one machine stand for another kind of processor: which kernels the libraries may use."""

import platformdirs

CACHE = platformdirs.user_cache_path("bpnet", appauthor=False) / "peers"  # of compiled code
AVX2 = ("Haswell", "Zen")  # OpenBLAS's kernels for processors without AVX-512
LIMITS = {
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own loops, and those that it compiles
    "TORCHINDUCTOR_CPP_MARCH": "haswell",  # what else is in them
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",  # matrix products of PyTorch
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions of PyTorch and TensorFlow
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",  # JAX, and TensorFlow with XLA
}
UNLIMITED = ("ONNX Runtime",)  # it asks the processor itself


def environment(kernel: str | None) -> dict[str, str]:
    """Return the environment in which libraries compute as on a processor of a kind.

    Args:
        kernel: as OpenBLAS calls it, such as Haswell or SkylakeX; None for this processor's own.
    """
    compiled = CACHE / "inductor" / (kernel or "own")
    common = {"TORCHINDUCTOR_CACHE_DIR": str(compiled)}  # shared, it crashes or computes NaN
    if kernel is None:
        return common
    return common | {"OPENBLAS_CORETYPE": kernel} | (LIMITS if kernel in AVX2 else {})


def description(kernel: str | None) -> str:
    """Return a sentence for people about what was limited."""
    if kernel is None:
        return "every library with the kernels that it chooses for this processor"
    own = f"bpnet with OpenBLAS's kernels {kernel} (`OPENBLAS_CORETYPE`)"
    if kernel not in AVX2:
        return f"{own}, the others with the kernels that they choose for this processor"
    words = ", ".join(f"`{name}={value}`" for name, value in LIMITS.items())
    return (
        f"{own}, the others with their own kernels, limited to AVX2 by {words}; "
        f"{', '.join(UNLIMITED)} cannot be limited and uses all that this processor has"
    )
