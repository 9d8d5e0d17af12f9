"""Train one network on several machines: the ranks of an MPI run, and how they meet."""
