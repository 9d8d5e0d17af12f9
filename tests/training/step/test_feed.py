"""Samples become inputs: distorted where the config says so, on whatever paper they lie."""

import dataclasses

import numpy as np
import pytest

from bpnet.config.loading import load_config
from bpnet.data.dataset import Samples
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization
from bpnet.training.preparation import MNIST
from bpnet.training.step.feed import Feed

COUNT = 20


@pytest.mark.parametrize("bright", [False, True])
def test_what_comes_in_from_beyond_the_edge_is_paper(bright: bool) -> None:
    config = load_config("mlp", ("augment.shift=6", "augment.rotate=20"))
    paper, ink = (255.0, 0.0) if bright else (0.0, 255.0)
    form = dataclasses.replace(MNIST, paper=paper, ink=ink)
    model = build_model(config, (1, 28, 28), 10, Normalization(), preparation=form)
    blank = np.full((COUNT, 28, 28), paper, dtype=np.uint8)
    feed = Feed(model, Samples(blank, np.zeros(COUNT, dtype=np.int64)), COUNT)
    seen = np.empty_like(blank)
    feed.gather(np.arange(COUNT), 1, seen)
    assert (seen == paper).all()
