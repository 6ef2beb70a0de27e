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
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from capplan.errors import InputError, Problem, nearest
from capplan.llm.lengths import LARGEST, RequestLengths, recorded
from capplan.stdin import encoding_of, is_stdin, name_of
from capplan.tabular import MAX_ROWS, NumberedLines, opened, table_source

_INPUTS = ("contexttokens", "input_length", "input_tokens", "prompt_tokens", "request tokens")
_OUTPUTS = ("generatedtokens", "output_length", "output_tokens", "completion_tokens", "response tokens")
_BLOCK = 512
"""Tokens of a block of Mooncake's traces; equal ids mean the same block after the same blocks."""

_MOST_BLOCKS = 2_000_000

Row = tuple[Any, ...]


def read_lengths(path: Path) -> RequestLengths:
    """Return the lengths in a file; :class:`InputError` with the line where one is no number of tokens."""
    stamp = None if is_stdin(path) or not path.is_file() else path.stat()
    return _read(path, stamp and (stamp.st_mtime_ns, stamp.st_size))


@lru_cache(maxsize=8)
def _read(path: Path, _: tuple[int, int] | None) -> RequestLengths:
    """Return the lengths in the file as it is at a time."""
    name, lengths, blocks = name_of(path), (array("d"), array("d")), _Blocks()
    for line, inputs, outputs, hashes in _rows(path, name):
        if len(lengths[0]) == MAX_ROWS:
            raise InputError(Problem(name, f"more than {MAX_ROWS:,} requests", "Give a sample of them."))
        lengths[0].append(_tokens(inputs, 1, name, line))
        lengths[1].append(_tokens(outputs, 0, name, line))
        blocks.add(hashes, lengths[0][-1])
    tokens = [np.frombuffer(each) for each in lengths]
    if not tokens[0].size:
        raise InputError(Problem(name, "holds no request"))
    if not tokens[1].any():
        raise InputError(Problem(name, "no request has output tokens"))
    return recorded(tokens[0], tokens[1], blocks.held and float(blocks.held / tokens[0].sum()))


def _rows(path: Path, name: str) -> Iterator[Row]:
    """Yield input, output and ids of blocks of each request, after its line."""
    with opened(path) as file:
        lines = NumberedLines(io.TextIOWrapper(file, encoding_of(file.peek(2))), name)
        first = next(filter(str.strip, lines), "")
        if first.lstrip().startswith("{"):
            yield from _objects(first, lines)
            return
    with table_source(path, lambda title: title.strip().lower()) as source:
        for line, cells in source.rows(_columns(source.names, name)):
            yield line, *cells, None


def _objects(first: str, lines: NumberedLines) -> Iterator[Row]:
    """Yield the same of JSON lines, one at a time; the first says which fields there are."""
    wanted: list[str] = []
    for text in filter(str.strip, chain([first], lines)):
        try:
            fields = {key.lower(): value for key, value in json.loads(text).items()}
        except (ValueError, AttributeError, RecursionError):
            where = f"{lines.path}:{lines.number}"
            raise InputError(Problem(where, "the line is not a JSON object")) from None
        wanted = wanted or [*_columns([*fields], lines.path), "hash_ids"]
        yield lines.number, *map(fields.get, wanted)


def _columns(names: Sequence[str], where: str) -> list[str]:
    """Return the columns of inputs and outputs."""
    found = []
    for what, known in (("input", _INPUTS), ("output", _OUTPUTS)):
        column = next((each for each in known if each in names), None)
        if column is None:
            what = f"no column of {what} tokens, such as {known[0]} or {known[1]}"
            raise InputError(Problem(where, what, nearest(known[1], names)))
        found.append(column)
    return found


def _tokens(cell: Any, least: int, name: str, line: int) -> float:
    try:
        tokens = float("nan" if isinstance(cell, bool) else cell)
    except (TypeError, ValueError, OverflowError):
        tokens = float("nan")
    if not least <= tokens <= LARGEST:
        what = f"expected {'input' if least else 'output'} tokens, a number from {least} to {LARGEST:.0f}"
        raise InputError(Problem(f"{name}:{line}", f"{what}, got '{str(cell)[:60]}'"))
    return tokens


class _Blocks:
    """Input that an endless cache of prefixes would have held; None where blocks are unknown, or too many."""

    def __init__(self) -> None:
        self.held: float | None = 0.0
        self._seen: set[int | str] = set()

    def add(self, hashes: Any, inputs: float) -> None:
        """Count the blocks at the beginning of a request that came before."""
        known = isinstance(hashes, list) and len(hashes) == -(-inputs // _BLOCK)
        if self.held is None or not known or len(self._seen) > _MOST_BLOCKS:
            self.held = None
            return
        ids = [block if isinstance(block, int) else str(block) for block in hashes]
        new = next((at for at, block in enumerate(ids) if block not in self._seen), len(ids))
        self.held += min(new * _BLOCK, inputs)
        self._seen.update(ids)
