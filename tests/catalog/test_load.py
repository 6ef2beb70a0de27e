"""From a catalog file to SKUs: what the loader does not know, it refuses."""

import copy

import pytest
import yaml
from crafted import service_file, write_service

from capplan.catalog.load import read_service
from capplan.errors import InputError


def read(tmp_path, **changes):
    return read_service(write_service(tmp_path, service_file(**changes)))


def sku_of(tmp_path, row, **changes):
    return read(tmp_path, skus={"x": {"usd": {"us-central1": 1.0}, **row}}, **changes).skus["x"]


def test_a_row_gets_the_files_unit_and_source(tmp_path):
    sku = sku_of(tmp_path, {"vcpu": 2, "memory_gib": 8})
    assert (sku.unit, sku.vcpu, sku.memory_gib) == ("hour", 2, 8)
    assert sku.source("us-central1", "on_demand").as_of == "2026-07-01"


def test_a_row_may_name_its_own(tmp_path):
    sku = sku_of(tmp_path, {"unit": "GiB-month", "source": "old"})
    assert sku.unit == "GiB-month"
    assert sku.source("us-central1", "on_demand").as_of is None


def test_sources_by_region_and_rate(tmp_path):
    source = {"default": "list", "europe-west1": "old", "spot": "old"}
    sku = sku_of(
        tmp_path, {"usd": {"us-central1": 1, "europe-west1": 2}, "spot": {"us-central1": 0.5}}, source=source
    )
    assert sku.source("us-central1", "on_demand").text == "a price list"
    assert sku.source("europe-west1", "on_demand").text == "hearsay"
    assert sku.source("us-central1", "spot").text == "hearsay"


def test_the_title_is_the_first_comment(tmp_path):
    assert read(tmp_path).title == "A test catalog."


def test_families_match_the_longest_name(tmp_path):
    families = {"*": {"commit_1y": "10%"}, "n1": {"commit_1y": "20%"}, "n1-highmem": {"commit_1y": "30%"}}
    names = ("n1-standard-4", "n1-highmem-4", "n1", "n10-standard-4", "m1-x")
    skus = {name: {"usd": {"global": 1.0}} for name in names}
    file = read(tmp_path, families=families, skus=skus)
    found = {name: sku.usd("anywhere", "commit_1y") for name, sku in file.skus.items()}
    assert found == {"n1-standard-4": 0.8, "n1-highmem-4": 0.7, "n1": 0.8, "n10-standard-4": 0.9, "m1-x": 0.9}


def test_an_own_commitment_price_beats_the_familys_discount(tmp_path):
    families = {"*": {"commit_1y": "50%"}}
    sku = sku_of(tmp_path, {"commit_1y": {"us-central1": 0.9}}, families=families)
    assert sku.usd("us-central1", "commit_1y") == 0.9
    assert sku.usd("us-central1", "commit_3y") is None
    assert sku.usd("us-central1", "spot") is None, "there is no family discount for spot"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"schema": 2}, "expected 1, got '2'"),
        ({"currency": "EUR"}, "only USD is supported, got 'EUR'"),
        ({"kind": "machines"}, "unknown kind 'machines'. Did you mean 'machine'"),
        ({"kind": None}, "kind: is required, but missing"),
        ({"unit": None}, "unit: is required, but missing"),
        ({"skus": None}, "skus: is required, but missing"),
        ({"source": "lst"}, "unknown source 'lst'. Did you mean 'list'"),
        ({"sources": {"list": {"as_of": "2026-07-01"}}}, "needs 'text'"),
        ({"sources": {"list": {"text": "x"}}}, "needs 'as_of'"),
        (
            {"sources": {"list": {"text": "x", "as_of": "July"}}},
            "expected a date such as 2026-07-30, or unknown",
        ),
        ({"prices": {}}, "unknown field"),
        ({"skus": {"x": {"usd": 5}}}, "expected a mapping of region to price"),
        ({"skus": {"x": {"usd": {"us": -1}}}}, "expected a number of at least 0, got '-1'"),
        ({"skus": {"x": {"usd": {"us": 0}}}}, "must be above 0; write `free: true` for a free tier"),
        ({"skus": {"x": {"usd": {"us": "5"}}}}, "expected a number of at least 0, got '5'"),
        ({"skus": {"x": {"usd": {"us": True}}}}, "expected a number of at least 0"),
        ({"skus": {"x": {"usd": {"us": float("nan")}}}}, "expected a number of at least 0"),
        ({"skus": {"x": {"usd": {"us": float("inf")}}}}, "expected a number of at least 0"),
        ({"skus": {"x": {"usdd": {"us": 1}}}}, "unknown field. Did you mean 'usd'"),
        ({"skus": {"x": {"vcpu": -1}}}, "expected a number of at least 0"),
        ({"skus": {"x": 5}}, "expected a mapping"),
        ({"skus": {"x": {"source": {"us": "nope"}}}}, "unknown source 'nope'"),
        ({"families": {"n1": {"commit_2y": "5%"}}}, "unknown field"),
        ({"families": {"n1": {"commit_1y": 37}}}, "write 37% if you mean percent"),
        ({"families": []}, "expected a mapping"),
    ],
)
def test_refused_with_the_place(tmp_path, changes, what):
    with pytest.raises(InputError) as caught:
        read(tmp_path, **changes)
    message = str(caught.value)
    assert what in message
    assert "compute-engine.yaml" in message


def test_a_free_price_says_so(tmp_path):
    sku = sku_of(tmp_path, {"usd": {"us-central1": 0}, "free": True})
    assert sku.free
    assert sku.usd("us-central1") == 0


FULL = service_file(
    families={"n1": {"commit_1y": "37%", "sustained_use": [1, 0.8]}},
    commitments={"commit_1y": {"term": "1 year", "payment": "no-upfront"}},
    high_availability={"suffix": "ha", "multiplier": 2},
    skus={"n1-standard-1": {"vcpu": 1, "size_gib": [1, 2], "usd": {"us-central1": 1.0}, "source": "list"}},
)


def paths_in(tree, above=()):
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (*above, key)
            yield from paths_in(value, (*above, key))


JUNK = [None, 5, -1.0, "x", [], ["x"], {}, {"x": 1}, True]


def mangled(path, value):
    content = copy.deepcopy(FULL)
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return content


def test_a_mangled_file_is_read_or_refused(tmp_path):
    """Whatever is wrong with a user's own catalog, the answer is a message and not a traceback."""
    leaks = []
    for path in paths_in(FULL):
        for value in JUNK:
            file = tmp_path / "x.yaml"
            file.write_text(yaml.safe_dump(mangled(path, value)))
            try:
                read_service(file)
            except InputError:
                continue
            except Exception as error:
                leaks.append(f"{'.'.join(path)}: {value} → {type(error).__name__}")
    assert leaks == []
