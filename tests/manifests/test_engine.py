import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError
from capplan.manifests.engine import Templates


@pytest.fixture
def own(tmp_path):
    """Return a function that renders one template of the user's."""

    def render(source: str, name: str = "own.yaml.j2", **context: object):
        (tmp_path / name).write_text(source, encoding="utf-8")
        templates = Templates(tmp_path)
        templates._environment.cache.clear()
        return templates.render(name, context)

    return render


def test_braces_of_prometheus_pass_through(own):
    assert own("a: 'x {{ $labels.x }} {% y %}'\n")[1] == {"a": "x {{ $labels.x }} {% y %}"}


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("name: [[ x ]]-hpa\n", "whole of a value"),
        ("name: \"[[ x ]]\"\nargs: ['--a=[[ x ]]']\n", "whole of a value"),
        ("name: [[ typo ]]\n", "'typo'"),
        ("name:[[ typo | yaml(2) ]]\n", "'typo'"),
        ("name: [[ none ]]\n", "no safe form"),
        ("name: [[ tree ]]\n", "no safe form"),
        ("name: [[ x | yaml(2) ]]\n", "neither a list nor a map"),
        ("name: [[ ().__class__ ]]\n", "'__class__'"),
        ("name: [[ tree.clear() ]]\n", "clear"),
        ("[% macro m() %][[ x ]][% endmacro %]name: [[ m() ]]\n", "U+E000"),
        ("name: [[ x\n", ".yaml.j2: "),
        ("name: 1\nname: 2\n", "twice"),
    ],
)
def test_a_template_that_could_write_something_else_is_refused(own, source, complaint):
    with pytest.raises(InputError) as raised:
        own(source, x="a", none=None, tree={"a": 1})
    assert complaint in str(raised.value)


@moderate
@given(
    value=st.text(max_size=30),
    labels=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=3),
)
def test_no_value_becomes_structure(tmp_path_factory, value, labels):
    directory = tmp_path_factory.getbasetemp()
    (directory / "hostile.yaml.j2").write_text("name: [[ value ]]\nlabels:[[ labels | yaml(2) ]]\nend: 1\n")
    (directory / "hostile.json.j2").write_text(
        '{"name": [[ value ]], "labels": [[ labels | block(2) ]], "end": 1}\n'
    )
    for suffix in ("yaml", "json"):
        try:
            _, tree = Templates(directory).render(f"hostile.{suffix}.j2", {"value": value, "labels": labels})
        except InputError:
            continue
        assert tree == {"name": value, "labels": labels, "end": 1}


def test_every_shipped_template_parses():
    templates = Templates()
    assert len(templates.names()) > 25
    for name in templates.names():
        templates._environment.get_template(name)


def test_a_users_template_replaces_ours_and_only_that(tmp_path):
    (tmp_path / "kubernetes").mkdir()
    (tmp_path / "kubernetes/namespace.yaml.j2").write_text("kind: Mine\nname: [[ namespace ]]\n")
    templates = Templates(tmp_path)
    assert (
        templates.render("kubernetes/namespace.yaml.j2", {"namespace": "on"})[0] == 'kind: Mine\nname: "on"\n'
    )
    assert not templates.is_own("kubernetes/service.yaml.j2")
    assert "kind: Service" in templates.source("kubernetes/service.yaml.j2")
