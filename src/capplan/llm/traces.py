"""Lengths of recorded requests, from a file with one request a line: CSV, or JSON lines.

Known are the columns of the Azure LLM inference traces (ContextTokens, GeneratedTokens), of Mooncake's
(input_length, output_length, hash_ids), of BurstGPT (Request tokens, Response tokens), and of usage exports.
"""

from __future__ import annotations

import io
import json
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from capplan.arrays import Array
from capplan.errors import InputError, Problem, nearest
from capplan.llm.lengths import RequestLengths, recorded
from capplan.stdin import encoding_of, is_stdin, name_of
from capplan.tabular import MAX_ROWS, NumberedLines, opened, table_source

_INPUTS = ("contexttokens", "input_length", "input_tokens", "prompt_tokens", "request tokens")
_OUTPUTS = ("generatedtokens", "output_length", "output_tokens", "completion_tokens", "response tokens")
_HASHES = "hash_ids"
_BLOCK = 512
"""Tokens of a block of Mooncake's traces; equal ids mean the same block after the same blocks."""

_LARGEST = 1e8
_MOST_BLOCKS = 2_000_000

Row = tuple[int, Sequence[Any]]


def read_lengths(path: Path) -> RequestLengths:
    """Return the lengths in a file; :class:`InputError` with the line where one is no number of tokens."""
    stamp = None if is_stdin(path) or not path.is_file() else path.stat()
    return _read(path, stamp and (stamp.st_mtime_ns, stamp.st_size))


@lru_cache(maxsize=8)
def _read(path: Path, _: tuple[int, int] | None) -> RequestLengths:
    """Return the lengths in the file as it is at a time."""
    name, sums, seen = name_of(path), (array("d"), array("d")), _Seen()
    for line, (inputs, outputs, hashes) in _rows(path, name):
        if len(sums[0]) == MAX_ROWS:
            raise InputError(Problem(name, f"more than {MAX_ROWS:,} requests", "Give a sample of them."))
        for each, cell, least in zip(sums, (inputs, outputs), (1, 0), strict=True):
            each.append(_tokens(cell, least, name, line))
        seen.add(hashes, sums[0][-1])
    lengths = [np.frombuffer(each) for each in sums]
    if not lengths[0].size:
        raise InputError(Problem(name, "holds no request"))
    if not lengths[1].any():
        raise InputError(Problem(name, "no request has output tokens"))
    return recorded(lengths[0], lengths[1], seen.share(lengths[0]))


def _rows(path: Path, name: str) -> Iterator[Row]:
    """Yield input, output and ids of blocks of each request, with its line."""
    with opened(path) as file:
        lines = NumberedLines(io.TextIOWrapper(file, encoding_of(file.peek(2))), name)
        first = next((line for line in lines if line.strip()), "")
        if first.lstrip().startswith("{"):
            yield from _objects(first, lines, name)
            return
    with table_source(path, lambda title: title.strip().lower()) as source:
        wanted = _columns(source.names, name)
        yield from source.rows(wanted) if len(wanted) == 3 else _with_none(source.rows(wanted))


def _with_none(rows: Iterator[Row]) -> Iterator[Row]:
    return ((line, (*cells, None)) for line, cells in rows)


def _objects(first: str, lines: NumberedLines, name: str) -> Iterator[Row]:
    """Yield the same of JSON lines, one at a time; the first says which fields there are."""
    wanted: list[str] = []
    while first:
        if first.strip():
            try:
                fields = {key.lower(): value for key, value in json.loads(first).items()}
            except (ValueError, AttributeError, RecursionError):
                where = f"{name}:{lines.number}"
                raise InputError(Problem(where, "the line is not a JSON object")) from None
            wanted = wanted or _columns([*fields], name)
            yield lines.number, [*(fields.get(key) for key in wanted), *([None] * (3 - len(wanted)))]
        first = next(lines, "")


def _columns(names: Sequence[str], where: str) -> list[str]:
    """Return the columns of inputs, outputs, and ids of blocks if there are any."""
    found = []
    for what, known in (("input", _INPUTS), ("output", _OUTPUTS)):
        column = next((each for each in known if each in names), None)
        if column is None:
            what = f"no column of {what} tokens, such as {known[0]} or {known[1]}"
            raise InputError(Problem(where, what, nearest(known[1], names)))
        found.append(column)
    return [*found, *([_HASHES] if _HASHES in names else [])]


def _tokens(cell: Any, least: int, name: str, line: int) -> float:
    try:
        tokens = float("nan" if isinstance(cell, bool) else cell)
    except (TypeError, ValueError, OverflowError):
        tokens = float("nan")
    if not least <= tokens <= _LARGEST:
        what = f"expected {'input' if least else 'output'} tokens, a number from {least} to {_LARGEST:.0f}"
        raise InputError(Problem(f"{name}:{line}", f"{what}, got '{str(cell)[:60]}'"))
    return tokens


class _Seen:
    """How much of the input an endless cache of prefixes would have held already."""

    def __init__(self) -> None:
        self._blocks: set[int | str] = set()
        self._held = 0.0
        self._known = True

    def add(self, hashes: Any, inputs: float) -> None:
        """Count the blocks at the beginning of a request that came before."""
        if isinstance(hashes, str):
            hashes = [part for part in hashes.strip("[]").split(",") if part.strip()]
        blocks = hashes if isinstance(hashes, list) else []
        self._known &= len(blocks) == -(-inputs // _BLOCK) and len(self._blocks) < _MOST_BLOCKS
        if not self._known:
            return
        ids = [block if isinstance(block, int) else str(block) for block in blocks]
        new = next((at for at, block in enumerate(ids) if block not in self._blocks), len(ids))
        self._held += min(new * _BLOCK, inputs)
        self._blocks.update(ids)

    def share(self, inputs: Array) -> float | None:
        """Return the share of all input, None where the blocks are not known of all requests."""
        return float(self._held / inputs.sum()) if self._known else None
