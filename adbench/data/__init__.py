"""Datasets: one file each, with its facts as constants and `load(folder) -> Table`."""
