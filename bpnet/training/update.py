"""Turn gradients into new weights, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.nn.layer import Array
from bpnet.nn.parameters import FlatArrays
from bpnet.training.averaging import AveragedWeights
from bpnet.training.optimizer import Optimizer, Piece
from bpnet.training.part import Order

BLOCK = 2**15  # parameters at a time: all passes over a piece find it in the core's own cache


@dataclass(frozen=True, slots=True)
class Share:
    """Hold one piece of the parameters with what its update needs besides.

    Args:
        piece: weights, gradient and what the optimiser remembers.
        others: the same piece of other parts' gradients, to be added in order.
        average: of the averaged weights, where they are kept.
    """

    piece: Piece
    others: list[Array]
    average: Array | None


class Update:
    """Add up gradients, clip them, move the weights and their average.

    Args:
        parameters: what is trained.
        optimizer: how it moves.
        averaged: what follows it.
        grad_clip: largest norm of a gradient; 0 for none.
    """

    def __init__(
        self,
        parameters: FlatArrays,
        optimizer: Optimizer,
        averaged: AveragedWeights,
        grad_clip: float,
    ) -> None:
        self.parameters = parameters
        self.optimizer = optimizer
        self.averaged = averaged
        self.grad_clip = grad_clip

    def share(
        self,
        select: Callable[[FlatArrays], Array],
        gradients: Sequence[Array],
        *,
        decays: bool,
    ) -> Share:
        """Return what `select` takes from all the flat arrays, with its gradients of all parts."""
        average = self.averaged.parameters
        first, *others = gradients
        return Share(
            self.optimizer.piece(select, first, decays=decays),
            others,
            None if average is None else select(average),
        )

    def span(self, span: slice, gradients: Sequence[FlatArrays]) -> list[Share]:
        """Return the shares of a stretch of the flat arrays, block by block."""
        weights = self.parameters.weights
        stretches = [
            (slice(span.start, min(span.stop, weights)), True),
            (slice(max(span.start, weights), span.stop), False),
        ]
        return [
            self.share(
                lambda arrays, block=block: arrays.flat[block],  # type: ignore[misc]
                [gradient.flat[block] for gradient in gradients],
                decays=decays,
            )
            for stretch, decays in stretches
            for block in blocks(stretch)
        ]

    def add_up(self, shares: Sequence[Share], parts: int) -> float:
        """Add the gradients of the first `parts` parts; return their square sum where needed."""
        total = 0.0
        for share in shares:
            g = share.piece.g
            for other in share.others[: parts - 1]:
                g += other
            if self.grad_clip:
                total += float(np.square(g, dtype=np.float64).sum())
        return total

    def factor(self, square_sum: float) -> float:
        """Return by what a gradient of this length is shortened: `min(1, largest / ‖g‖)`."""
        norm = float(np.sqrt(square_sum))
        return self.grad_clip / norm if self.grad_clip and norm > self.grad_clip else 1.0

    def gradient_factor(self, order: Order) -> float:
        """Return by what the loss's gradient is multiplied, and with it all that follow from it.

        A gradient that is to be measured is left as it is.
        """
        return 1.0 if self.grad_clip else self.optimizer.gradient_factor(order.learning_rate)

    def apply(self, shares: Sequence[Share], order: Order, shortened: float = 1.0) -> None:
        """Move weights along their gradient, and the average after them.

        Args:
            shares: with gradients that have this update's `gradient_factor`.
            order: the step.
            shortened: by what clipping multiplies a gradient.
        """
        for share in shares:
            if self.grad_clip:
                factor = shortened * self.optimizer.gradient_factor(order.learning_rate)
                np.multiply(share.piece.g, factor, out=share.piece.g)
            self.optimizer.step(share.piece, order.learning_rate, order.step + 1)
            if share.average is not None:
                self.averaged.follow(
                    share.average, share.piece.w, share.piece.scratch, order.step + 1
                )


def blocks(stretch: slice) -> list[slice]:
    """Cut a stretch into blocks."""
    return [
        slice(start, min(start + BLOCK, stretch.stop))
        for start in range(stretch.start, stretch.stop, BLOCK)
    ]
