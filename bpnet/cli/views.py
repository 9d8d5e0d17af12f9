"""Let commands show a network every picture several times."""

import click

MOST = 100

views = click.option(
    "--views",
    type=click.IntRange(1, MOST),
    default=1,
    show_default=True,
    metavar="N",
    help="Show each picture N times, as it is and N − 1 times slightly shifted, turned and "
    "scaled, and average the probabilities.",
)


def averaged_over(count: int) -> str:
    """Return the words that name views in a text."""
    return f"averaged over {count} views"
