"""Damage of the kinds that files have: values of another kind or size, parts lost, repeated or swapped."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Iterator
from typing import Any

import yaml

_DEEP: Any = []
for _ in range(150):
    _DEEP = [_DEEP]

_VALUES: tuple[Any, ...] = (
    *(None, "", [], {}, True, False, 0, -1, 1, 4.5, 1e-300, 1e308, -1e308, 10**59, 10**400, 0.1 + 0.2),
    *(float("nan"), float("inf"), float("-inf"), "NaN", "inf", "1e400", "9" * 400, "-1", "0x10", "1_0"),
    *("400%", "-5%", "100%", "0", "1e18", "5m", "1000000h", "9999999999Gi", "1/s", "1e12/s", "2020-13-45"),
    *(
        "0001-01-01",
        "9999-12-31T23:59:59+14:00",
        "a" * 5000,
        "\x1b[31m",
        "::error::x",
        "a\nb",
        "\u202e",
        "é☃",
    ),
    *("../../../etc/passwd", "/dev/zero", ".", "{{ x }}", "${X}", "[[ x ]]", "<script>", "=1+1", "'", '"'),
    *(
        "9**9**9",
        "sum(x for x in range(10**9))",
        "1e308 * 10",
        "1/0",
        "a.b.c",
        "(" * 200,
        "cost_lines * 10**9",
    ),
    *([1, 2], [None], [[]], [{}], {"a": 1}, {"": None}, {"a": {"b": {"c": []}}}, [1] * 3000, _DEEP),
)


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice, as people do."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def damaged(rng: random.Random, text: str, form: str) -> bytes:
    """Return ``text``, which is YAML, JSON or CSV by ``form``, with one to three kinds of damage."""
    if rng.random() < 0.2:
        return _damaged_text(rng, text)
    if form == "csv":
        return _damaged_table(rng, text)
    documents = [json.loads(text)] if form == "json" else list(yaml.safe_load_all(text))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        index = rng.randrange(len(documents))
        documents[index] = _damaged_tree(rng, documents[index])
    if form == "json":
        return json.dumps(documents[0]).encode()
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False).encode(errors="surrogatepass")


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container with each of its keys."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)


def _damaged_tree(rng: random.Random, tree: Any) -> Any:
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if not places or rng.random() < 0.02:
        return copy.deepcopy(rng.choice(_VALUES))
    container, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.5:
        container[key] = copy.deepcopy(rng.choice(_VALUES))
    elif kind < 0.62:
        del container[key]
    elif kind < 0.77:
        other, other_key = rng.choice(places)
        container[key] = copy.deepcopy(other[other_key])
    elif kind < 0.85 and isinstance(container, dict):
        container[str(rng.choice(_VALUES))[:100]] = container.pop(key)
    elif kind < 0.92:
        container[key] = [container[key]] * rng.choice((1, 2))
    elif isinstance(container[key], int | float) and not isinstance(container[key], bool):
        container[key] = container[key] * rng.choice((-1, 0, 1e-9, 1e3, 1e9, 1e15, 0.37))
    else:
        container[key] = {"a": container[key]}
    return tree


def _damaged_text(rng: random.Random, text: str) -> bytes:
    data = bytearray(text.encode())
    kind = rng.randrange(6)
    place = rng.randrange(len(data) + 1)
    if kind == 0:
        return bytes(data[:place])
    if kind == 1:
        data[place:place] = rng.choice(
            (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\t", b"\r", b'"', b"{", b"&a", b"!!x ")
        )
    elif kind == 2:
        return b"\n".join(_lines(rng, bytes(data).split(b"\n")))
    elif kind == 3:
        return gzip.compress(bytes(data))
    elif kind == 4:
        return b"\xff\xfe" + text.encode("utf-16-le")
    else:
        end = min(len(data), place + rng.randrange(1, 40))
        del data[place:end]
    return bytes(data)


def _lines(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    place = rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines[place:place] = [lines[place]] * rng.choice((1, 3))
    elif kind == 2:
        other = rng.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines[place] = b" " + lines[place]
    return lines


def _damaged_table(rng: random.Random, text: str) -> bytes:
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(rng.choice((1, 1, 2, 3))):
        _damage_rows(rng, rows)
    return "\n".join(",".join(row) for row in rows).encode(errors="surrogatepass")


def _damage_rows(rng: random.Random, rows: list[list[str]]) -> None:
    row = rng.choice(rows) if rows else [""]
    kind, column = rng.randrange(7), rng.randrange(len(row))
    if kind < 3:
        row[column] = str(rng.choice(_VALUES))[:6000]
    elif kind == 3:
        for each in rows[1:]:
            each[min(column, len(each) - 1)] = str(rng.choice(_VALUES[:40]))[:500]
    elif kind == 4:
        del row[column]
        row.extend([] if row else [""])
    elif kind == 5:
        del rows[rng.choice((0, 1)) :]
    else:
        rows.append(list(row))
