"""All targets by name."""

from tests.helpers.fuzz.idx import IDX

TARGETS = {target.name: target for target in (IDX,)}
