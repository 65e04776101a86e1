"""Which keys of a configuration are special, and how."""

import re
from typing import Any

# Keys that say where and on what a run happens. They are not in its hash: a run started on a CPU is the same run on a
# GPU. Another device, number of threads or compilation orders sums otherwise, which changes their last bits, and by a
# training what follows from them; the same bits are promised with the same ones, on the same processor.
WHERE_NOT_WHAT = {
    "choices": None,
    "logger": None,
    "runs_dir": None,
    "cache": None,
    "cache_gb": None,
    "memory_gb": None,
    "keep_values": None,
    "alerts_per_day": None,  # these two are in target_fpr
    "rows_per_day": None,
    "base_rate": None,  # what a finished run comes to is told for any
    "relax_fpr": None,  # where it makes a difference, there is one run of the two: a rate is promised, or refused
    "data": ("folder",),
    "trainer": (
        *("accelerator", "strategy", "threads", "batches_per_step"),
        *("checkpoint_seconds", "calibration_loss", "compile"),
    ),
}

# Numbers of the top that limit something, and may be null: no limit. What an option builds says so by an annotation.
LIMITS = ("cache_gb", "memory_gb")
# What can be drawn with a seed of its own; null: with the run's seed.
OTHER_SEEDS = ("init_seed", "order_seed")
# Keys that are not in the hash while they are null, so that a configuration without them keeps its name.
NOTHING_WHILE_NULL = (
    *(*OTHER_SEEDS, "preprocess.categories", "preprocess.tail"),
    "measured",
    *("protocol.calibration", "protocol.folds", "protocol.max_anomalies", "protocol.gap", "protocol.fold"),
    "threshold.confidence",
    *("preprocess.constant", "threshold.percentile"),
    *("protocol.label_noise", "protocol.irrelevant", "protocol.synthetic"),
    *(f"data.{key}" for key in ("header", "skip_rows", "member", "decimal", "thousands", "infinite")),
    *(f"data.{key}" for key in ("normal_path", "anomaly_path", "id", "missing_words", "name")),
    *("data.time", "data.time_format"),
)
# Keys whose values are draws: runs that differ in nothing else are repetitions of one configuration.
SEED_KEYS = ("seed", *OTHER_SEEDS, "protocol.split_seed")
# Keys that name a user's files: the bytes in them are what a run depends on, not where they lie.
CONTENT = {"data": ("path", "test_path", "normal_path", "anomaly_path")}
# Groups whose option is a setting like any other key.
SETTINGS = ("protocol", "preprocess", "threshold")
# Groups whose option decides what is run. What is stored names the option, never the Python path behind it: a class
# that moves renames no run. A trainer's option only says where, and its keys what.
OPTIONS = ("data", "model", *SETTINGS)
TARGET = "_target_"
# What data can be called, in folders and tables.
NAME = re.compile(r"\w[\w.-]{0,99}")


Config = dict[str, Any]
