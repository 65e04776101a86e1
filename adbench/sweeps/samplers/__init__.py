"""Samplers, which choose the jobs of a sweep, one per file."""
