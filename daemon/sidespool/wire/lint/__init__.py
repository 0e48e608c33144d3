"""The rules a catalog must keep, and where in its text each mistake stands."""
