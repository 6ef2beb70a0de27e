import math

import pytest
import yaml
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan import strictyaml
from capplan.manifests import scalars
from capplan.manifests.engine import same
from capplan.manifests.scalars import UnsafeValueError

TRAPS = [
    "on",
    "1.10",
    "0755",
    "22:22",
    "null",
    "1_000",
    "2024-01-01",
    "12e03",
    "1e3",
    "yes",
    "No",
    "~",
    "",
    " ",
    "abc #def",
    "a: b",
    "x\nhostNetwork: true",
    "x\n---\nkind: ClusterRoleBinding",
    '"',
    "\\",
    "{{ x }}",
    "[[ x ]]",
    "- a",
    "? a",
    "*a",
    "&a",
    "!a",
    "%a",
    "@a",
    "`a",
    "0x1F",
    "0b1",
    ".inf",
    ".nan",
    "=",
    "<<",
    "\u00e9",
    "😀",
    "\u2028",
    "\xa0",
    "a" * 300,
    "../..",
    "'",
    "a\tb",
    "true",
    "True",
    "Y",
]

text = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co"]), max_size=40)
scalar = st.one_of(text, st.booleans(), st.integers(-(10**12), 10**12), st.floats(-1e15, 1e15))
trees = st.recursive(
    st.one_of(st.lists(scalar, max_size=4), st.dictionaries(text, scalar, max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=8,
)


def both(source: str):
    """Return what YAML 1.1 and YAML 1.2 read; they must agree."""
    old, new = yaml.safe_load(source), strictyaml.load(source, "t")
    assert same(old, new)
    return new


@pytest.mark.parametrize("value", TRAPS)
def test_a_trap_stays_the_text_that_it_is(value):
    assert same(both(f"name: {scalars.yaml_scalar(value)}\n"), {"name": value})


@moderate
@given(scalar)
def test_a_scalar_is_read_back_with_its_type(value):
    assert same(both(f"name: {scalars.yaml_scalar(value)}\n"), {"name": value})


@moderate
@given(trees)
def test_a_tree_is_read_back_in_its_order(tree):
    assert same(both(f"top:{scalars.block_yaml(tree, 2)}\nend: 1\n"), {"top": tree, "end": 1})


@pytest.mark.parametrize(
    "value", [None, math.nan, math.inf, object(), "\x00", "\x7f", "\x85", "\ud800", "a\ue000"]
)
def test_what_has_no_safe_form_is_refused(value):
    with pytest.raises(UnsafeValueError):
        scalars.yaml_scalar(value)
    if value is not None:
        with pytest.raises((UnsafeValueError, ValueError)):
            scalars.json_value(value)


@moderate
@given(text)
def test_shell_python_and_sql_literals_hold_exactly_the_text(value):
    import ast
    import shlex

    assert shlex.split(scalars.shell_value(value)) == [value]
    assert ast.literal_eval(scalars.python_value(value)) == value
    quoted = scalars.sql_value(value)
    assert quoted[1:-1].replace("''", "'") == value
    assert "'" not in quoted[1:-1].replace("''", "")


@pytest.mark.parametrize("name", ["a b", "a;drop table b", "A", "1a", 'a"', "", "a" * 64])
def test_an_sql_identifier_is_a_plain_name(name):
    with pytest.raises(UnsafeValueError):
        scalars.sql_identifier(name)


def test_words_that_sql_reserves_are_no_names():
    keywords = pytest.importorskip("pglast.keywords")
    for word in keywords.RESERVED_KEYWORDS | keywords.TYPE_FUNC_NAME_KEYWORDS:
        with pytest.raises(UnsafeValueError, match="reserved word"):
            scalars.sql_identifier(word)
    for word in ("orders", "name", "value", "time", "level"):
        assert scalars.sql_identifier(word) == word
