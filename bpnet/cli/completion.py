"""Print the script by which a shell completes words."""

from __future__ import annotations

import click

from bpnet.cli.command import BpnetCommand
from bpnet.cli.output import show

SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=BpnetCommand,
    examples={"completion bash": "", "completion zsh": "", "completion fish": ""},
)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    r"""Print the script that completes commands, options, presets, runs and settings.

    \b
    bash: add to ~/.bashrc       eval "$(bpnet completion bash)"
    zsh:  add to ~/.zshrc        eval "$(bpnet completion zsh)"
    fish: run once               bpnet completion fish > ~/.config/fish/completions/bpnet.fish
    """
    from bpnet.cli.shells import script

    show(*script(shell, called()).rstrip("\n").split("\n"))


def called() -> str:
    """Return the name by which bpnet was called, to which the script belongs."""
    import sys
    from pathlib import Path

    name = Path(sys.argv[0]).name.removesuffix(".exe")
    return "bpnet" if name in ("__main__.py", "-c", "") else name
