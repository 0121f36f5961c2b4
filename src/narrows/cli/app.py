"""`narrows VERB`: the verbs, and how errors become one line and an exit status.

Exit status: 0 = done, 1 = the run failed, 2 = bad input, 141 = the reader of the output left.
Verbs are named by import path, so that `narrows --help` loads none of them.
"""

import io
import os
import sys

from cyclopts import App, CycloptsError

from narrows import __version__
from narrows.core.errors import NarrowsError, StateError, VenueError

_HELP = """
Convergence trading in crypto derivatives: find price gaps that must close, size them to survive,
trade both legs, show how they closed.

Start with `narrows demo`: the whole job, offline. Then bring data (`narrows ingest`) and describe a
desk in one TOML file that every verb takes. Add `--json` to any verb for one JSON object on
standard output.
"""

_VERBS = {
    "demo": "The whole job, offline, on the embedded synthetic market.",
    "ingest": "Local files into the catalogue, by a declared mapping.",
    "quality": "What is wrong or odd in the data; nothing is repaired silently.",
    "scan": "Every spread of a universe, ranked by what it pays after costs.",
    "route": "What entering and leaving a spread costs over the books of its venues.",
    "study": "The convergence study of one spread: fair value, half-life, funding, as a page.",
    "backtest": "Simulate a desk, write its report.",
    "rules": "The rules of an instrument at a date, and who says so.",
    "compare": "Simulate several desks, show them side by side.",
}

app = App(name="narrows", help=_HELP, version=__version__, help_format="markdown")
for _verb, _line in _VERBS.items():
    app.command(f"narrows.cli.{_verb}:{_verb}", name=_verb, help=_line)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit status.

    A strategy of one's own is looked for in the folder one stands in, too.
    """
    sys.path.insert(0, "")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows ?
    try:
        app(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except (StateError, VenueError) as error:
        status = _say(error, 1)
    except NarrowsError as error:
        status = _say(error, 2)
    except CycloptsError as error:
        status = _say(f"{error}".strip(), 2)
    except BrokenPipeError:  # the reader, as `head`, has enough; the flush at exit must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except OSError as error:
        status = _say(f"{error.strerror or error}: {error.filename or 'standard output'}", 1)
    except KeyboardInterrupt:
        status = _say("stopped", 130)
    else:
        status = 0
    sys.exit(status)


def _say(error: object, status: int) -> int:
    print("narrows:", " ".join(str(error).split()), file=sys.stderr)
    return status
