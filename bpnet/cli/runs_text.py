"""Say when a run began, how long it took and how large it is, in a few characters."""

from datetime import datetime

UNKNOWN = "–"


def when(started: str | None) -> str:
    """Return a time in ISO 8601 as local date and minute."""
    if started is None:
        return UNKNOWN
    return datetime.fromisoformat(started).astimezone().strftime("%Y-%m-%d %H:%M")


def duration(seconds: float | None) -> str:
    """Return a duration in its two largest units."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60) if seconds >= 3600 else int(seconds // 60)
    if seconds < 3600:
        return f"{minutes} min {int(seconds % 60)} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def size(count: int) -> str:
    """Return a number of bytes in units of 1000."""
    if count < 1000:
        return f"{count} B"
    for unit in ("kB", "MB", "GB"):
        count_in = count / 1000 ** (("kB", "MB", "GB").index(unit) + 1)
        if count_in < 999.5:
            break
    return f"{count_in:.1f} {unit}" if count_in < 99.95 else f"{count_in:,.0f} {unit}"
