"""Which samples the page of a run picks out."""

from pathlib import Path

import numpy as np
import pytest

from bpnet.model.checkpoint import Checkpoint
from bpnet.model.score import Score
from bpnet.report.page.confusion import Confusion
from bpnet.report.page.examined import Examined
from tests.helpers.random_model import random_model

ANSWERS = np.array(
    [
        [0.90, 0.05, 0.05],  # 0, right
        [0.50, 0.30, 0.20],  # 0, right and least sure of these
        [0.02, 0.97, 0.01],  # 0, wrong: surer of 1 than it usually is of a 1
        [0.10, 0.80, 0.10],  # 1, right
        [0.30, 0.60, 0.10],  # 0, wrong, but not as sure as of a 1
        [0.34, 0.33, 0.33],  # 2, wrong, and the least sure of all
        [0.00, 0.00, 1.00],  # 2, right
    ]
)
LABELS = np.array([0, 0, 0, 1, 0, 2, 2])


@pytest.fixture
def examined() -> Examined:
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (LABELS, ANSWERS.argmax(axis=1)), 1)
    return Examined(
        name="one",
        checkpoint=Checkpoint(Path("a.npz"), {}),
        model=random_model("flatten | linear 3"),
        dataset="mnist",
        split="test",
        score=Score(7, 0.5, 0.5, 4, confusion, 0.1, 0.1),
        inputs=np.zeros((7, 9, 8), dtype=np.uint8),
        targets=LABELS,
        numbers=np.arange(7) + 100,
        answers=ANSWERS,
    )


def test_the_worst_mistakes_gave_the_right_class_the_least(examined: Examined) -> None:
    assert examined.worst().tolist() == [2, 4, 5]


def test_the_least_sure_may_be_right(examined: Examined) -> None:
    assert examined.least_sure()[:3].tolist() == [5, 1, 4]


def test_a_label_is_suspect_where_another_class_is_as_sure_as_usual(examined: Examined) -> None:
    assert examined.suspects().tolist() == [2]


def test_samples_of_a_cell(examined: Examined) -> None:
    assert examined.answered(0, 1).tolist() == [2, 4], "the surest mistakes first"
    assert examined.answered(0, 0).tolist() == [1, 0], "the least sure right answers first"


def test_cells_of_the_confusion_matrix(examined: Examined) -> None:
    rows = Confusion(examined, "run", 1000).rows
    assert [[cell.count for cell in row] for row in rows] == [[2, 2, 0], [0, 1, 0], [1, 0, 1]]
    assert [cell.kind for cell in rows[2]] == ["wrong", "empty", "right"]
    assert rows[0][1].title == "a read as b"
    assert [sample.title for sample in rows[0][1].samples] == ["sample 103: a", "sample 105: a"]
    assert rows[0][1].samples[0].answer == ["b: 97.0 %", "a: 2.0 %", "c: 1.0 %"]


def test_of_many_classes_the_most_frequent_confusions_are_listed(
    examined: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bpnet.report.page.confusion.MOST_CLASSES", 2)
    confusion = Confusion(examined, "run", 1000)
    assert confusion.rows == []
    found = [(cell.title, cell.count, len(cell.samples)) for cell in confusion.most_frequent]
    assert found == [("a read as b", 2, 2), ("c read as a", 1, 1)]


def test_few_pictures_are_divided_among_the_cells(examined: Examined) -> None:
    rows = Confusion(examined, "run", 5).rows
    assert [[len(cell.samples) for cell in row] for row in rows] == [
        [1, 1, 0],
        [0, 1, 0],
        [1, 0, 1],
    ]
