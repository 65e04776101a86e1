"""Where a run can be told beside its folder: thin shells around Lightning's loggers, one file each."""
