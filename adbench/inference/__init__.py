"""A finished run on new rows."""
