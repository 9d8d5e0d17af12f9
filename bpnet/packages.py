"""Ask for packages that few need, so that bpnet installs without them."""

from importlib.util import find_spec

from bpnet.errors import ConfigError


def demand_packages(what: str, where: str, *packages: str) -> None:
    """Make sure that packages are there which nothing else needs.

    Args:
        what: what needs them.
        where: the command or option that asks for it.
        packages: by the names under which they are imported and installed.

    Raises:
        ConfigError: one of them is missing.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        hint = f"pip install {' '.join(missing)}"
        raise ConfigError(f"{what} needs {' and '.join(missing)}", where=where, hint=hint)
