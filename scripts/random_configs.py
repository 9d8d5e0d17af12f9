"""Draw random configs, each of them again from its seed and number, and say what is in them."""

import itertools
from pathlib import Path

import numpy as np

from bpnet.config.reader import ConfigReader
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset, Samples

SIDE = 10  # pixels
CLASSES = 3
SAMPLES = 75
BATCH_SIZES = range(8, 41)
OPTIMIZERS = {  # with learning rates at which these networks learn
    "sgd": (0.02, 0.1),
    "adam": (0.002, 0.02),
    "adamw": (0.002, 0.02),
    "rmsprop": (0.001, 0.005),
    "adagrad": (0.01, 0.05),
}
SCHEDULES = ("constant", "step", "cosine", "one_cycle")
LOSSES = ("cross_entropy", "binary_cross_entropy", "mse", "quadratic")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "softplus", "sigmoid", "tanh")
DISTORTIONS = {
    "shift": 2,
    "rotate": 15,
    "scale": 0.1,
    "shear": 8,
    "elastic_alpha": 6,
    "thickness": 0.7,
    "cutout": 3,
    "flip": "yes",
}


def draw_dataset() -> Dataset:
    """Return noisy pictures in three classes: a bright bar at one of three heights."""

    def draw(count: int, seed: int) -> Samples:
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % CLASSES
        images = rng.integers(0, 130, (count, SIDE, SIDE), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[1 + 3 * label : 3 + 3 * label, 1:-1] += 70
        return Samples(images, labels.astype(np.int64))

    return Dataset("idx", draw(SAMPLES, 1), draw(30, 2), tuple("012"))


class RandomConfig:
    """Draw the settings of one config.

    Args:
        seed: of all configs.
        number: of this one.
    """

    def __init__(self, seed: int, number: int) -> None:
        self.rng = np.random.default_rng((seed, number))
        self.rng_of_blocks = np.random.default_rng((seed, number, 1))  # leaves other draws alone
        self.sections: dict[str, dict[str, object]] = {}
        self._draw()

    def maybe(self, probability: float = 0.5) -> bool:
        """Return true with that probability."""
        return bool(self.rng.random() < probability)

    def one_of(self, *choices: str) -> str:
        """Return one of these words."""
        return choices[self.rng.integers(len(choices))]

    def whole(self, least: int, most: int) -> int:
        """Return a whole number, bounds included."""
        return int(self.rng.integers(least, most + 1))

    def real(self, least: float, most: float) -> float:
        """Return a number with three digits."""
        return float(f"{self.rng.uniform(least, most):.3g}")

    def set(self, section: str, probability: float = 1.0, **settings: object) -> bool:
        """Take these settings in with that probability; return whether it was done."""
        taken = self.maybe(probability)
        if taken:
            self.sections.setdefault(section, {}).update(settings)
        return taken

    def text(self) -> str:
        """Return the config as a file."""
        return "".join(
            f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())
            for name, settings in self.sections.items()
        )

    def config(self) -> Config:
        """Return the config, which must be without a fault."""
        reader = ConfigReader("random.ini", Path("/"))
        config = reader.read(self.text())
        assert not reader.problems, (reader.problems, self.text())
        return config

    def _draw(self) -> None:
        self._draw_training()
        self._draw_network()
        self._draw_rates()
        for name, most in DISTORTIONS.items():
            self.set("augment", 0.25, **{name: most})

    def _draw_training(self) -> None:
        validation = self.one_of("0", "12", "20")
        self.set("data", dataset="idx", path="pictures", validation=validation)
        self.set("data", 0.3, normalize="unit")
        self.set("train", epochs=self.whole(1, 4), seed=self.whole(0, 10**6))
        self.set(
            "train", batch_size=self.whole(BATCH_SIZES[0], BATCH_SIZES[-1]), shards=self.whole(1, 3)
        )
        loss = self.one_of(*LOSSES)
        self.set("train", loss=loss)
        if loss.endswith("entropy"):
            self.set("train", 0.4, label_smoothing=self.real(0.01, 0.2))
        self.set("train", 0.4, ema=self.one_of("0.5", "0.9", "0.99"))
        self.set("train", 0.4, grad_clip=self.real(0.05, 2))
        if validation != "0" and self.maybe(0.4):
            self.set("train", early_stopping=1, epochs=self.whole(4, 8))
        self.set("checkpoint", every=self.whole(1, 3))

    def _draw_network(self) -> None:
        layers: list[str] = []
        is_split_by_units = self.set("train", 0.2, split="units")
        if not is_split_by_units and self.maybe(0.6):
            layers += [f"conv {self.whole(2, 4)} kernel={self.one_of('3', '5')}"]
            layers += [*self._between(0.5), self.one_of("maxpool 2", "avgpool 2")]
        layers += ["flatten", f"linear {self.whole(5, 12)}"]
        layers += [*self._between(0.0 if is_split_by_units else 0.4), f"linear {CLASSES}"]
        if not is_split_by_units:
            layers = self._with_blocks(layers)
        self.set("model", layers="".join(f"\n    {layer}" for layer in layers))
        if "batchnorm" in layers[layers.index("flatten") :]:
            self._give_every_shard_two_samples()
        self.set("model", dtype=self.one_of("float32", "float64"))
        self.set("model", 0.4, init=self.one_of("glorot", "lecun"))

    def _with_blocks(self, layers: list[str]) -> list[str]:
        """Put a residual block behind some layers with weights, and let some pools overlap."""
        kinds = {"conv": "conv {} kernel=3 padding=1", "linear": "linear {}"}
        result: list[str] = []
        for line in layers:
            kind, *values = line.split()
            if kind in ("maxpool", "avgpool") and self.rng_of_blocks.random() < 0.3:
                line = f"{kind} 3 stride=2 padding=1"
            result.append(line)
            if kind in kinds and line is not layers[-1] and self.rng_of_blocks.random() < 0.3:
                same_shape = kinds[kind].format(values[0])
                norm = ["batchnorm"] * (kind == "conv" and self.rng_of_blocks.random() < 0.5)
                result += ["residual", same_shape, *norm, "end"]
        return result

    def _give_every_shard_two_samples(self) -> None:
        """Draw the size of batches anew: batch normalisation learns nothing from one sample."""
        samples = SAMPLES - int(str(self.sections["data"]["validation"]))
        shards = int(str(self.sections["train"]["shards"]))
        fit = [size for size in BATCH_SIZES if (samples % size or size) >= 2 * shards]
        self.set("train", batch_size=fit[self.rng.integers(len(fit))])

    def _between(self, probability: float) -> list[str]:
        """Return batch normalisation with that probability, an activation, perhaps dropout."""
        layers = ["batchnorm"] * self.maybe(probability)
        return [*layers, self.one_of(*ACTIVATIONS), *["dropout 0.3"] * self.maybe(0.4)]

    def _draw_rates(self) -> None:
        name = self.one_of(*OPTIMIZERS)
        rate = self.real(*OPTIMIZERS[name])
        self.set("optimizer", name=name, learning_rate=rate)
        if name == "sgd":
            self.set("optimizer", momentum=self.one_of("0", "0.5", "0.9"))
            self.set("optimizer", nesterov=self.one_of("yes", "no"))
        self.set("optimizer", weight_decay=self.one_of("0", "0.0005", "0.01"))
        schedule = self.one_of(*SCHEDULES)
        self.set("schedule", name=schedule, final=self.one_of("0", "0.1"))
        if schedule == "one_cycle":
            self.set("schedule", rise=self.one_of("0", "0.25", "0.6"))
        else:
            self.set("schedule", 0.5, warmup=self.one_of("0.1", "0.5"))
        if schedule == "step":
            self.set("schedule", step_epochs=self.whole(1, 2), step_factor=0.5)


def options_of(config: Config) -> list[str]:
    """Return what a config has, in words, to count how often each was tried."""
    data, train, optimizer, schedule = config.data, config.train, config.optimizer, config.schedule
    kinds = [spec.kind for spec in config.model.layers]
    words = [f"optimizer {optimizer.name}", f"schedule {schedule.name}", f"loss {train.loss}"]
    words += [f"dtype {config.model.dtype}", f"split {train.split}", f"shards {train.shards}"]
    words += [f"checkpoint.every {config.checkpoint.every}", f"normalize {data.normalize}"]
    words += [f"augment.{name}" for name in DISTORTIONS if getattr(config.augment, name)]
    words += sorted({f"layer {kind}" for kind in kinds})
    words += [
        f"batchnorm behind {before}"
        for before, kind in itertools.pairwise(kinds)
        if kind == "batchnorm"
    ]
    has = {
        "momentum 0": optimizer.name == "sgd" and not optimizer.momentum,
        "nesterov": optimizer.name == "sgd" and optimizer.nesterov,
        "weight_decay": optimizer.weight_decay,
        "warmup": schedule.warmup,
        "final": schedule.final and schedule.name in ("cosine", "one_cycle"),
        "ema": train.ema,
        "early_stopping": train.early_stopping,
        "grad_clip": train.grad_clip,
        "label_smoothing": train.label_smoothing,
        "validation 0": not data.validation,
        "a short last batch": (SAMPLES - data.validation) % train.batch_size,
    }
    return words + [word for word, holds in has.items() if holds]
