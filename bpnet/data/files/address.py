"""Handle the addresses of mirrors, which may hold a user's name, password or token."""

import re
from unicodedata import normalize

HIDDEN = "***"
SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
AT = re.compile(r"@|%(?:25)*40")  # also percent-encoded, once or several times
EXTRAS = re.compile(r"[?#;]|%(?:25)*(?:3f|23|3b)", re.IGNORECASE)
SERVER = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d{0,5})?")  # host and port


def file_address(folder: str, name: str) -> str:
    """Return the address of a file in a folder; a query, such as `?token=…`, stays at the end."""
    place, mark, query = folder.partition("?")
    return f"{place.rstrip('/')}/{name}{mark}{query}"


def without_secrets(address: str) -> str:
    """Return an address as messages may show it: without user, password, query and fragment.

    It may be malformed. Where it is not clear which part is secret, all that could be is hidden.
    """
    address = normalize("NFKC", address)  # as a browser reads an @ of another width
    scheme = _found(SCHEME.match(address))
    rest = address.removeprefix(scheme)
    mark = _found(EXTRAS.search(rest))
    place, _, extras = rest.partition(mark) if mark else (rest, "", "")
    if AT.search(extras):  # a password with a `?` in it, or a query with an `@`
        return scheme + HIDDEN
    *user, place = AT.split(place)
    shown = scheme + (f"{HIDDEN}@" if user else "")
    server, slash, path = place.partition("/")
    if not SERVER.fullmatch(server):  # a password where the port should be
        return f"{shown}{server.partition(':')[0]}:{HIDDEN}"
    return f"{shown}{server}{slash}{path}{mark}{HIDDEN if extras else ''}"


def _found(match: re.Match[str] | None) -> str:
    return match[0] if match else ""
