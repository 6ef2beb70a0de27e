"""JSON that users hand in."""

import json

import pytest

from capplan.errors import InputError
from capplan.strictjson import parse_json, read_json

DEEP = "nested more than 100 levels deep"


def problem_of(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_json(text, "saved.json", "Save it again.")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "saved.json:1:1: not valid JSON"),
        ("{", "saved.json:1:2: not valid JSON"),
        ('{"a": 1,\n "b" 2}', "saved.json:2:6: not valid JSON"),
        ('{"a": 1} x', "saved.json:1:10: not valid JSON"),
        ('{"a": "', "saved.json:1:7: not valid JSON"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "saved.json: key 'c' is given twice"),
        ("1" * 5000, "saved.json: holds a number with too many digits"),
        ("[" * 101 + "]" * 101, f"saved.json:1:101: {DEEP}"),
        ("[" * 1_000_000, f"saved.json:1:101: {DEEP}"),
        ('[\n{"]": ' * 60, f"saved.json:51:7: {DEEP}"),
        ('["\\"]",' * 150, f"saved.json:1:701: {DEEP}"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, said):
    assert problem_of(text) == f"{said}. Save it again."


@pytest.mark.parametrize(
    "value",
    [
        json.loads("[" * 100 + "]" * 100),
        {"a": "[" * 500},
        {"\\": ["\\" * 201 + '"[{'] * 200},
        [[1], {}] * 200,
    ],
)
def test_what_is_in_order_is_read(value):
    assert parse_json(json.dumps(value), "f") == value


def test_a_part_of_a_file_is_found_in_it():
    with pytest.raises(InputError, match=r"^f:8:2: not valid JSON"):
        parse_json("\n{", "f", line=7)


def test_a_file_is_read_whatever_is_wrong_with_it(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(InputError, match=r"a\.json: no such file"):
        read_json(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"a\.json:1: not UTF-8 text"):
        read_json(path)
    path.write_text('\ufeff{"a": 1}', encoding="utf-8")
    assert read_json(path) == {"a": 1}
