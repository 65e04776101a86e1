"""Protocols: divisions of a table into fit, calibration and test rows, one per file, called with (table, seed)."""
