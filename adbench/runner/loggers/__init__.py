"""Loggers of runs beside the run folder: thin wrappers around Lightning's loggers, one per file."""
