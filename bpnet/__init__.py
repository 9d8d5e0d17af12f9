"""Train networks on MNIST and use them; every forward and backward pass by hand in NumPy.

The library's face: each name is loaded when it is used, so that `import bpnet` takes no time.

    model = bpnet.load()  # the weights that ship with bpnet, or a run
    labels, probabilities = model.predict(images)
    print(bpnet.read("photo.jpg", segment=True))
    run = bpnet.train("lenet5", epochs=3, on_epoch=print)

It prints nothing, and raises a `BpnetError` whose message says what to do. In a notebook, models,
runs and answers show their tables and curves. The pictures of the examples lie in `bpnet/assets/`.
"""

TYPE_CHECKING = False  # as type checkers understand it: the module `typing` takes 10 ms

if TYPE_CHECKING:
    from bpnet.errors import BpnetError as BpnetError
    from bpnet.errors import BpnetWarning as BpnetWarning
    from bpnet.errors import CheckpointError as CheckpointError
    from bpnet.errors import ConfigError as ConfigError
    from bpnet.errors import DataError as DataError
    from bpnet.errors import DivergedError as DivergedError
    from bpnet.errors import WorkerError as WorkerError
    from bpnet.library.evaluation import Evaluation as Evaluation
    from bpnet.library.gradcheck import GradientCheck as GradientCheck
    from bpnet.library.gradcheck import gradcheck as gradcheck
    from bpnet.library.model import Model as Model
    from bpnet.library.model import load as load
    from bpnet.library.network import Network as Network
    from bpnet.library.predictions import Predictions as Predictions
    from bpnet.library.read import read as read
    from bpnet.library.reading import Digit as Digit
    from bpnet.library.reading import Reading as Reading
    from bpnet.library.run import Epoch as Epoch
    from bpnet.library.run import Run as Run
    from bpnet.library.trace import Trace as Trace
    from bpnet.library.trace import trace as trace
    from bpnet.library.train import train as train
    from bpnet.version import __version__ as __version__

HOMES = {  # where each name lives
    "load": "library.model",
    "Model": "library.model",
    "Predictions": "library.predictions",
    "Evaluation": "library.evaluation",
    "read": "library.read",
    "Reading": "library.reading",
    "Digit": "library.reading",
    "train": "library.train",
    "Run": "library.run",
    "Epoch": "library.run",
    "Network": "library.network",
    "gradcheck": "library.gradcheck",
    "GradientCheck": "library.gradcheck",
    "trace": "library.trace",
    "Trace": "library.trace",
    "BpnetError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "CheckpointError": "errors",
    "DivergedError": "errors",
    "WorkerError": "errors",
    "BpnetWarning": "errors",
    "__version__": "version",
}

__all__ = [  # noqa: RUF022 - in the order in which a newcomer meets them
    "load",
    "Model",
    "Predictions",
    "Evaluation",
    "read",
    "Reading",
    "Digit",
    "train",
    "Run",
    "Epoch",
    "Network",
    "gradcheck",
    "GradientCheck",
    "trace",
    "Trace",
    "BpnetError",
    "ConfigError",
    "DataError",
    "CheckpointError",
    "DivergedError",
    "WorkerError",
    "BpnetWarning",
    "__version__",
]


if not TYPE_CHECKING:  # which would take every name for one of the library's

    def __getattr__(name: str) -> object:
        """Return a name of the library, loaded when it is first used."""
        if name not in HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # 1 ms, which `import bpnet` need not wait for

        found = globals()[name] = getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
        return found


def __dir__() -> list[str]:
    """Return the names of the library, besides those that are loaded."""
    return sorted({*globals(), *__all__})
