"""Statistics across runs; what is known about one run is in adbench.evaluation."""
