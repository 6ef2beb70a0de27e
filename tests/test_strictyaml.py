"""YAML without its traps."""

import contextlib
import subprocess
import sys

import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError
from capplan.strictyaml import MAX_BYTES, Locator, decode, load, read_text


def problem_of(text: str) -> str:
    with pytest.raises(InputError) as caught:
        load(text, "plan.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("0755", "0755"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("2026-07-30", "2026-07-30"),
        ("1e3", 1000.0),
        ("1.5e-3", 0.0015),
        (".5", 0.5),
        ("10_000", 10_000),
        ("0", 0),
        ("-3", -3),
        ("+3", 3),
        ("1.", 1.0),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1'", "1"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("NO", "NO"),
    ],
)
def test_scalars_follow_yaml_1_2(written, value):
    loaded = load(f"a: {written}", "f")["a"]
    assert loaded == value
    assert type(loaded) is type(value)


def test_a_yaml_1_1_directive_does_not_bring_the_norway_problem_back():
    assert load("%YAML 1.1\n---\na: no", "f") == {"a": "no"}


@pytest.mark.parametrize("key", ["8080", "true", "null", "~", "1.5", "no"])
def test_keys_are_text(key):
    assert load(f"{key}: 1", "f") == {key: 1}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: 1\na: 2", "plan.yaml:2:1"),
        ("b: {a: 1, 'a': 2}", "plan.yaml:1:11"),
        ("1: a\n'1': b", "plan.yaml:2:1"),
        ("a:\n  - x: 1\n    x: 2", "plan.yaml:3:5"),
    ],
)
def test_a_key_given_twice_is_refused_where_it_stands(text, where):
    message = problem_of(text)
    assert message.startswith(where)
    assert "given twice" in message


def test_merging_may_override_without_being_a_duplicate():
    text = "base: &b {x: 1, y: 1}\na: {<<: *b, x: 2}\nc: {<<: [*b, {z: 3}]}"
    loaded = load(text, "f")
    assert loaded["a"] == {"x": 2, "y": 1}
    assert loaded["c"] == {"x": 1, "y": 1, "z": 3}


def test_a_merged_mapping_may_be_merged_again_higher_up():
    text = "top:\n  deep:\n    base: &b {<<: {x: 1}, x: 2}\nc: {<<: *b, y: 3}\n"
    assert load(text, "f") == {"top": {"deep": {"base": {"x": 2}}}, "c": {"x": 2, "y": 3}}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: [1", "not valid YAML"),
        ("a:\n\tb: 1", "not valid YAML"),
        ("a: *nope", "plan.yaml:1:4"),
        ("? [a]\n: 1", "a key must be plain text"),
        ("--- a\n--- b", "plan.yaml:2:1: not valid YAML"),
        ("a: \x00", "the character U+0000 is not allowed"),
        ("a: !!python/object:os.system x", "the tag of this value is not taken"),
        ("a: !secret x", "the tag of this value is not taken"),
        ("<<: 3", "plan.yaml:1:"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(text, what):
    message = problem_of(text)
    assert message.startswith("plan.yaml")
    assert what in message


@pytest.mark.parametrize(
    "text",
    [
        "a: !!bool foo",
        "a: !!int ''",
        "a: !!float ''",
        "a: !!timestamp foo",
        "a: !!set [1]",
        "!!map [1]",
        "a: ! b",
    ],
)
def test_an_explicit_tag_is_refused(text):
    assert problem_of(text).startswith("plan.yaml:1:")
    assert "the tag of this value is not taken" in problem_of(text)


# No '!': explicit tags have a test of their own above.
yaml_text = st.text(st.sampled_from("ab10:,-[]{}\"'&*<>|#?%~ \n_.e"), max_size=40)


@moderate
@given(yaml_text)
def test_any_text_is_a_document_or_a_message(text):
    with contextlib.suppress(InputError):
        load(text, "f")


def bomb(levels: int, width: int = 10) -> str:
    lines = ["l0: &l0 [x]"]
    for level in range(1, levels):
        aliases = ", ".join([f"*l{level - 1}"] * width)
        lines.append(f"l{level}: &l{level} [{aliases}]")
    return "\n".join(lines)


def test_aliases_that_multiply_are_refused():
    assert "aliases expand" in problem_of(bomb(9))


def test_a_few_aliases_are_welcome():
    assert len(load(bomb(3), "f")["l2"]) == 10


def test_merge_keys_count_as_aliases():
    lines = ["l0: &l0 {a: " + "[1, 2, 3, 4, 5, 6, 7, 8, 9]}"]
    lines += [
        f"l{n}: &l{n} [" + ", ".join([f"{{<<: *l{n - 1}}}" if n == 1 else f"*l{n - 1}"] * 10) + "]"
        for n in range(1, 8)
    ]
    assert "aliases expand" in problem_of("\n".join(lines))


@pytest.mark.parametrize("text", ["a: &x [*x]", "a: &x {b: *x}", "a: &x {<<: *x}"])
def test_an_alias_inside_itself_is_refused(text):
    assert "contains itself" in problem_of(text)


DEEP = {
    "101 lists": ("[" * 101 + "]" * 101, "1:101"),
    "lists without end": ("[" * 5000, "1:101"),
    "lists in lines": ("[\n" * 5000, "101:1"),
    "closed lists": ("[" * 5000 + "]" * 5000, "1:101"),
    "mappings without end": ("{a: " * 5000, "1:401"),
    "both in turn": ("[{a: " * 51, "1:251"),
    "101 dashes": ("- " * 101 + "a", "1:201"),
    "dashes without end": ("- " * 5000 + "a", "1:201"),
    "explicit keys": ("? " * 5000 + "a", "1:201"),
    "101 keys, each further in": ("".join(" " * n + "a:\n" for n in range(101)), "101:101"),
    "after a bracket in quotes": ('"]": ' + "[" * 5000, "1:106"),
}


@pytest.mark.parametrize(("text", "place"), DEEP.values(), ids=DEEP)
def test_deep_nesting_is_refused(text, place):
    assert problem_of(text) == f"plan.yaml:{place}: nested more than 100 levels deep."


def test_brackets_in_quotes_between_brackets_hide_no_depth():
    assert problem_of('["]",' * 5000).endswith("nested more than 100 levels deep.")


@pytest.mark.parametrize("text", ["[" * 100 + "]" * 100, "- " * 99 + "[]", "a: " + "[" * 99 + "]" * 99])
def test_a_hundred_levels_are_read(text):
    loaded = load(text, "f")
    for _ in range(99):
        (loaded,) = loaded.values() if isinstance(loaded, dict) else loaded
    assert loaded == []


@pytest.mark.parametrize(
    "text", ["a: |\n  " + "[" * 5000, "a: '" + "[{" * 5000 + "'", "a: 1 # " + "[" * 5000]
)
def test_brackets_that_are_text_nest_nothing(text):
    assert set(load(text, "f")) == {"a"}


def test_nested_explicit_keys_do_not_crash_the_interpreter():
    code = "from capplan.strictyaml import load\ntry: load('? ' * 100_000, 'f')\nexcept Exception: pass"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_too_large_is_refused(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="too large"):
        read_text(path)


def test_bytes_that_are_not_utf_8_are_refused_with_their_line():
    with pytest.raises(InputError, match=r"plan\.yaml:2: not UTF-8 text \(byte 0xff\)"):
        decode(b"a: 1\nb: \xff", "plan.yaml")


def test_a_byte_order_mark_is_dropped():
    assert decode("\ufeffa: 1".encode(), "f") == "a: 1"


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "plan.yaml").write_text("a: 1")
    with pytest.raises(InputError, match=r"no such file\. Did you mean 'plan\.yaml'"):
        read_text(tmp_path / "plam.yaml")


def test_a_directory_is_not_a_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path)


LOCATED = """\
name: x
services:
  api: &api
    cpu: 1
    calls: [a, b]
  web:
    <<: *api
    cpu: 2
"""


@pytest.mark.parametrize(
    ("path", "where", "complete"),
    [
        (("name",), "f:1:1", True),
        (("services", "api", "cpu"), "f:4:5", True),
        (("services", "api", "calls", 1), "f:5:16", True),
        (("services", "web", "cpu"), "f:8:5", True),
        (("services", "web", "calls"), "f:5:5", True),  # comes in by the merge
        (("services", "api", "memory"), "f:3:3", False),
        (("nowhere",), "f", False),
        ((), "f", True),
        (("services", "api", "calls", 7), "f:5:5", False),
        (("name", "deeper"), "f:1:1", False),
    ],
)
def test_locator(path, where, complete):
    assert Locator(LOCATED, "f").find(path) == (where, complete)


def test_locator_of_an_empty_file():
    assert Locator("", "f").find(("a",)) == ("f", False)


names = st.text("abcdefgh", min_size=1, max_size=3)


@moderate
@given(st.dictionaries(names, st.dictionaries(names, st.integers(0, 9), min_size=1), min_size=1))
def test_locator_points_at_the_line_that_says_it(tree):
    lines = []
    for outer, inner in tree.items():
        lines.append(f"{outer}:")
        lines += [f"  {key}: {value}" for key, value in inner.items()]
    locator = Locator("\n".join(lines), "f")
    for outer, inner in tree.items():
        for key, value in inner.items():
            place, complete = locator.find((outer, key))
            line = int(place.split(":")[1])
            assert complete
            assert lines[line - 1] == f"  {key}: {value}"
            assert f"{outer}:" in lines[:line]
