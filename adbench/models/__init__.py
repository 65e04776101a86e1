"""Detectors, one per file, independent of datasets, metrics, thresholds and data loaders."""
