"""Detectors: one file each. Nothing here knows a dataset, a metric, a threshold or a data loader."""
