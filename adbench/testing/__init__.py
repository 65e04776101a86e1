"""Checks of the detector and loader contracts, also for plugin authors: see `adbench.testing.detectors`."""
