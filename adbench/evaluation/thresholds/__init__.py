"""Threshold rules: one file per rule, each finding without labels the score above which a row is reported."""
