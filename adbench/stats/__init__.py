"""Statistics across runs; those of a single run are in adbench.evaluation."""
