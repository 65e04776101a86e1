"""Which jobs a sweep runs: one file a way to choose them."""
