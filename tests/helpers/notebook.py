"""Show things as a notebook does."""

from operator import methodcaller


def html_of(thing: object) -> str:
    """Return the HTML that a notebook shows for a thing, by Jupyter's protocol."""
    found = methodcaller("_repr_html_")(thing)
    assert isinstance(found, str)
    return found
