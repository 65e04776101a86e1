"""Engines that run the jobs of a sweep: one file per engine."""
