"""Tables of recorded figures: one way to read them, and a line for what is wrong."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from capplan import tabular
from capplan.errors import InputError
from capplan.tabular import figures, read_table


def table(directory: Path, content: str | bytes, name: str = "t.csv") -> tabular.Table:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_header_shows_the_delimiter(tmp_path: Path, mark: str) -> None:
    found = table(tmp_path, f'a{mark}"b, c"{mark}d\n1{mark}2{mark}3\n')
    assert {name: column.cells for name, column in found.columns.items()} == {
        "a": ["1"],
        "b, c": ["2"],
        "d": ["3"],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_spreadsheets(tmp_path: Path, encoding: str) -> None:
    found = table(tmp_path, "größe,b\r\n1,2\r\n".encode(encoding))
    assert list(found.columns) == ["größe", "b"]


def test_rows_know_their_lines(tmp_path: Path) -> None:
    found = table(tmp_path, '\na,b\n\n1,"two\nlines"\n , \n2,x\n')
    assert found.lines == [4, 7]
    assert found.column("b").cells == ["two\nlines", "x"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("a,b\n1,2\n3\n", r"t\.csv:3: the row has 1 cells, and the header 2"),
        ("a,b\n1,2,3\n", r"t\.csv:2: the row has 3 cells"),
        ('a,b\n1,"2\n', r"t\.csv:2: not readable as CSV"),
        ("a,a\n1,2\n", "the column 'a' twice"),
        ("", "it is empty"),
        (",,\n", "its lines are blank"),
        ('[{"time": 1}]', "is a JSON array"),
        (b"a,b\n1,\xe4\n", r"not UTF-8 text \(byte 0xe4\)"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "is not a whole gzip or zip file"),
        (b"\x1f\x8b nonsense", "is not a whole gzip or zip file"),
        ("a,b\n1," + "x" * 2**20, "the line is too long"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str | bytes, what: str) -> None:
    with pytest.raises(InputError, match=what):
        table(tmp_path, content)


def test_gzipped_tables_are_inflated_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 300_000)
    assert len(table(tmp_path, packed, "t.csv.gz").lines) == 300_000
    monkeypatch.setattr(tabular, "MAX_BYTES", 2**20)
    with pytest.raises(InputError, match="holds more than 1 MiB"):
        table(tmp_path, packed, "t.csv.gz")


def test_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular, "MAX_ROWS", 10)
    assert len(table(tmp_path, "a\n" + "1\n" * 10).lines) == 10
    with pytest.raises(InputError, match="more than 10 rows"):
        table(tmp_path, "a\n" + "1\n" * 11)


def test_blanks_are_unknown_and_nothing_else_is(tmp_path: Path) -> None:
    column = table(tmp_path, "a,b\n1.5,x\n,x\nNULL,x\n-2e3,x\n").column("a")
    assert np.array_equal(figures(column), [1.5, np.nan, np.nan, -2000], equal_nan=True)


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("nan", "is not a number"),
        ("inf", "is not finite"),
        ("1e400", "is not finite"),
        ("9" * 500, r"a '9{60}…' is not finite"),
        ("1,5", "is not a number. Write decimals with a point"),
    ],
)
def test_numbers_that_are_none_name_their_line(tmp_path: Path, cell: str, what: str) -> None:
    with pytest.raises(InputError, match=rf"t\.csv:3: .*{what}"):
        figures(table(tmp_path, f'a,b\n1,x\n"{cell}",x\n').column("a"))


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_zipped_tables_are_inflated_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = zipped(rows=b"a,b\n" + b"1,2\n" * 300_000)
    assert len(table(tmp_path, packed, "t.zip").lines) == 300_000
    monkeypatch.setattr(tabular, "MAX_BYTES", 2**20)
    with pytest.raises(InputError, match="holds more than 1 MiB"):
        table(tmp_path, packed, "t.zip")


def test_a_zip_file_holds_one_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 2 files"):
        table(tmp_path, zipped(one=b"a\n1\n", two=b"a\n1\n"), "t.zip")
    whole = zipped(one=b"a\n1\n")
    with pytest.raises(InputError, match="is not a whole gzip or zip file"):
        table(tmp_path, whole[:-5], "t.zip")
    newer = bytearray(whole)
    newer[whole.index(b"PK\x01\x02") + 6] = 200  # the version that is needed to extract it
    with pytest.raises(InputError, match="cannot be extracted"):
        table(tmp_path, bytes(newer), "t.zip")
    with pytest.raises(InputError, match="is not a whole Parquet file"):
        table(tmp_path, b"PAR1" + bytes(20), "t.parquet")


def test_json_lines_are_rows(tmp_path: Path) -> None:
    text = b'{"a": {"b": 1, "c": "x"}, "l": [1]}\n\n{"a": {"b": null}, "d": true}\n'
    found = table(tmp_path, text, "t.jsonl")
    assert {name: list(column.cells) for name, column in found.columns.items()} == {
        "a.b": ["1", ""],
        "a.c": ["x", ""],
        "l": ["[1]", ""],
        "d": ["", "true"],
    }
    assert list(found.lines) == [1, 3]


@pytest.mark.parametrize("second", [b"{", b"1,2", b"[]", b'{"a":' * 5000])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, second: bytes) -> None:
    with pytest.raises(InputError, match=r"t\.jsonl:2: the line is not a JSON object"):
        table(tmp_path, b'{"a": 1}\n' + second + b"\n", "t.jsonl")
