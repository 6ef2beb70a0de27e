"""Parquet files as rows of text, column by column as they are asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from capplan.errors import InputError, Problem

_ROWS = 20_000
"""Rows in memory at once."""


def columns_of(
    file: Path | io.BytesIO, path: str
) -> tuple[Sequence[str], Callable[[Sequence[int]], Iterator[tuple[int, Sequence[str]]]]]:
    """Return the names of the columns, and what reads the rows of some of them.

    Raises :class:`InputError` where pyarrow is not installed or the file is damaged.
    """
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError:
        remedy = "Install capplan[parquet], or export CSV."
        raise InputError(Problem(path, "is a Parquet file, which needs pyarrow", remedy)) from None
    try:
        found = pyarrow.parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError):
        raise InputError(Problem(path, "is not a whole Parquet file")) from None
    names = found.schema_arrow.names

    def read(wanted: Sequence[int]) -> Iterator[tuple[int, Sequence[str]]]:
        columns = [names[index] for index in wanted]
        number = 0
        for batch in found.iter_batches(_ROWS, columns=columns):
            for cells in zip(*(map(_text, batch.column(name).to_pylist()) for name in columns), strict=True):
                number += 1
                yield number, cells

    return names, read


def _text(value: Any) -> str:
    """Return a cell as CSV has it: times in ISO 8601, what is nested as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, list):
        pairs = all(isinstance(each, tuple) for each in value)
        return json.dumps(dict(value) if pairs else value, default=str)
    return json.dumps(value, default=str) if isinstance(value, dict) else str(value)
