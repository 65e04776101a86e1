"""Preprocessing: numeric columns scaled, categorical ones one-hot, all of it fitted on the fit rows alone."""
