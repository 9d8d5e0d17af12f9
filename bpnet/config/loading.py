"""Read a config and check all of it that can be checked without the data."""

import codecs
from pathlib import Path

from bpnet.config.network import build_layers, known_input_shape, known_outputs
from bpnet.config.presets import find_config
from bpnet.config.reader import ConfigReader, raise_problems
from bpnet.config.settings import Config
from bpnet.errors import ConfigError

MOST_BYTES = 4 << 20  # of a config file


def read_text(path: Path) -> str:
    """Return the content of a config file.

    Raises:
        ConfigError: it cannot be read, is too long, or is not text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigError(
                "the config is too long",
                where=path,
                expected=f"at most {MOST_BYTES >> 20} MB",
                hint="put samples in an idx data set",
            )
        return decoded(content)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the config cannot be read",
            where=path,
            expected="a text file in UTF-8",
            found=getattr(error, "strerror", None) or "bytes that are not UTF-8",
            hint=None
            if isinstance(error, OSError)
            else "save the file as UTF-8 in your editor, if it is a text",
        ) from error


def decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 if a mark before the text says so.

    Editors put such marks there, and the `>` of Windows PowerShell writes UTF-16.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_wide else "utf-8-sig")


def load_config(name: str, overrides: tuple[str, ...] = ()) -> Config:
    """Read a config and check its keys, its values and, if the data are known, its shapes.

    Args:
        name: path of a file, or name of a preset.
        overrides: `section.key=value` each; they override the file.

    Raises:
        ConfigError: one for all problems together.
    """
    path = find_config(name)
    reader = ConfigReader(str(path), path.parent)
    config = reader.read(read_text(path), overrides)
    check_network(config, reader.problems)
    raise_problems(str(path), reader.problems)
    return config


def load_overrides(overrides: tuple[str, ...]) -> Config:
    """Read settings that were given without a config.

    Raises:
        ConfigError: one for all problems together.
    """
    reader = ConfigReader("--set", Path())
    config = reader.read("", overrides)
    raise_problems("given in options", reader.problems)
    return config


def check_network(config: Config, problems: list[str]) -> None:
    """Note what does not fit in the network, if the config alone gives the data's shape."""
    shape = known_input_shape(config)
    if shape is not None:
        build_layers(config, shape, known_outputs(config), problems)
    if config.data.dataset == "table" and not config.augment.is_identity:
        problems.append("[augment] distorts pictures; a table of numbers has none")
