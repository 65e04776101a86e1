"""Special keys of a configuration."""

import re
from typing import Any

# Keys that say where a run happens, not what it computes. They are not in its hash: a run started on a CPU is the same
# run on a GPU. Another device, number of threads or compilation changes the order of sums, hence their last bits, and
# training amplifies that; identical bits are promised only for the same settings on the same processor.
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
    "base_rate": None,  # the alarms of a finished run can be computed for any base rate
    "relax_fpr": None,  # if it matters, only one of the two runs exists: a rate is promised, or refused
    "data": ("folder",),
    "trainer": (
        *("accelerator", "strategy", "threads", "batches_per_step"),
        *("checkpoint_seconds", "calibration_loss", "compile"),
    ),
}

# Top-level limits that may be null for no limit. For keys of an option, its parameter's annotation says so.
LIMITS = ("cache_gb", "memory_gb")
# Seeds of single parts; null: derived from the run's seed.
OTHER_SEEDS = ("init_seed", "order_seed")
# Keys that are not in the hash while they are null, so that configurations from before them keep their name.
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
# Seeds: runs that differ only in these are repetitions of one configuration.
SEED_KEYS = ("seed", *OTHER_SEEDS, "protocol.split_seed")
# Keys that name a user's files: a run depends on their contents, not on their paths.
CONTENT = {"data": ("path", "test_path", "normal_path", "anomaly_path")}
# Groups whose option is a setting like any other key.
SETTINGS = ("protocol", "preprocess", "threshold")
# Groups whose option decides what is computed. Stored configurations name the option, never its Python path, so moving
# a class renames no run. For the trainer, the option only says where a run happens; its keys say what.
OPTIONS = ("data", "model", *SETTINGS)
TARGET = "_target_"
# Valid names of data in folders and tables.
NAME = re.compile(r"\w[\w.-]{0,99}")


Config = dict[str, Any]
