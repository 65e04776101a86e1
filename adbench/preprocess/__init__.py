"""Preprocessing: scaled numeric and one-hot categorical columns, fitted on the fit rows alone."""
