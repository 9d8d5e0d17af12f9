"""Tell which code a measurement is of."""

import subprocess
from pathlib import Path

import bpnet

ROOT = Path(bpnet.__file__).resolve().parents[1]
MEASURED = ("bpnet", "configs", "pyproject.toml")  # what results depend on


class UnknownCommitError(Exception):
    """Say that no commit can be named."""


def git(*words: str, root: Path = ROOT) -> str:
    """Return what git says of the checkout.

    Raises:
        UnknownCommitError: it is not one, or git is missing.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnknownCommitError(f"{root} is no git checkout, so no commit can be noted") from error
    return done.stdout.strip()


def commit(root: Path = ROOT) -> str:
    """Return the commit of the code; `-dirty` follows if files were changed since."""
    dirty = git("status", "--porcelain", "--", *MEASURED, root=root)
    return git("rev-parse", "HEAD", root=root) + ("-dirty" if dirty else "")
