"""Changes laid over a plan."""

import copy

import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError
from capplan.plan.overlay import assignment, full_path, merge, nested

keys = st.text("abc", min_size=1, max_size=2)
leaves = st.integers(0, 9) | st.text("xy", max_size=2) | st.lists(st.integers(0, 3), max_size=2)
trees = st.recursive(
    st.dictionaries(keys, leaves, max_size=3), lambda t: st.dictionaries(keys, t | leaves, max_size=3)
)


def test_merge_replaces_adds_and_removes():
    base = {"a": 1, "b": {"c": 2, "d": 3}, "e": [1]}
    overlay = {"a": None, "b": {"c": 5, "d": None, "f": 6}, "e": [2], "g": {"h": 1}}
    assert merge(base, overlay) == {"b": {"c": 5, "f": 6}, "e": [2], "g": {"h": 1}}


@moderate
@given(trees)
def test_merging_nothing_or_itself_changes_nothing(tree):
    assert merge(tree, {}) == tree
    assert merge(tree, tree) == tree


@moderate
@given(trees, trees)
def test_merge_leaves_its_arguments_alone(base, overlay):
    before = copy.deepcopy((base, overlay))
    merge(base, overlay)
    assert (base, overlay) == before


@moderate
@given(trees, trees)
def test_merging_twice_is_merging_once(base, overlay):
    once = merge(base, overlay)
    assert merge(once, overlay) == once


@moderate
@given(st.lists(keys, min_size=1, max_size=4).map(tuple), leaves)
def test_nested_says_one_thing(path, value):
    tree = nested(path, value)
    for key in path:
        assert list(tree) == [key]
        tree = tree[key]
    assert tree == value


@pytest.mark.parametrize("text", ["a", "=1", "a=", " = ", ""])
def test_an_assignment_has_two_sides(text):
    with pytest.raises(InputError, match="expected PATH=VALUE"):
        assignment(text, "--set")


def test_only_the_first_equals_sign_separates():
    assert assignment(" a.b = x=y ", "--set") == ("a.b", "x=y")


RAW = {
    "demand": {"users": 1},
    "services": {"web": {"cpu": 1, "gpu": 0}, "api": {"cpu": 2}},
    "alternatives": {"z": {"gpu": 1}},
}
ROOTS = {"demand": 0, "services": 0, "name": 0}


def test_a_path_from_the_root_is_taken_as_it_stands():
    assert full_path(RAW, "name", ROOTS, "--set") == ("name",)
    assert full_path(RAW, "services.web.new", ROOTS, "--set") == ("services", "web", "new")


def test_a_unique_ending_is_enough():
    assert full_path(RAW, "users", ROOTS, "--set") == ("demand", "users")
    assert full_path(RAW, "web.cpu", ROOTS, "--set") == ("services", "web", "cpu")
    assert full_path(RAW, "gpu", ROOTS, "--set") == ("services", "web", "gpu"), "alternatives do not count"


def test_an_ambiguous_ending_is_refused_with_the_choices():
    with pytest.raises(
        InputError, match=r"'cpu' is ambiguous\. Write one of services\.api\.cpu, services\.web\.cpu"
    ):
        full_path(RAW, "cpu", ROOTS, "--set")


def test_an_unknown_ending_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"has no 'usrs'\. Did you mean 'users'"):
        full_path(RAW, "usrs", ROOTS, "--set")
