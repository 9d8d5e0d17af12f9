"""Read a config strictly, with all its errors at once, and write the effective one."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bpnet.config.data_settings import DataConfig
from bpnet.config.ini import Entry, Ini, Problem, read_ini
from bpnet.config.layer_lines import LayerSpec, read_layer, unbalanced
from bpnet.config.settings import SECTIONS, SET, Config, option_of
from bpnet.config.values import MOST_DRAWN, MOST_NUMBERS, nearest, numbers
from bpnet.disk import what_is_at
from bpnet.errors import ConfigError, listed, quoted, shorten
from bpnet.nn.registry import find_loss

MOST_LAYERS = 1_000
OF_SWEEPS = ("sweep", "settings", "vary")  # sections of their files


class ConfigReader:
    """Turn the text of a config file into a `Config` and a list of what is wrong with it.

    Args:
        source: what messages call the text, usually its path.
        folder: where relative paths in the text start.
    """

    def __init__(self, source: str, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.problems: list[str] = []
        self._options = [SET]  # that settings were given with: "line" −n is that of the n-th

    def read(self, text: str, overrides: Iterable[str] = ()) -> Config:
        """Return the config, with a default wherever the text is wrong; see `problems`.

        Args:
            text: the content of a config file.
            overrides: `section.key=value` each; they override the text.
        """
        ini = read_ini(text)
        for problem in ini.problems:
            self._report(problem)
        for override in overrides:
            self._apply(override, ini)
        given: dict[str, str] = {}
        sections = {name: self._section(name, ini, given) for name in SECTIONS}
        self._check_section_names(ini)
        weights = self._weights(ini.sections.get("weights", {}), given)
        config = Config(**sections, weights=weights, given=given)
        return self._complete(config)

    def _report(self, problem: Problem) -> None:
        """Note one problem with its place: a line, or the option that the setting came with."""
        message = problem.message
        if problem.key:
            from bpnet.config.hints import hint_at, hint_to_set  # only where something is wrong

            is_option = problem.line <= 0 and self._place(problem.line).startswith("--")
            hint = hint_to_set if is_option else hint_at
            message += f"; {hint(problem.key, problem.value)}"
        self.problems.append(f"{self._place(problem.line)}: {message}")

    def _place(self, line: int) -> str:
        return f"{self.source}:{line}" if line > 0 else self._options[-line]

    def _apply(self, override: str, ini: Ini) -> None:
        option = option_of(override)
        if option not in self._options:
            self._options.append(option)
        place = -self._options.index(option)
        name, equals, value = override.partition("=")
        section, dot, key = name.strip().partition(".")
        text = value.strip()
        if not (equals and dot and key):
            message = f"expected SECTION.KEY=VALUE, found {quoted(override)}"
            self._report(Problem(place, message, name.strip(), text))
            return
        if (section, key) == ("model", "layers"):
            text = text.replace(",", "\n")  # a command line has one line only
        lines = [line for line in text.splitlines() if line.strip()]
        ini.sections.setdefault(section, {})[key] = Entry(place, lines, [place] * len(lines))
        ini.section_lines.setdefault(section, place)

    def _check_section_names(self, ini: Ini) -> None:
        known = [*SECTIONS, "weights"]
        for name in ini.sections:
            if name not in known:
                from bpnet.config.other_names import section_meant_by

                near = section_meant_by(name) or nearest(name, known)
                unknown = f"[{shorten(name, 80)}] is unknown"
                line = ini.section_lines[name]
                if line > 0:
                    hint = f"did you mean [{near}]?" if near else f"known are {', '.join(known)}"
                    if name in OF_SWEEPS:
                        hint = "this is the file of a sweep, which `bpnet sweep` trains"
                    self._report(Problem(line, f"{unknown}; {hint}"))
                    continue
                for key, entry in ini.sections[name].items():  # an option's
                    self._report(Problem(line, unknown, f"{near or name}.{key}", entry.text))

    def _section(self, name: str, ini: Ini, given: dict[str, str]) -> Any:
        """Read the keys of one section into its dataclass."""
        section = SECTIONS[name]
        fields = {field.name: field for field in dataclasses.fields(section)}
        values: dict[str, Any] = {}
        for key, entry in ini.sections.get(name, {}).items():
            if key not in fields:
                unknown = f"[{name}] {shorten(key, 80)} is unknown"
                self._report(Problem(entry.line, unknown, key, entry.text))
                continue
            given[f"{name}.{key}"] = self._place(entry.line)
            if (name, key) == ("model", "layers"):
                values[key] = self._layers(entry)
                continue
            try:
                values[key] = fields[key].metadata["read"](entry.text)
            except ValueError as error:
                self._report(Problem(entry.line, f"[{name}] {key} expects {error}"))
        return section(**values)

    def _layers(self, entry: Entry) -> tuple[LayerSpec, ...]:
        if len(entry.values) > MOST_LAYERS:
            found = f"found {len(entry.values):,}"
            self._report(Problem(entry.line, f"[model] layers: at most {MOST_LAYERS:,}, {found}"))
            return ()
        specs = []
        for line, number in zip(entry.values, entry.lines, strict=True):
            try:
                specs.append(read_layer(line, self._place(number)))
            except ValueError as error:
                self._report(Problem(number, f"[model] layers: {error}"))
        if len(specs) == len(entry.values):  # else what is missing may be a line that is wrong
            self.problems += [
                f"{spec.where}: [model] layers: {why}" for spec, why in unbalanced(specs)
            ]
        return tuple(specs)

    def _weights(
        self, entries: dict[str, Entry], given: dict[str, str]
    ) -> dict[str, tuple[float, ...]]:
        weights = {}
        for name, entry in entries.items():
            given[f"weights.{name}"] = self._place(entry.line)
            try:
                weights[name] = numbers(entry.text)
            except ValueError as error:
                message = f"[weights] {shorten(name, 80)} expects {error}"
                self._report(Problem(entry.line, message))
        return weights

    def _complete(self, config: Config) -> Config:
        """Settle the defaults that depend on other settings, and what the data set requires."""
        data = config.data
        if "data.synthetic_seed" not in config.given:
            data = dataclasses.replace(data, synthetic_seed=config.train.seed)
        if data.dataset == "table":
            if "data.validation" not in config.given:
                data = dataclasses.replace(data, validation=0)
            if "data.normalize" not in config.given:
                data = dataclasses.replace(data, normalize="none")
        if data.path:
            data = dataclasses.replace(data, path=self._follow(data.path, config.given))
        self._check_numbers(config)
        self._check_data(config, data)
        self._check_training(config, data)
        if not config.model.layers and not any("layers" in text for text in self.problems):
            self.problems.append(f"{self.source}: [model] layers is empty; name one layer per line")
        return dataclasses.replace(config, data=data)

    def _follow(self, path: str, given: Mapping[str, str]) -> str:
        """Return `[data] path` as an absolute one; one from a file starts at that file."""
        place = given["data.path"]
        whole = Path() / path if place in self._options else self.folder / path
        try:
            return os.path.realpath(whole)
        except (OSError, ValueError):
            self.problems.append(f"{place}: [data] path leads nowhere: {what_is_at(whole)}")
            return ""

    def _check_numbers(self, config: Config) -> None:
        """Report more numbers than a config may hold."""
        tables = (*config.data.inputs, *config.data.targets, *config.weights.values())
        found = sum(map(len, tables))
        if found > MOST_NUMBERS:
            message = f"tables and weights hold at most {MOST_NUMBERS:,} numbers, found {found:,}"
            self.problems.append(f"{self.source}: {message}; put them in an idx data set")

    def _check_data(self, config: Config, data: DataConfig) -> None:
        """Report tables that do not fit, and keys that the data set needs or cannot use."""

        def report(key: str, message: str) -> None:
            place = config.given.get(f"data.{key}", self.source)
            self.problems.append(f"{place}: [data] {message}")

        if data.drawn and data.dataset != "mnist":
            report("drawn", f"drawn digits go with mnist, not with {data.dataset}")
        if data.non_digits and data.dataset != "mnist":
            report("non_digits", f"drawn pictures go with mnist, not with {data.dataset}")
        if data.is_endless and data.validation > MOST_DRAWN:
            report("validation", f"at most {MOST_DRAWN:,} digits are drawn to validate on")
        if data.dataset == "idx" and not data.path:
            report("dataset", "dataset = idx needs `path`, the folder that holds its four files")
        if data.dataset != "table":
            return
        widths = {"inputs": {len(row) for row in data.inputs}}
        widths["targets"] = {len(row) for row in data.targets}
        for key, found in widths.items():
            if not found or 0 in found:
                report(key, f"dataset = table needs `{key}`, one sample per line")
            elif len(found) > 1:
                report(key, f"the rows of `{key}` differ in length: {_some(found)}")
        if len(data.inputs) != len(data.targets):
            counts = f"{len(data.inputs)} inputs but {len(data.targets)} targets"
            report("targets", f"every input needs a target, found {counts}")
        size = 1
        for side in data.input_shape:
            size *= side
        if data.input_shape and widths["inputs"] not in ({size}, set()):
            message = f"input_shape needs {size} numbers a line, found {_some(widths['inputs'])}"
            report("input_shape", message)

    def _check_training(self, config: Config, data: DataConfig) -> None:
        """Report targets and settings that training cannot use."""
        train = config.train
        loss = find_loss(train.loss)
        if train.label_smoothing and loss is not None and not loss.smooths:
            place = config.given.get("train.label_smoothing", self.source)
            message = f"[train] label_smoothing has no meaning for loss = {train.loss}"
            self.problems.append(f"{place}: {message}; leave it out")
        if train.early_stopping and not data.validation:
            place = config.given.get("train.early_stopping", self.source)
            message = "[train] early_stopping needs samples to watch: [data] validation above 0"
            self.problems.append(f"{place}: {message}")
        if data.dataset == "table" and train.loss == "cross_entropy":
            wrong = next((row for row in data.targets if not math.isclose(sum(row), 1)), None)
            if wrong is not None:
                place = config.given.get("data.targets", self.source)
                message = "cross_entropy needs targets that sum to 1 in every row"
                found = shorten(" ".join(map(str, wrong)), 80)
                self.problems.append(f"{place}: [data] {message}, found {found}")


def _some(lengths: set[int]) -> str:
    """Return the lengths of rows, shortest first; of many the middle is left out."""
    return shorten(str(sorted(lengths)), 80)


def raise_problems(source: str, problems: list[str]) -> None:
    """Raise one error that lists all problems; do nothing if there are none."""
    if problems:
        count = "1 error" if len(problems) == 1 else f"{len(problems):,} errors"
        raise ConfigError(f"{count} in the configuration {source}", details=listed(problems))
