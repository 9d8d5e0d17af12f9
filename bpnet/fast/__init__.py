"""The same results faster: fused blocks, tiles, Winograd, folding."""
