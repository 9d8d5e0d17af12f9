"""Find the array of a file that belongs to each parameter of a network.

Where all names are those of `bpnet export`, they decide. Otherwise modules are told by their
shapes, whatever they are called, and those of equal shapes by their order.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bpnet.errors import CheckpointError, listed
from bpnet.export.state_dict import COUNTER, array_names
from bpnet.foreign_weights.weights import Weights
from bpnet.model.forms import Form
from bpnet.nn.layer import Layer, Shape
from bpnet.nn.sequential import named_shapes

ROLES = ("weight", "bias", "running_mean", "running_var")
SPLIT = re.compile(r"(?:(.*)[./])?([^./]*)", re.DOTALL)

Module = dict[str, tuple[str, Shape]]  # names of arrays and their shapes, by role


@dataclass(frozen=True)
class Match:
    """Hold which array of a file each parameter takes.

    Args:
        names: of the arrays in the file, by those of the parameters, as `1.weight`.
        warnings: what the user should make sure of.
    """

    names: dict[str, str]
    warnings: list[str]


def match(layers: Sequence[Layer[Any]], weights: Weights) -> Match:
    """Return which arrays the layers of a network take.

    Raises:
        CheckpointError: the file lacks an array, or has one too many, or of another shape.
    """
    ours = array_names(layers)
    parameters, state = named_shapes(layers)
    shapes = parameters | state
    offered = {name: form for name, form in weights.forms.items() if not name.endswith(COUNTER)}
    by_name = {name: theirs for name, theirs in ours.items() if theirs in offered}
    if len(by_name) == len(ours) == len(offered) and all(
        offered[theirs].shape == shapes[name] for name, theirs in by_name.items()
    ):
        return Match(by_name, [])
    wanted = _modules({theirs: shapes[name] for name, theirs in ours.items()})
    names = list(offered) if weights.in_order else sorted(offered, key=_natural)
    found = _modules({name: offered[name].shape for name in names})
    pairs = _pairs(wanted, found) if _have_roles(found) else _in_order(wanted, offered, names)
    if pairs is None:
        raise _misfit(weights, wanted, found, layers)
    by_theirs = {theirs: name for name, theirs in ours.items()}
    taken = {by_theirs[theirs]: name for theirs, name in pairs.items()}
    return Match({name: taken[name] for name in ours}, _doubts(found, weights))


def _modules(shapes: dict[str, Shape]) -> dict[str, Module]:
    """Return arrays by their modules and roles: what stands before and behind the last dot."""
    modules: dict[str, Module] = {}
    for name, shape in shapes.items():
        matched = SPLIT.fullmatch(name)
        assert matched is not None
        role = "running_var" if matched[2] == "running_variance" else matched[2]
        modules.setdefault(matched[1] or "", {})[role] = (name, shape)
    return modules


def _have_roles(modules: dict[str, Module]) -> bool:
    return all(role in ROLES for module in modules.values() for role in module)


def _form(module: Module) -> tuple[tuple[str, Shape], ...]:
    """Return the shapes of a module's arrays by their roles."""
    return tuple(sorted((role, shape) for role, (_, shape) in module.items()))


def _pairs(wanted: dict[str, Module], found: dict[str, Module]) -> dict[str, str] | None:
    """Return names in the file by the wanted ones: the first of a form takes the first, and so on.

    None if there are not as many of each form.
    """
    ours, theirs = _by_form(wanted), _by_form(found)
    if {form: len(some) for form, some in ours.items()} != {
        form: len(some) for form, some in theirs.items()
    }:
        return None
    return {
        module[role][0]: other[role][0]
        for form, some in ours.items()
        for module, other in zip(some, theirs[form], strict=True)
        for role in module
    }


def _by_form(modules: dict[str, Module]) -> dict[Any, list[Module]]:
    found: dict[Any, list[Module]] = defaultdict(list)
    for module in modules.values():
        found[_form(module)].append(module)
    return found


def _in_order(
    wanted: dict[str, Module], offered: dict[str, Form], names: Sequence[str]
) -> dict[str, str] | None:
    """Return names in the file by the wanted ones where no name tells what its array is.

    Every module then has its weight first, then its bias, then its running statistics.
    """
    ordered = [module[role] for module in wanted.values() for role in ROLES if role in module]
    if [shape for _, shape in ordered] != [offered[name].shape for name in names]:
        return None
    return {theirs: name for (theirs, _), name in zip(ordered, names, strict=True)}


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return what sorts names by the numbers in them: 2.weight comes before 10.weight."""
    parts = re.split(r"([0-9]{1,18})", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _doubts(found: dict[str, Module], weights: Weights) -> list[str]:
    """Return a warning where only the alphabet tells which of several modules comes first."""
    if weights.in_order:
        return []
    warnings = []
    by_form: dict[Any, list[str]] = defaultdict(list)
    for name, module in found.items():
        by_form[_form(module)].append(name)
    for names in by_form.values():
        if len({re.sub("[0-9]+", "#", name) for name in names}) > 1:
            warnings.append(
                f"{', '.join(names[:5])} have the same shapes and were taken in this order; "
                "if it is another, save them in the order of the layers, as .npz"
            )
    return warnings


def _misfit(
    weights: Weights,
    wanted: dict[str, Module],
    found: dict[str, Module],
    layers: Sequence[Layer[Any]],
) -> CheckpointError:
    """Return the error that shows the shapes of both sides."""
    kinds = [layer.name for layer in layers if layer.parameter_shapes]
    expected = [
        f"{kind}: {_shown(module)}" for kind, module in zip(kinds, wanted.values(), strict=True)
    ]
    other = [f"{name or 'no module'}: {_shown(module)}" for name, module in found.items()]
    hint = "name the config whose layers these are with --config"
    if _pairs(_transposed(wanted), found) is not None:
        hint = "transpose the matrices: bpnet and PyTorch have (outputs, inputs)"
    return CheckpointError(
        "the weights do not fit the network",
        where=weights.path,
        expected=listed(expected),
        found=listed(other),
        hint=hint,
    )


def _transposed(modules: dict[str, Module]) -> dict[str, Module]:
    return {
        name: {
            role: (own, shape[::-1] if len(shape) == 2 else shape)
            for role, (own, shape) in module.items()
        }
        for name, module in modules.items()
    }


def _shown(module: Module) -> str:
    return ", ".join(f"{role} {shape}" for role, (_, shape) in module.items())
