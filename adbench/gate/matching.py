"""Matching of the configurations of runs with those of a baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from adbench.errors import DataError
from adbench.gate.configurations import ABSENT, Configuration, in_words, shown, varying_keys


@dataclass(frozen=True)
class Match:
    """A configuration of the baseline, the `settings` that set it apart from similar ones, and its counterpart."""

    before: Configuration
    after: Configuration | None
    settings: str
    note: str = ""  # a change of the configuration, or why there is no counterpart


def match(before: Sequence[Configuration], after: Sequence[Configuration]) -> tuple[list[Match], list[Configuration]]:
    """Pair configurations of the same data and model; also returns those of the runs that the baseline lacks.

    Equal configurations are paired first. If each side has one left, these are paired although they differ: a release
    that changes a default is a purpose of the gate. If there are several, those are paired that agree in the keys that
    vary within the baseline. Raises DataError if a pair was run on different contents of the data.
    """
    partner: dict[int, Configuration] = {}
    for i, configuration in enumerate(before):
        same = [c for c in _like(configuration, after) if c.config == configuration.config]
        if same:
            partner[i] = next((c for c in same if c.digests == configuration.digests), same[0])
    found = []
    for i, configuration in enumerate(before):
        peers = _like(configuration, before)
        keys = varying_keys([peer.config for peer in peers])
        note = ""
        if i not in partner:
            taken = {id(c) for c in partner.values()}
            fitting = _fitting(configuration, peers, _like(configuration, after), keys)
            free = [c for c in fitting if id(c) not in taken]
            if len(free) == 1:
                partner[i] = free[0]
                note = _changed(configuration, free[0])
            elif free:
                differing = ", ".join(varying_keys([c.config for c in free])) or "their data"
                note = f"{len(free)} configurations of the runs fit, which differ in {differing}; name a folder of one"
        matched = partner.get(i)
        if matched is not None:
            _check_data(configuration, matched)
        found.append(Match(configuration, matched, in_words(configuration.config, keys), note))
    taken = {id(m.after) for m in found}
    return found, [c for c in after if id(c) not in taken and c.seeds]


def _like(configuration: Configuration, others: Sequence[Configuration]) -> list[Configuration]:
    return [c for c in others if (c.data, c.model) == (configuration.data, configuration.model)]


def _fitting(
    before: Configuration, peers: list[Configuration], candidates: list[Configuration], keys: list[str]
) -> list[Configuration]:
    if len(peers) == len(candidates) == 1:
        return candidates
    return [c for c in candidates if all(c.config.get(k, ABSENT) == before.config.get(k, ABSENT) for k in keys)]


def _changed(before: Configuration, after: Configuration) -> str:
    keys = varying_keys([before.config, after.config])
    none = "none"
    changes = [f"{k} {in_words(before.config, [k]) or none} -> {in_words(after.config, [k]) or none}" for k in keys]
    return "; ".join(change.replace(f"{k}=", "") for k, change in zip(keys, changes, strict=True))


def _check_data(before: Configuration, after: Configuration) -> None:
    if before.digests and after.digests and before.digests != after.digests:
        raise DataError(
            f"expected runs on the data of the baseline, which for {before.data} is {shown(before.data_sha256)}, got"
            f" {shown(after.data_sha256)}; run on the same data, or write a new baseline with --update"
        )
