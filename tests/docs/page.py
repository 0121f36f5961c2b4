"""A page of the documentation as a program: its blocks with a title are files, its sh blocks are run.

A ```text block after a ```sh block is what that prints, on both streams; spaces at line ends do not count.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the name of its file if it has one, and its text."""

    language: str
    title: str
    text: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page of docs/, in order."""
    text = (DOCS / page).read_text("utf-8")
    return [Block(*(part or "" for part in match.groups())) for match in _BLOCK.finditer(text)]


def _run(script: str, folder: Path) -> str:
    """What a script prints; `narrows` in it is this narrows."""
    program = folder / "bin" / "narrows"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!{sys.executable}\nfrom narrows.cli.app import main\nmain()\n")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def run_page(page: str, folder: Path) -> int:
    """Do what a page says in an empty folder; every text block must be what is printed. Counts them."""
    printed, compared = "", 0
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.text, "utf-8")
        elif block.language == "sh":
            printed = _run(block.text, folder)
        elif block.language == "text":
            assert _lines(block.text) == _lines(printed), page
            compared += 1
    return compared
