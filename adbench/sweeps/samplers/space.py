"""Search space: the keys that the user gave an interval or several values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, RangeSweep

from adbench.config.overrides import hydra_at_hand, parse, values_of
from adbench.errors import ConfigError

SEED = "seed"
Value = str | int | float


@dataclass(frozen=True)
class Interval:
    """The numbers from low to high, both included; integers in steps of `step` if given."""

    low: float
    high: float
    step: int | None  # None: real numbers
    log: bool  # uniform in the logarithm

    def ends(self) -> tuple[Value, ...]:
        """Representative values for checking that the space composes."""
        return (self.low, self.high)


@dataclass(frozen=True)
class Choice:
    """One of these values, each as typed, including options of groups and lists."""

    options: tuple[str, ...]

    def ends(self) -> tuple[Value, ...]:
        """All values."""
        return self.options


@dataclass(frozen=True)
class Space:
    """The jobs' overrides in the user's order: fixed ones, and varying keys."""

    parts: tuple[tuple[str, Interval | Choice | None], ...]  # (override, None) if fixed, (key, values) if varying
    seeds: tuple[str, ...]  # overrides of the seed; every configuration is run with all of them

    @property
    def dimensions(self) -> dict[str, Interval | Choice]:
        """Key -> its possible values."""
        return {key: values for key, values in self.parts if values is not None}

    def overrides(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """The overrides with these values, without a seed."""
        return tuple(text if dimension is None else f"{text}={written(values[text])}" for text, dimension in self.parts)

    def jobs(self, values: Mapping[str, Value]) -> list[tuple[str, ...]]:
        """The overrides of the jobs with these values, one per seed."""
        return [(*self.overrides(values), seed) for seed in self.seeds] or [self.overrides(values)]

    def probes(self) -> Iterator[tuple[str, ...]]:
        """Jobs that together cover each option and each end of an interval."""
        first = {key: dimension.ends()[0] for key, dimension in self.dimensions.items()}
        yield self.jobs(first)[0]
        for key, dimension in self.dimensions.items():
            for value in dimension.ends()[1:]:
                yield self.jobs(first | {key: value})[0]

    def description(self) -> list[Any]:
        """The varying keys and seeds in plain types, independent of the typed order."""
        return [sorted((key, asdict(dimension)) for key, dimension in self.dimensions.items()), sorted(self.seeds)]


def written(value: Value) -> str:
    """A value as typed in an override."""
    return value if isinstance(value, str) else repr(value)


def read_space(overrides: Sequence[str]) -> Space:
    """Parse a sweep's overrides into a space. Raises ConfigError for values that cannot be sampled."""
    parts: list[tuple[str, Interval | Choice | None]] = []
    seeds: tuple[str, ...] = ()
    with hydra_at_hand():
        for text in overrides:
            override = parse(text)
            if override.key_or_group == SEED:
                if override.is_interval_sweep():
                    raise ConfigError(f"expected seeds one by one, got {text}; write seed=range(5)")
                seeds = tuple(values_of(text))
                continue
            parts.append(_part(text))
    keys = [text for text, dimension in parts if dimension is not None]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"expected one list of values for {key}, got several; write them as one")
    return Space(tuple(parts), seeds)


def _part(text: str) -> tuple[str, Interval | Choice | None]:
    override = parse(text)
    if not override.is_sweep_override():
        return text, None
    key, value = str(override.get_key_element()), override.value()
    if override.is_interval_sweep():
        assert isinstance(value, IntervalSweep)
        return key, _interval(text, value.start, value.end, "log" in value.tags)
    values = values_of(text)
    if len(values) == 1:
        return values[0], None
    options = tuple(dict.fromkeys(one.partition("=")[2] for one in values))
    if isinstance(value, RangeSweep) and all(isinstance(end, int) for end in (value.start, value.stop, value.step)):
        numbers = sorted(map(int, options))
        return key, Interval(numbers[0], numbers[-1], numbers[1] - numbers[0], log=False)
    return key, Choice(options)


def _interval(text: str, low: Any, high: Any, log: bool) -> Interval:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"expected an interval from a number to a larger one, got {text}")
    if log and low <= 0:
        raise ConfigError(f"expected an interval above 0 where it is tagged log, got {text}")
    return Interval(low, high, 1 if isinstance(low, int) and isinstance(high, int) else None, log)
