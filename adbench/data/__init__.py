"""Datasets: one module each, with its facts as constants and `load(folder) -> Table`."""
