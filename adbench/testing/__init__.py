"""What a detector has to keep, as checks that its author can run: see `adbench.testing.detectors`."""
