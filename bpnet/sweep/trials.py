"""Combine the values of a sweep into trials, and check the config of each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.data.table import load_table
from bpnet.errors import ConfigError
from bpnet.nn.registry import find_loss
from bpnet.seeding import derive_rng
from bpnet.sweep.settings import ACCURACY, GRID, MOST_RUNS, Choices, Span, Sweep

MOST_DRAWS = 100  # for each trial that is wanted, before those that differ count as few


@dataclass(frozen=True)
class Trial:
    """Hold one combination.

    Args:
        number: counted from 1.
        settings: what differs from other trials, by `section.key`.
        epochs: of each of its runs.
    """

    number: int
    settings: Mapping[str, str]
    epochs: int

    @property
    def words(self) -> str:
        """Return its settings in one line."""
        return self._line(self.settings)

    @property
    def note(self) -> str:
        """Return the same with the last words of the names, where these tell them apart."""
        short = {key.partition(".")[2]: text for key, text in self.settings.items()}
        return self._line(short if len(short) == len(self.settings) else self.settings)

    def _line(self, settings: Mapping[str, str]) -> str:
        told = (f"{key}={text.replace(chr(10), ', ')}" for key, text in settings.items())
        return " ".join(told) or "as it is"


def trials_of(sweep: Sweep) -> list[Trial]:
    """Return all trials of a sweep, each with a config that was checked.

    Raises:
        ConfigError: a config is wrong, or there are too many runs.
    """
    count = _count(sweep)
    if count * len(sweep.settings.seeds) > MOST_RUNS:
        raise ConfigError(
            "the sweep has too many runs",
            where=sweep.source,
            expected=f"at most {MOST_RUNS:,}",
            found=f"{count:,} trials with {len(sweep.settings.seeds):,} seeds each",
            hint="list fewer values, or draw some with method = random",
        )
    found = []
    for number, settings in enumerate(_combinations(sweep), start=1):
        config = load_config(sweep.base, sweep.overrides({**sweep.fixed, **settings}))
        _demand_validation(sweep, config)
        _demand_accuracy(sweep, config)
        found.append(Trial(number, settings, config.train.epochs))
    return found


def _count(sweep: Sweep) -> int:
    """Return the number of trials."""
    if sweep.settings.method != GRID:
        return sweep.settings.trials
    return math.prod(len(one.values) for one in sweep.varied.values() if isinstance(one, Choices))


def _combinations(sweep: Sweep) -> Iterator[dict[str, str]]:
    """Yield the settings of each trial: all combinations, or those that are drawn."""
    if sweep.settings.method == GRID:
        lists = [one.values for one in sweep.varied.values() if isinstance(one, Choices)]
        for values in itertools.product(*lists):
            yield dict(zip(sweep.varied, values, strict=True))
        return
    yield from _draws(sweep)


def _draws(sweep: Sweep) -> Iterator[dict[str, str]]:
    """Yield different combinations: what is drawn again is passed over.

    Raises:
        ConfigError: there are fewer than wanted.
    """
    wanted = sweep.settings.trials
    known: set[tuple[str, ...]] = set()
    for number in range(MOST_DRAWS * wanted):
        drawn = {
            key: _drawn(values, sweep.settings.draw_seed, number, place)
            for place, (key, values) in enumerate(sweep.varied.items())
        }
        if (texts := tuple(drawn.values())) not in known:
            known.add(texts)
            yield drawn
        if len(known) == wanted:
            return
    raise ConfigError(
        "there are fewer different trials than are to be drawn",
        where=sweep.source,
        expected=f"[sweep] trials = {len(known)}, or less",
        found=f"trials = {wanted}",
        hint="method = grid trains every combination of listed values once",
    )


def _drawn(values: Choices | Span, seed: int, trial: int, place: int) -> str:
    """Draw the value of a setting; it depends on nothing but these numbers."""
    rng = derive_rng(seed, "sweep", trial, place)
    if isinstance(values, Choices):
        return values.values[int(rng.integers(len(values.values)))]
    low, high = values.low, values.high
    if values.is_whole:
        low, high = low - 0.5, high + 0.5  # each end is as likely as what lies between
    if values.is_log:
        drawn = math.exp(rng.uniform(math.log(low), math.log(high)))
    else:
        drawn = rng.uniform(low, high)
    if values.is_whole:
        return str(int(min(max(round(drawn), values.low), values.high)))
    return f"{min(max(float(f'{drawn:.4g}'), values.low), values.high):.9g}"


def _demand_validation(sweep: Sweep, config: Config) -> None:
    """Make sure that samples are held out, by which trials are compared.

    Raises:
        ConfigError: there are none.
    """
    if not config.data.validation:
        raise ConfigError(
            "a sweep compares trials on samples held out of the training set, and there are none",
            where=sweep.places.get("data.validation", sweep.base),
            expected="data.validation above 0",
            found="data.validation = 0",
            hint="write data.validation = 5000, for example, in [settings]",
        )


def _demand_accuracy(sweep: Sweep, config: Config) -> None:
    """Make sure that trials which are compared by accuracy have one.

    Raises:
        ConfigError: they learn numbers, and no classes.
    """
    if sweep.settings.goal != ACCURACY or config.data.dataset != "table":
        return
    has_classes = load_table(config).train.targets.ndim == 1
    loss = find_loss(config.train.loss)
    assert loss is not None
    if not (has_classes or loss.answers_questions):
        raise ConfigError(
            "a sweep compares trials by validation_accuracy, but these learn numbers",
            where=sweep.source,
            hint="write goal = validation_loss in [sweep]",
        )
