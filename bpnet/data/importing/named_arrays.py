"""Find pictures and labels, of training and of test, among arrays that have names."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.importing.found import Found, Labelled, Wanted
from bpnet.data.importing.labels import to_labels
from bpnet.data.importing.pixels import sample_first, to_pictures
from bpnet.errors import DataError

TRAIN, TEST, HELD_OUT = "train", "test", "val"
PARTS = {  # the words of a part's name, in the order in which they are looked for
    TRAIN: re.compile("train(ing)?|(?<![a-z])tra?(?![a-z])"),
    TEST: re.compile("test(ing)?|t10k|(?<![a-z])tes?(?![a-z])"),
    HELD_OUT: re.compile("valid(ation)?|val(?![a-z])|dev(?![a-z])"),
}
IMAGES = re.compile("^(x|images?|imgs?|data|pixels|features|pictures|inputs)$")
LABELS = re.compile("^(y|labels?|lbls?|targets?|class(es)?)$")
EXPECTED = "arrays such as x_train and y_train, x_test and y_test, or images and labels"

Arrays = Mapping[str, NDArray[Any]]


def part_of(name: str) -> str | None:
    """Return which part of a data set a name is that of: `train`, `test` or `val`, if any."""
    lower = name.lower()
    return next((part for part, words in PARTS.items() if words.search(lower)), None)


def demand_one_each(names: Iterable[tuple[str, str]], where: object) -> None:
    """Make sure that no two files or arrays are the same part of a data set.

    Args:
        names: what each of them is, and its name.
        where: what messages call their place.

    Raises:
        DataError: it is not clear which one is meant.
    """
    seen: dict[str, str] = {}
    for what, name in names:
        if (other := seen.setdefault(what, name)) != name:
            raise DataError(
                f"it is not clear which is meant for {what}",
                where=where,
                expected="one of each kind",
                found=f"{other} and {name}",
                hint="put those that belong together into a folder of their own",
            )


def from_arrays(arrays: Arrays, wanted: Wanted, where: object) -> Found:
    """Return the samples among arrays with names such as `x_train`.

    Raises:
        DataError: pictures or labels of training cannot be told from the names, or do not fit.
    """
    roles = _roles(arrays, where)
    parts = [part for part in PARTS if (part, "images") in roles and (part, "labels") in roles]
    if TRAIN not in parts:
        raise DataError(
            "it is not clear which arrays hold the pictures and the labels",
            where=where,
            expected=EXPECTED,
            found=[f"{name}: {array.dtype} {array.shape}" for name, array in arrays.items()][:20],
            hint="give them such names",
        )
    pairs = [_pair(arrays, roles[part, "images"], roles[part, "labels"], where) for part in parts]
    images, note = to_pictures([pixels for pixels, _ in pairs], wanted.size, where)
    samples = {
        part: Labelled(pictures, labels)
        for part, pictures, (_, labels) in zip(parts, images, pairs, strict=True)
    }
    return with_parts(samples, [note] if note else [])


def with_parts(samples: Mapping[str, Labelled], notes: list[str]) -> Found:
    """Return training and test, whichever of `train`, `val` and `test` there are."""
    train, test, held_out = (samples.get(part) for part in (TRAIN, TEST, HELD_OUT))
    assert train is not None
    if held_out is not None and test is None:
        return Found(train, held_out, (), [*notes, "the validation samples became the test"])
    if held_out is not None and held_out.images.shape[1:] == train.images.shape[1:]:
        train = Labelled(
            np.concatenate([train.images, held_out.images]),
            np.concatenate([train.labels, held_out.labels]),
        )
        note = "the validation samples were added to training, of which every run holds out its own"
        notes = [*notes, note]
    return Found(train, test, (), notes)


def _roles(arrays: Arrays, where: object) -> dict[tuple[str, str], str]:
    """Return which array holds the images and the labels of which part.

    Where a name says no more than the part, labels are what has one value per sample.
    """
    named: list[tuple[str, str]] = []
    roles: dict[tuple[str, str], str] = {}
    unclear: dict[tuple[str, str], str] = {}
    for name, array in arrays.items():
        words = re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        part = part_of(words) or TRAIN
        rest = re.findall("[a-z]+", PARTS[part].sub("_", words))
        is_images, is_labels = (any(map(kind.match, rest)) for kind in (IMAGES, LABELS))
        if is_images != is_labels:
            role = "images" if is_images else "labels"
            named.append((f"{role} of {part}", name))
            roles[part, role] = name
        else:
            is_labels = array.ndim == 1 or 1 in array.shape
            unclear.setdefault((part, "labels" if is_labels else "images"), name)
    demand_one_each(named, where)
    return unclear | roles


def _pair(
    arrays: Arrays, images: str, labels: str, where: object
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return pictures, sample first, and one label for each."""
    one_each = to_labels(arrays[labels], f"{where}, {labels}")
    pixels = sample_first(arrays[images], len(one_each))
    if pixels is None:
        raise DataError(
            "pictures and labels do not belong together",
            where=where,
            expected=f"a picture for each of the {len(one_each)} labels of {labels}",
            found=f"{images} of shape {arrays[images].shape}",
        )
    return pixels, one_each
