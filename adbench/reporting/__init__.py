"""Finished runs -> one HTML file with tables and figures, and the same figures as files. Needs no torch."""
