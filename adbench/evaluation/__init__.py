"""Evaluation: thresholds, sealed labels, metrics and controls. Happens once, outside the model."""
