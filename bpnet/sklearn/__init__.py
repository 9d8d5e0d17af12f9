"""Use bpnet's networks as a scikit-learn estimator: `from bpnet.sklearn import DigitClassifier`."""

from typing import TYPE_CHECKING, Any

from bpnet.errors import ConfigError

if TYPE_CHECKING:
    from bpnet.sklearn.classifier import DigitClassifier

__all__ = ["DigitClassifier"]


class MissingLibraryError(ConfigError, ImportError):
    """Report that scikit-learn is not installed."""


def __getattr__(name: str) -> Any:
    """Load the estimator, and with it scikit-learn, where it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from bpnet.sklearn.classifier import DigitClassifier
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise MissingLibraryError(
            "scikit-learn is not installed",
            where=f"{__name__}.{name}",
            hint="pip install scikit-learn",
        ) from error
    return DigitClassifier
