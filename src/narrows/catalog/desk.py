"""Reading a desk file from disk."""

from pathlib import Path

from narrows.core.config import Desk, parse
from narrows.core.errors import ConfigError


def load_desk(path: str | Path) -> Desk:
    """The Desk in a TOML file.

    Raises
    ------
    ConfigError
        If the file cannot be read or is not usable: one line with the path of the key.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", str(path), "check the path") from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", str(path), "is it a TOML file?") from None
    return parse(text, Path(path).name)
