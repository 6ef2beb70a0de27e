"""Whatever stands in a file, the checks say what they find, or nothing: they never break."""

import copy
import json
import textwrap
from functools import cache
from pathlib import Path

import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st
from rendering import SERVICE, example

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.reading import read_contents
from capplan.manifests.verify.run import verify

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 99),
    st.floats(allow_nan=True),
    st.sampled_from(["", "x", "10%", "-1", "1e400", "Off", "true", "$ds", "http://a:b@c"]),
    st.just([]),
    st.just({}),
    st.lists(st.sampled_from([None, 1, "a", [], {}, {"name": {}}, {"name": ["x"]}, {"key": 1}]), max_size=3),
    st.dictionaries(st.sampled_from(["name", "kind", "spec", "port", "matchLabels"]), st.just(7), max_size=3),
)


@cache
def everything():
    """Return documents of every kind that capplan renders."""
    found = {}
    for of in (
        ("amas", None),
        ("llm-governance", "redis-cluster"),
        ("llm-observatory", "aws-ecs"),
        ("afpi", None),
    ):
        for path, item in example(*of).items():
            if item.value is not None:
                found.setdefault(path, json.loads(json.dumps(item.value)))
    return found


def places(tree):
    """Return every container of a tree with a key of it."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in inner for place in [(tree, key), *places(value)]]


@moderate
@given(st.data())
def test_a_file_with_anything_at_any_place_never_breaks_the_checks(data):
    path = data.draw(st.sampled_from(sorted(everything())))
    documents = {**everything(), path: copy.deepcopy(everything()[path])}
    for _ in range(data.draw(st.integers(1, 4))):
        tree, key = data.draw(st.sampled_from(places(documents[path])))
        tree[key] = copy.deepcopy(data.draw(odd))
    for finding in verify({path: [tree] for path, tree in documents.items()}, {}, Facts()):
        assert finding.said


FILES = {
    "broken.yaml": b"kind: Service\nmetadata: {name: a\n",
    "twice.yaml": b"apiVersion: v1\nkind: Service\nkind: Service\n",
    "twice.json": b'{"kind": "Service", "kind": "Pod"}',
    "latin.yaml": b"kind: Service\nmetadata: {name: caf\xe9}\n",
    "nul.yaml": b"kind: Service\x00\n",
    "tagged.yaml": b"Resources:\n  A: !Ref B\n",
    "bomb.yaml": b"a: &a [x, x, x, x, x, x, x, x, x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 9)) for n in range(98, 107)),
    "deep.json": b"[" * 100_000,
    "comments.json": b'{"a": 1 // no\n}',
    "chart/Chart.yaml": b"name: a\n",
    "chart/templates/a.yaml": b"kind: Service\nmetadata:\n  name: {{ .Values.name }}\n",
    "chart/templates/b.yaml": b"apiVersion: v1\nkind: Service\nspec: {selector: {a: b}}\n",
    "empty.yaml": b"",
    "notes.yaml": b"just text\n",
    "binary.yaml": bytes(range(256)),
}


def test_what_cannot_be_read_is_said_and_the_rest_is_checked(tmp_path):
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    found = read_contents(tmp_path)
    unread = {(finding.code, finding.file): finding.severity for finding in found.unread}
    assert unread == {
        ("unreadable", "broken.yaml"): "error",
        ("unreadable", "notes.yaml"): "warning",
        ("unreadable", "twice.yaml"): "error",
        ("unreadable", "twice.json"): "error",
        ("unreadable", "latin.yaml"): "error",
        ("unreadable", "nul.yaml"): "error",
        ("unreadable", "tagged.yaml"): "warning",
        ("unreadable", "bomb.yaml"): "warning",
        ("unreadable", "deep.json"): "warning",
        ("unreadable", "comments.json"): "warning",
        ("unreadable", "binary.yaml"): "warning",
        ("helm-templates", "chart/Chart.yaml"): "warning",
    }
    assert {"empty.yaml", "notes.yaml"} <= set(found.documents)
    assert not any(path.startswith("chart/templates") for path in found.documents)
    places = {finding.file: (finding.line, finding.column) for finding in found.unread}
    assert places["twice.yaml"] == (3, 1)
    assert verify(found.documents, found.texts, Facts()) == []


def test_no_symbolic_link_is_read(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.yaml").write_text("kind: [\n", encoding="utf-8")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "file.yaml").symlink_to(tmp_path / "outside/a.yaml")
    (inside / "directory").symlink_to(tmp_path / "outside")
    (inside / "loop").symlink_to(inside)
    assert read_contents(inside) == ({}, {}, [])


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("apiVersion: v1\nkind: List\nitems: [{kind: Pod}, {kind: Job}]\n", ["Pod", "Job"]),
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBindingList\nitems: [{kind: Role}]\n",
            ["Role"],
        ),
        ("kind: Pod\n---\n---\n# nothing\n---\nkind: Job\n", ["Pod", "Job"]),
        ("kind: Pod\n...\n---\nkind: Job\n...\n", ["Pod", "Job"]),
        ("kind: List\nitems: null\n", []),
        ("\ufeffkind: Pod\r\nmetadata: {name: a}\r\n", ["Pod"]),
        ("a: &a {kind: Pod}\n---\nkind: Job\nspec: &b {x: 1}\nstatus: *b\n", [None, "Job"]),
    ],
)
def test_streams_and_lists_are_taken_apart(tmp_path, text, kinds):
    (tmp_path / "a.yml").write_bytes(text.encode())
    found = read_contents(tmp_path)
    assert found.unread == []
    assert [tree.get("kind") for tree in found.documents["a.yml"]] == kinds


def test_scalars_are_what_kubernetes_reads(tmp_path):
    text = "a: Off\nb: 0644\nc: 'Off'\nd: 12:30\ne: y\non: 1\nf: 2024-01-01\ng: 1e3\n"
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    (tree,) = read_contents(Path(tmp_path)).documents["a.yaml"]
    assert tree == {
        "a": False,
        "b": 420,
        "c": "Off",
        "d": "12:30",
        "e": True,
        "on": 1,
        "f": "2024-01-01",
        "g": 1e3,
    }


def test_a_chart_of_ours_is_read_braces_and_all(tmp_path, capplan):
    plan = tmp_path / "plan.yaml"
    text = textwrap.dedent(SERVICE).replace("secrets:", "env: {GREETING: '{{ .Values.a }}'}, secrets:")
    plan.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    assert capplan("render-manifests", plan, "-o", out, "--layout", "helm").exit_code == 0
    template = out / "chart/templates/api/configmap-api.yaml"
    assert 'GREETING: "{{ "{{" }} .Values.a }}"' in template.read_text(encoding="utf-8")
    found = read_contents(out)
    assert found.unread == []
    (tree,) = found.documents["chart/templates/api/configmap-api.yaml"]
    assert tree["data"]["GREETING"] == "{{ .Values.a }}"
    done = capplan("verify", out)
    assert (done.exit_code, done.stdout[:4]) == (0, "PASS")
