"""Write signs that a stream cannot show in ASCII: `δ` as `delta`, `→` as `->`, `xᵀ` as `x^T`."""

import re
from functools import lru_cache


def _pairs(text: str) -> dict[str, str]:
    """Return the words of a text in pairs: a sign, and what stands for it."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


# Set apart from letters and digits beside them: `√v` is `sqrt v`.
WORDS = _pairs(
    "α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta κ kappa λ lambda μ mu ν nu ξ xi "
    "π pi ρ rho σ sigma τ tau φ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Π prod "
    "Σ sum Φ Phi Ψ Psi Ω Omega ∇ grad √ sqrt ∞ inf ° deg"
)
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀᴸˡᵃᵗᶻˣ", "0123456789+-nTLlatzx", strict=True))
ONE_BY_ONE = {
    **_pairs("∂ d × x ⊙ .* ⊗ (x) ⊕ (+) ⋆ (*) ± +- − - · . • * ½ 1/2 ¼ 1/4 ¾ 3/4 ⅙ 1/6 µ u"),
    **_pairs("← <- → -> ↦ -> ↔ <-> ⇒ => ↑ ^ ↓ v ≈ ~ ≠ != ≤ <= ≥ >= ≫ >> ≪ << ‖ || ⟨ < ⟩ >"),
    **_pairs("⌈ ceil( ⌉ ) ⌊ floor( ⌋ ) \u0302 ^ \u0304 _mean ā a_mean ŝ s^ ✓ + ✗ x ● o ○ o"),
    **_pairs("… ... – - — - “ \" ” \" ‘ ' ’ '"),
    **_pairs("₀ _0 ₁ _1 ₂ _2 ₃ _3 ₄ _4 ₅ _5 ₆ _6 ₇ _7 ₈ _8 ₉ _9 ₋ _-"),
    **_pairs("▁ _ ▂ . ▃ - ▄ = ▅ + ▆ * ▇ # █ @ ░ . ▒ : ▓ # ■ # □ ."),
    **dict.fromkeys("─━═╌╴╶╸╺", "-"),
    **dict.fromkeys("│┃║╎╵╷╹╻", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬╞╡╪┡┩╇", "+"),
}
ALL = frozenset({*WORDS, *SUPERSCRIPTS, *ONE_BY_ONE})

RAISED = re.compile(f"[{''.join(SUPERSCRIPTS)}]+")
PRODUCT = re.compile(r"(?<=\S )·(?= \S)|(?<=\d)·(?=\d)")  # elsewhere, it is a point of a chart
GREEK = "\u0370-\u03ff"
WORD = re.compile(f"(?<![{GREEK}])[{''.join(WORDS)}](?![{GREEK}])")  # names in Greek stay whole


def plain(text: str, encoding: str) -> str:
    """Return a text with the signs replaced that an encoding lacks.

    Chinese, Japanese and Korean encodings of two bytes have many of them, but twice as wide, and
    other ones for some: these are replaced, too.

    Args:
        text: any; what has no replacement stays as it is.
        encoding: of the stream.
    """
    if text.isascii() or not (missing := _missing(encoding)):
        return text
    text = RAISED.sub(lambda run: _raised(run[0]) if missing & {*run[0]} else run[0], text)
    if "·" in missing:
        text = PRODUCT.sub("*", text)
    text = WORD.sub(lambda word: _word(word) if word[0] in missing else word[0], text)
    return text.translate({ord(sign): ONE_BY_ONE[sign] for sign in missing & {*ONE_BY_ONE}})


@lru_cache(maxsize=8)
def _missing(encoding: str) -> frozenset[str]:
    """Return the signs that an encoding lacks, or writes in two bytes, as if they were wide."""
    if encoding.lower().replace("_", "-").startswith(("utf", "u8", "cp65001", "gb18030")):
        return frozenset()
    return frozenset(sign for sign in ALL if len(sign.encode(encoding, "ignore")) != 1)


def _raised(run: str) -> str:
    """Return an exponent: `^2`, `^-6`, `^(l+1)`."""
    exponent = "".join(map(SUPERSCRIPTS.__getitem__, run))
    return f"^({exponent})" if re.search(r".[+-]", exponent) else f"^{exponent}"


def _word(found: re.Match[str]) -> str:
    """Return the word for a sign, apart from what stands beside it."""
    before = found.string[: found.start()][-1:]
    after = found.string[found.end() :][:1]
    return " " * before.isalnum() + WORDS[found[0]] + " " * after.isalnum()
