"""Make pictures without a digit, of nineteen kinds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Picture = Image.Image
Rng = np.random.Generator

KINDS: dict[str, Callable[[Rng], Picture]] = {}
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYabcdefhjkmnprtuvwxy"  # none that looks like a digit
SIGNS = "?!#&%@*+=~^<>{}$€§"
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "runs",
    "home",
    "again",
    "with",
    "no",
    "word",
]


def kind(function: Callable[[Rng], Picture]) -> Callable[[Rng], Picture]:
    """List a kind under its name."""
    KINDS[function.__name__.replace("_", " ")] = function
    return function


def size(rng: Rng) -> tuple[int, int]:
    """Draw a width and a height."""
    side = int(rng.integers(80, 400))
    return side, int(side * rng.uniform(0.7, 1.4))


def fonts() -> list[str]:
    """Return the fonts of this machine."""
    return sorted(map(str, Path("/usr/share/fonts").rglob("*.ttf")))


def page(rng: Rng, width: int, height: int) -> NDArray[np.float64]:
    """Return greys 0–1 of paper with light from one side and a little grain."""
    down, across = np.mgrid[0:height, 0:width]
    slope = rng.normal(0, 0.08, 2)
    grey = rng.uniform(0.6, 0.95) + slope[0] * (down / height - 0.5) + slope[1] * (across / width)
    grained: NDArray[np.float64] = grey + rng.normal(0, rng.uniform(0, 0.02), grey.shape)
    return grained


def as_picture(grey: NDArray[np.floating]) -> Picture:
    """Turn greys 0–1 into a picture."""
    return Image.fromarray(np.uint8(np.clip(grey, 0, 1) * 255))


@kind
def plain(rng: Rng) -> Picture:
    """Show one colour."""
    return Image.new("RGB", size(rng), tuple(int(part) for part in rng.integers(0, 256, 3)))


@kind
def empty_page(rng: Rng) -> Picture:
    """Show a photographed page with nothing on it."""
    return as_picture(page(rng, *size(rng)))


@kind
def page_with_a_shadow(rng: Rng) -> Picture:
    """Show a page over which a soft shadow falls."""
    width, height = size(rng)
    down, across = np.mgrid[0:height, 0:width]
    angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.2)
    far = (across / width - 0.5) * np.cos(angle) + (down / height - 0.5) * np.sin(angle) - place
    return as_picture(
        page(rng, width, height) * (1 - 0.45 / (1 + np.exp(-far * rng.uniform(10, 80))))
    )


@kind
def noise(rng: Rng) -> Picture:
    """Show noise, of single pixels or of larger grains."""
    width, height = size(rng)
    grain = int(rng.integers(1, 12))
    small = rng.normal(0.5, rng.uniform(0.05, 0.3), (height // grain + 1, width // grain + 1))
    return as_picture(small).resize((width, height), int(rng.integers(0, 3)))


@kind
def specks(rng: Rng) -> Picture:
    """Show a page with specks of dirt."""
    width, height = size(rng)
    picture = as_picture(page(rng, width, height))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 60))):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.5, 4)
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=int(rng.integers(0, 90))
        )
    return picture


def lined(rng: Rng, *, squared: bool, tilt: float) -> Picture:
    """Show ruled or squared paper."""
    width, height = size(rng)
    grey = page(rng, width, height)
    down, across = np.mgrid[0:height, 0:width].astype(float)
    pitch, thick, strength = rng.uniform(12, 60), rng.uniform(0.4, 2), rng.uniform(0.1, 0.6)
    angle = rng.normal(0, tilt)
    for axis in (down + angle * across, across - angle * down)[: 2 if squared else 1]:
        far = np.abs((axis + rng.uniform(0, pitch)) % pitch - pitch / 2)
        grey *= 1 - strength * np.clip(thick - far + 0.5, 0, 1)
    return as_picture(grey)


@kind
def ruled_paper(rng: Rng) -> Picture:
    """Show ruled paper."""
    return lined(rng, squared=False, tilt=0.03)


@kind
def squared_paper(rng: Rng) -> Picture:
    """Show squared paper, straight."""
    return lined(rng, squared=True, tilt=0.004)


@kind
def tilted_squared_paper(rng: Rng) -> Picture:
    """Show squared paper, tilted."""
    return lined(rng, squared=True, tilt=0.1)


def written(rng: Rng, text: str) -> Picture:
    """Write text in one of this machine's fonts on a page."""
    width, height = size(rng)
    picture = as_picture(page(rng, width, height))
    font = ImageFont.truetype(str(rng.choice(fonts())), int(height * 0.65))
    left, top, right, bottom = font.getbbox(text)
    if right - left > 0.9 * width:
        font = font.font_variant(size=max(6, int(font.size * 0.9 * width / (right - left))))
        left, top, right, bottom = font.getbbox(text)
    place = (width - right + left) / 2 - left, (height - bottom + top) / 2 - top
    ImageDraw.Draw(picture).text(place, text, font=font, fill=int(rng.integers(0, 80)))
    return picture


@kind
def letter(rng: Rng) -> Picture:
    """Show one letter that is no digit."""
    return written(rng, str(rng.choice(list(LETTERS))))


@kind
def sign(rng: Rng) -> Picture:
    """Show a sign."""
    return written(rng, str(rng.choice(list(SIGNS))))


@kind
def word(rng: Rng) -> Picture:
    """Show a word."""
    return written(rng, str(rng.choice([word for word in WORDS if len(word) > 2])))


@kind
def page_of_text(rng: Rng) -> Picture:
    """Show many lines of text."""
    width, height = 300, 300
    picture = as_picture(page(rng, width, height))
    font = ImageFont.truetype(str(rng.choice(fonts())), int(rng.integers(9, 26)))
    for y in range(6, height, int(font.size * 1.3)):
        line = " ".join(rng.choice(WORDS, 12))
        ImageDraw.Draw(picture).text((6, y), line, font=font, fill=int(rng.integers(0, 60)))
    return picture


@kind
def code(rng: Rng) -> Picture:
    """Show a square code or a bar code."""
    modules = int(rng.integers(21, 42))
    grid = rng.random((modules, modules)) < 0.5
    if rng.random() < 0.3:
        grid = np.repeat(grid[:1], modules // 2, axis=0)
    else:
        for rows, columns in (
            (slice(0, 7), slice(0, 7)),
            (slice(0, 7), slice(-7, None)),
            (slice(-7, None), slice(0, 7)),
        ):
            eye = np.ones((7, 7), dtype=bool)
            eye[1:6, 1:6] = False
            eye[2:5, 2:5] = True
            grid[rows, columns] = eye
    grid = np.pad(np.repeat(np.repeat(grid, 6, axis=0), 6, axis=1), 24)
    return as_picture(1 - grid * rng.uniform(0.7, 1))


def curve(rng: Rng, points: int, width: int, height: int) -> list[tuple[float, float]]:
    """Return a smooth curve through random points."""
    knots = rng.uniform(0.1, 0.9, (points, 2)) * (width, height)
    t = np.linspace(0, points - 1, 40 * points)
    weights = np.exp(-2.5 * (t[:, None] - np.arange(points)) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return [(float(x), float(y)) for x, y in weights @ knots]


@kind
def scribble(rng: Rng) -> Picture:
    """Show a scribble."""
    width, height = size(rng)
    picture = as_picture(page(rng, width, height))
    pen = max(2, int(width * rng.uniform(0.01, 0.05)))
    line = curve(rng, int(rng.integers(8, 26)), width, height)
    ImageDraw.Draw(picture).line(line, fill=int(rng.integers(0, 90)), width=pen, joint="curve")
    return picture


@kind
def shape(rng: Rng) -> Picture:
    """Show a triangle, a square, a star, a heart, an arrow, or a filled shape."""
    width, height = size(rng)
    picture = as_picture(page(rng, width, height))
    which = int(rng.integers(0, 6))
    unit = min(width, height) * rng.uniform(0.3, 0.45)
    turns = {0: 3, 1: 4, 2: 10, 3: 60, 4: 5, 5: 6}[which]
    angles = np.arange(turns) * 2 * np.pi / turns + rng.uniform(0, 2 * np.pi)
    radius = np.where(np.arange(turns) % 2, 0.45, 1) if which == 2 else np.ones(turns)
    x, y = radius * np.cos(angles), radius * np.sin(angles)
    if which == 3:
        x = np.sin(angles) ** 3
        y = -(13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles)) / 16
    corners = [
        (width / 2 + unit * float(a), height / 2 + unit * float(b))
        for a, b in zip(x, y, strict=True)
    ]
    draw, ink = ImageDraw.Draw(picture), int(rng.integers(0, 90))
    if rng.random() < 0.5:
        draw.polygon(corners, fill=ink)
    else:
        draw.line([*corners, *corners[:2]], fill=ink, width=max(2, int(unit / 12)), joint="curve")
    return picture


@kind
def pattern(rng: Rng) -> Picture:
    """Show a chessboard, stripes, rings or dots."""
    width, height = size(rng)
    down, across = np.mgrid[0:height, 0:width].astype(float)
    pitch, which = rng.uniform(8, 60), int(rng.integers(0, 4))
    angle = rng.uniform(0, np.pi)
    u, v = (
        across * np.cos(angle) + down * np.sin(angle),
        down * np.cos(angle) - across * np.sin(angle),
    )
    waves = {
        0: np.sign(np.sin(np.pi * u / pitch) * np.sin(np.pi * v / pitch)),
        1: np.sign(np.sin(np.pi * u / pitch)),
        2: np.sin(2 * np.pi * np.hypot(across - width / 2, down - height / 2) / pitch),
        3: np.where(np.hypot(u % pitch - pitch / 2, v % pitch - pitch / 2) < pitch / 4, 1.0, -1.0),
    }[which]
    return as_picture(0.5 + rng.uniform(0.1, 0.5) * waves)


@kind
def clouds(rng: Rng) -> Picture:
    """Show smooth blotches of all sizes, as of marble or of a wall out of focus."""
    width, height = size(rng)
    total = np.zeros((height, width))
    for octave in range(1, 6):
        coarse = rng.normal(0, 1, (2**octave, 2**octave))
        field = Image.fromarray(coarse.astype(np.float32)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        total += np.asarray(field) * rng.uniform(0.3, 0.8) ** octave
    total = (total - total.min()) / np.ptp(total)
    return as_picture(rng.uniform(0, 0.3) + rng.uniform(0.3, 0.7) * total)


@kind
def strokes_apart(rng: Rng) -> Picture:
    """Show some short straight strokes: tally marks, crosses, ticks."""
    width, height = size(rng)
    picture = as_picture(page(rng, width, height))
    draw, ink, pen = ImageDraw.Draw(picture), int(rng.integers(0, 90)), max(2, width // 40)
    which = int(rng.integers(0, 3))
    if which == 0:
        draw.line([(width * 0.2, height * 0.2), (width * 0.8, height * 0.8)], ink, pen)
        draw.line([(width * 0.8, height * 0.25), (width * 0.2, height * 0.75)], ink, pen)
    elif which == 1:
        draw.line(
            [
                (width * 0.15, height * 0.5),
                (width * 0.4, height * 0.8),
                (width * 0.85, height * 0.15),
            ],
            ink,
            pen,
        )
    else:
        for _ in range(int(rng.integers(5, 20))):
            x, y, angle = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0, np.pi)
            reach = width * rng.uniform(0.05, 0.2)
            ends = [
                (x - reach * np.cos(angle), y - reach * np.sin(angle)),
                (x + reach * np.cos(angle), y + reach * np.sin(angle)),
            ]
            draw.line(ends, ink, pen)
    return picture


@kind
def blur(rng: Rng) -> Picture:
    """Show a photograph of something far out of focus: soft blobs of light and dark."""
    width, height = size(rng)
    picture = as_picture(page(rng, width, height))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(2, 12))):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(10, 120)
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=int(rng.integers(0, 256))
        )
    return picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(4, 20))))


def photographs(folder: Path, rng: Rng, count: int) -> list[Picture]:
    """Cut pieces out of the photographs of a folder: whole ones, and details."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg"))
    pieces = []
    for number in range(count):
        picture = Image.open(paths[number % len(paths)]).convert("RGB")
        if number >= len(paths):
            side = min(picture.size) * rng.uniform(0.2, 0.9)
            left, top = (rng.uniform(0, whole - side) for whole in picture.size)
            picture = picture.crop((int(left), int(top), int(left + side), int(top + side)))
        picture.thumbnail((400, 400))
        pieces.append(picture)
    return pieces
