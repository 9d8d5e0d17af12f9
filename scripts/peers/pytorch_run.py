"""Train and score a network with PyTorch alone, as a whole program: the twin of `bpnet train`.

    python scripts/peers/pytorch_run.py MNIST_FOLDER RECIPE SEED

RECIPE is JSON, as `compare_whole_run.py` writes it. It is written for speed: all pictures are one
channels-last tensor in memory, batches are gathered by index, without a DataLoader, the optimiser
is fused, and the learning rate is set by hand. It prints one JSON document.
"""

import gzip
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

TEST_BATCH = 1000  # pictures that are scored at a time


def read_idx(folder: Path, name: str, offset: int) -> torch.Tensor:
    """Return the bytes of an IDX file, gzipped or not, behind its header."""
    for path in folder.glob(f"{name}*"):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        return torch.from_numpy(np.frombuffer(data, np.uint8, offset=offset).copy())
    raise SystemExit(f"{folder} has no {name}")


def load(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pictures (n, 1, 28, 28) in uint8 and labels."""
    images = read_idx(folder, f"{part}-images", 16).view(-1, 1, 28, 28)
    return images, read_idx(folder, f"{part}-labels", 8).long()


def build(layers: list[list[Any]]) -> nn.Sequential:
    """Return the network with He's starting weights."""
    network = nn.Sequential()
    for kind, features, given in layers:
        if kind == "linear":
            network.append(nn.Linear(features, given["out"]))
        elif kind == "conv":
            padding = given.get("padding", 0)
            network.append(nn.Conv2d(features, given["out"], given["kernel"], padding=padding))
        elif kind == "maxpool":
            network.append(nn.MaxPool2d(given["size"]))
        else:
            network.append(nn.ReLU(inplace=True) if kind == "relu" else nn.Flatten())
    for layer in network:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return network.to(memory_format=torch.channels_last)


def rate(recipe: dict[str, Any], step: int, total: int) -> float:
    """Return the learning rate of a one-cycle schedule."""
    start, rise, final = (recipe[name] for name in ("start", "rise", "final"))
    if step < rise * total:
        return float(recipe["learning_rate"] * (start + (1 - start) * step / (rise * total)))
    progress = min(1.0, (step - rise * total) / max(total - rise * total, 1))
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return float(recipe["learning_rate"] * (final + (1 - final) * cosine))


def main() -> None:
    """Load, train, score, and print the result."""
    folder, recipe, seed = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(2)
    torch.manual_seed(seed)
    images, labels = load(folder, "train")
    pixels = images.float()
    deviation, mean = (float(number) for number in torch.std_mean(pixels))

    def inputs(pixels: torch.Tensor) -> torch.Tensor:
        scaled = pixels.sub_(mean).mul_(1 / deviation)
        return scaled.contiguous(memory_format=torch.channels_last)

    x = inputs(pixels)
    network = build(recipe["layers"])
    weights = [value for value in network.parameters() if value.ndim > 1]
    biases = [value for value in network.parameters() if value.ndim == 1]
    optimizer = torch.optim.SGD(
        [{"params": weights, "weight_decay": recipe["weight_decay"]}, {"params": biases}],
        lr=recipe["learning_rate"],
        momentum=recipe["momentum"],
        nesterov=recipe["nesterov"],
        fused=True,
    )
    batch = recipe["batch_size"]
    total = recipe["epochs"] * math.ceil(len(x) / batch)
    step = 0
    for _ in range(recipe["epochs"]):
        for chosen in torch.randperm(len(x)).split(batch):
            for group in optimizer.param_groups:
                group["lr"] = rate(recipe, step, total)
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(
                network(x.index_select(0, chosen)),
                labels.index_select(0, chosen),
                label_smoothing=recipe["label_smoothing"],
            )
            loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
            optimizer.step()
            step += 1
    network.eval()
    images, labels = load(folder, "t10k")
    with torch.inference_mode():
        answers = [network(part).argmax(1) for part in inputs(images.float()).split(TEST_BATCH)]
    correct = int((torch.cat(answers) == labels).sum())
    print(json.dumps({"test_accuracy": correct / len(labels), "steps": step}))


if __name__ == "__main__":
    main()
