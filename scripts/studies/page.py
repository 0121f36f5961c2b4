"""docs/studies/index.md: a table with a row for each study, and a section for each below it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from studies.book import CATALOGUES, FOREWORD
from studies.study import Run, numbers

_HEAD = (
    "study", "period (UTC)", "spreads", "a year, hurdle", "basis", "funding", "borrow", "fees, slippage",
    "rest", "largest drawdown", "margin ratio", "liquidations", "fills", "findings in the data",
)  # fmt: skip


def row(run: Run) -> str:
    """The row of a study."""
    told = numbers(run)
    apr = f"{told['apr']}, {told['hurdle']}"
    if run.late_funding:
        apr = f"{told['apr']} ({told['apr_since_funding']} since {told['funding_since']}), {told['hurdle']}"
    cells = (
        f"[{run.study.title}](#{anchor(run.study.title)})",
        f"{told['start']} → {told['end']}, {told['bar']}",
        told["spreads"].partition(" ")[0],
        apr,
        *(told[name] for name in ("basis", "funding", "borrow", "costs", "rest", "drawdown")),
        f"{told['ratio']} / {told['ratio_inside']}",
        f"{told['liquidations']} / {told['liquidations_high_low']}",
        told["fills"],
        told["kinds"],
    )
    return "| " + " | ".join(cells) + " |"


def section(run: Run) -> str:
    """What is said of a study: verdict, text, years, picture, command, report."""
    study, told = run.study, numbers(run)
    rather = "" if run.beats_doing_nothing else f"**Hold {study.currency or 'cash'}.** "
    return "\n".join(
        (
            f"## {study.title}",
            "",
            f"{rather}{told['verdict']}",
            "",
            " ".join(study.text.split()).format(**told),
            "",
            f"By calendar year: {told['years']}.",
            "",
            f"![First screen of the report: {study.title}]({study.name}.png)",
            "",
            "```sh",
            study.command,
            "```",
            "",
            f"Desk: [`{study.desk}`](../../{study.desk}); report: `{study.report}`.",
        )
    )


def others(folder: Path) -> str:
    """The list of the other studies in the folder, each by its heading."""
    pages = sorted(path for path in folder.glob("*.md") if path.name != "index.md")
    told = [f"- [{path.read_text('utf-8').splitlines()[0].lstrip('# ')}]({path.name})" for path in pages]
    return "\n".join(("## More studies", "", *told)) if told else ""


def ingest_commands() -> str:
    """What makes the catalogues, as one types it; DATA is the folder with the files."""
    lines = []
    for catalogue, mappings in CATALOGUES.items():
        files = "{" + ",".join(mappings) + "}" if len(mappings) > 1 else mappings[0]
        lines.append(f"narrows ingest --root DATA --catalog {catalogue} examples/sources/{files}.toml")
    return "\n".join(lines)


def table(runs: Iterable[Run]) -> str:
    """The table of all studies."""
    head = "| " + " | ".join(_HEAD) + " |\n" + "|---" * 3 + "|--:" * 10 + "|---|"
    return "\n".join((head, *(row(run) for run in runs)))


def anchor(title: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    kept = (sign for sign in title.lower() if sign.isalnum() or sign in " -_")
    return "".join(kept).replace(" ", "-")


def page(runs: Sequence[Run], folder: Path) -> str:
    """The whole page."""
    commands = f"```sh\n{ingest_commands()}\n```"
    parts = (FOREWORD.format(commands=commands, table=table(runs)), *map(section, runs), others(folder))
    return "\n\n".join(part.strip() for part in parts if part) + "\n"
