"""Protocols: which rows fit, which calibrate the threshold, which test. One file each, called with (table, seed)."""
