"""All targets by name."""

from tests.helpers.fuzz.checkpoint import CHECKPOINT
from tests.helpers.fuzz.config import CONFIG, SET
from tests.helpers.fuzz.idx import IDX
from tests.helpers.fuzz.imports import IMPORT
from tests.helpers.fuzz.picture import PICTURE, STDIN
from tests.helpers.fuzz.weights import WEIGHTS

TARGETS = {
    target.name: target
    for target in (IDX, CHECKPOINT, CONFIG, SET, PICTURE, STDIN, IMPORT, WEIGHTS)
}
