"""The page that everything is shown on: one HTML file that needs nothing but a browser."""

import base64
import hashlib
from contextlib import suppress
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from narrows.core.errors import ConfigError


@cache
def _own(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@cache
def _plotly_js() -> bytes:
    """plotly.js out of the installed Plotly wheel, found without importing it."""
    found = find_spec("plotly")
    for folder in (found.submodule_search_locations or ()) if found else ():
        script = Path(folder) / "package_data" / "plotly.min.js"
        if script.is_file():
            return script.read_bytes()
    raise ConfigError("plotly.min.js is not there", "report", "install plotly 6 or later")


def _source_hash(script: bytes) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode("ascii") + "'"


def _policy(scripts: tuple[bytes, ...]) -> str:
    """Content security policy: no request leaves the page, and only the scripts that we wrote run."""
    allowed = " ".join(_source_hash(script) for script in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def _data_block(identity: str, value: object) -> str:
    """JSON inside a script element; `<` is written so that no text can close the element."""
    text = msgspec.json.encode(value).decode("utf-8").replace("<", "\\u003c")
    return f'<script type="application/json" id="{identity}">{text}</script>'


def drawing(name: str, data: tuple[dict[str, Any], ...], layout: dict[str, Any]) -> str:
    """The place where draw.js puts a Plotly figure, and the figure as data beside it."""
    identity = escape(f"spec-{name}")
    spec = _data_block(identity, {"data": data, "layout": layout})
    return f'<div class="plot" data-spec="{identity}" style="height:{int(layout["height"])}px"></div>{spec}'


def document(title: str, body: str) -> bytes:
    """A page as UTF-8 HTML with style, plotly.js and what draws; the same body gives the same bytes."""
    plotly, draw = _plotly_js(), _own("draw.js").encode()
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy((plotly, draw))}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_own('style.css')}</style></head><body><main>"
        '<button id="theme" type="button" title="Change between a dark and a light page">Dark</button>'
    )
    parts = (head.encode(), body.encode(), b"</main><script>", plotly)
    return b"".join((*parts, b"</script><script>", draw, b"</script></body></html>\n"))


def write(content: bytes, path: str | Path) -> None:
    """Write a file that appears whole or not at all; missing folders are made.

    Raises
    ------
    ConfigError
        If the path cannot be written.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ConfigError(f"cannot write: {error.strerror}", str(target), "give another path") from None
