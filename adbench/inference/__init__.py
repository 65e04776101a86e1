"""Application of finished runs to new rows."""
