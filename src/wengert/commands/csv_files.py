"""How is a CSV file read, and what is wrong with one that cannot be?

The library polars parses it, into texts: what they mean is decided in `tables`. Here stands what polars leaves
open: which separator, where the file's first mistake is, and one sentence about it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

from wengert.errors import TableError
from wengert.extras import needed

Frame = Any
"""A `polars.DataFrame`."""

SEPARATORS = ",;\t|"
# More columns than any table of measurements has (a genome's 60 000 genes fit); beyond it, a line break is missing.
LARGEST_WIDTH = 100_000
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_csv(path: str | Path) -> Frame:
    """Read a CSV file: UTF-8, names in the first line, separated by commas, semicolons, tabs or bars.

    Returns
    -------
    polars.DataFrame
        Of texts without blanks around them; an empty field is null.

    Raises
    ------
    TableError
        If it is no such file; the message says where and why.
    MissingPackageError
        Without polars (``pip install 'wengert[nn]'``).
    OSError
        If it cannot be read at all.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from wengert.commands.csv_files import read_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "trees.csv")
    ...     _ = path.write_text("kind;height\\noak;21,5\\nfir;\\n")
    ...     frame = read_csv(path)
    >>> frame.to_dict(as_series=False)
    {'kind': ['oak', 'fir'], 'height': ['21.5', None]}
    """
    data = checked_text(Path(path).read_bytes(), path)
    polars = needed("polars", "reading a table", "nn")
    end = data.find(b"\n")
    separator = separator_of(data[: end if end >= 0 else None], path)
    try:
        lines = polars.read_csv(data, has_header=False, infer_schema=False, separator=separator)
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        reason = ragged(data, separator)
        raise TableError(f"{path} {reason or 'is not well-formed CSV; look for a quote inside a field'}") from error
    if lines.get_column(lines.columns[-1]).null_count() and (reason := ragged(data, separator)):
        raise TableError(f"{path} {reason}")
    names = [text.strip() if text else f"column {k}" for k, text in enumerate(lines.row(0), 1)]
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise TableError(f"{path} has {count} columns called {name[:40]!r}; give each a name of its own")
    text = polars.all().str.strip_chars()
    if separator == ";":  # where this is the separator, the comma is the decimal point
        text = text.str.replace(r"^([+-]?\d*),(\d+)$", "${1}.${2}")
    rows = lines.slice(1).rename(dict(zip(lines.columns, names, strict=True)))
    if not rows.height:
        raise TableError(f"{path} has a line of names, but no rows below it")
    return rows.with_columns(text)


def checked_text(data: bytes, path: str | Path) -> bytes:
    """The bytes of a text in UTF-8, with line feeds, and none at the end."""
    data = data.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n")
    if not data.strip():
        raise TableError(f"{path} is empty")
    if data.startswith(UTF16):
        raise TableError(f"{path} is written in UTF-16; save it as UTF-8")
    if b"\0" in data[:65536]:
        raise TableError(f"{path} is not a text file; a table has to be saved as CSV in UTF-8")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02x} in line {line} is not UTF-8"
        raise TableError(f"{path} has a wrong encoding: {what}; save it as UTF-8 (often it is Latin-1)") from error
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def separator_of(line: bytes, path: str | Path) -> str:
    """The separator that is most frequent in the line of the names, outside of quotes."""
    text = re.sub(r'"[^"]*"', "", line.decode())
    separator = max(SEPARATORS, key=text.count)
    width = text.count(separator) + 1
    if width > LARGEST_WIDTH:
        raise TableError(f"the first line of {path} has {width:,} columns, more than {LARGEST_WIDTH:,}: is it a table?")
    return separator


def ragged(data: bytes, separator: str) -> str | None:
    """What is to be said of the first line that has more or fewer fields than the first, if there is one."""
    reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator, strict=True)
    try:
        width = len(next(reader))
        for fields in reader:
            if fields and len(fields) != width:
                return f"is ragged: line {reader.line_num} has {len(fields):,} of {width:,} fields"
    except csv.Error as error:
        return f"is not well-formed CSV: {error} in line {reader.line_num}"
    return None
