"""Fit work to the processor: what its caches hold, and what its BLAS multiplies without copies.

They decide in what order things are computed, and which of two equal ways is taken: changing one
changes no more than rounding. They were measured on processors with AVX-512 and 1 to 2 MB of
second-level cache for each core.
"""

# Matrix products
SMALL_PRODUCT = 1_000_000  # multiply-adds up to which OpenBLAS packs nothing
FEWEST_ROWS = 8  # of a block of rows that is multiplied on its own

# Convolutions
MICRO_BATCH = 32  # samples whose convolutions a core's own cache holds
MANY_FILTERS = 24  # from here on, products cost more than copying the input once more
TILED_BLOCK = 300_000  # numbers that a block of rows writes: they should stay in the cache
WINOGRAD_BLOCK = 900_000  # numbers that a block of tiles writes: likewise
WINOGRAD_STRIP = 150_000  # numbers of the input's gradient that are added up at a time
FEWEST_CHANNELS = 16  # with which Winograd's way is faster
LEAST_COVERED = 0.75  # fraction of the outputs computed that way that must be wanted

# Passes over memory
DROPOUT_BLOCK = 2**15  # activations at a time
PARAMETER_BLOCK = 2**16  # parameters at a time: all passes over them find them in the cache
LARGE_WEIGHT = 2**18  # weights that are more than the cache should be filled with
LARGE_WEIGHT_BLOCK = 2**18  # of their gradient at a time
UFUNC_BUFFER = 512  # elements; NumPy's 8192 make short strided runs 3–4 times slower
