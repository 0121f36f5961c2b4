"""Reading a file: configuration as text; Parquet, CSV, JSON (packed or not) or a zip of one CSV."""

import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from narrows.catalog.records import table_of
from narrows.core.errors import ConfigError, DataError

_CSV = (".csv", ".csv.zst", ".csv.gz")
_JSON = (".json", ".json.zst", ".json.gz")


def _unzipped(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise DataError(f"holds {len(names)} files", str(path), "give a zip with one CSV in it")
            return archive.read(names[0])
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"not a readable zip: {error}", str(path), "fetch the file again") from None


def _scan(path: Path, columns: Sequence[str], header: bool, records: str) -> pl.LazyFrame:
    if path.name.endswith(".parquet"):
        return pl.scan_parquet(path, glob=False)
    if path.name.endswith(_JSON):
        text = "\n".join(pl.read_lines(path).to_series())  # polars unpacks zstd, which our Python cannot
        return table_of(text, columns, records, str(path)).lazy()
    content = _unzipped(path) if path.name.endswith(".zip") else path.read_bytes()
    frame = pl.read_csv(
        io.BytesIO(content), has_header=header, infer_schema=False
    )  # text: we convert, loudly
    if not header:
        frame.columns = [f"column_{n}" for n in range(1, frame.width + 1)]
    return frame.lazy()


def read_file(path: Path, columns: Sequence[str], header: bool = True, records: str = "") -> pl.DataFrame:
    """The named columns of a file, or all of them if "*" is among them; `row` counts rows from 1.

    Columns of a file without a header are ``column_1``, ``column_2`` and so on; CSV values are text.
    What a column of a JSON file is, see `narrows.catalog.records`.

    Raises
    ------
    DataError
        If the file is missing, empty, broken, of an unknown kind, or lacks a column.
    """
    where = str(path)
    if not path.name.endswith((".parquet", ".zip", *_CSV, *_JSON)):
        raise DataError("unknown kind of file", where, "give .parquet, .zip or " + ", ".join((*_CSV, *_JSON)))
    try:
        if path.stat().st_size == 0:
            raise DataError("the file is empty", where, "fetch it again")
        lazy = _scan(path, columns, header, records)
        present = lazy.collect_schema().names()
        for column in columns:
            if column not in present and column != "*":
                raise DataError(f"no column {column!r}", where, "it has " + ", ".join(present))
        frame = lazy.select(present if "*" in columns else list(dict.fromkeys(columns))).collect()
    except FileNotFoundError:
        raise DataError("no such file", where, "check `file` in the mapping and --root") from None
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror or error}", where, "check the file") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"broken or truncated: {first}", where, "fetch the file again") from None
    if frame.is_empty():
        raise DataError("the file has no rows", where, "fetch it again")
    return frame.with_row_index("row", offset=1)


def matching(root: Path, file: str) -> list[Path]:
    """All files below a folder that a name with `*` stands for, sorted.

    Raises
    ------
    DataError
        If there is none, or the name is no pattern below the folder.
    """
    try:
        found = sorted(path for path in root.glob(file) if path.is_file())
    except (NotImplementedError, ValueError):  # an absolute one; ** beside letters
        what = f"{file!r} is no pattern of files below a folder"
        remedy = "write it from --root on, with ** for whole folders only; no absolute path"
        raise DataError(what, str(root), remedy) from None
    if not found:
        raise DataError("no file matches", str(root / file), "check `file` in the mapping and --root")
    return found


def text_of(path: str | Path) -> str:
    """The text of a configuration file.

    Raises
    ------
    ConfigError
        If it cannot be read, or is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", str(path), "check the path") from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", str(path), "is it a TOML file?") from None
