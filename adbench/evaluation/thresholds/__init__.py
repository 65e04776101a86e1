"""Threshold rules: the score above which a row is reported, found without labels. One file each."""
