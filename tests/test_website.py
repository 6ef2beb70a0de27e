"""The site of the documentation: every link leads somewhere, and nothing is loaded from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import website

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
SOUGHT_BY_LINK = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest"}


class Page(HTMLParser):
    """What a page has for links to lead to (``ids``), what it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if tag in LOADS and (tag != "link" or SOUGHT_BY_LINK & set(given.get("rel", "").split())):
            self.loads.add(given.get(LOADS[tag], ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the directory of the built site."""
    pytest.importorskip("zensical", reason="zensical is not installed (requirements/docs.txt)")
    into = tmp_path_factory.mktemp("built") / "site"
    website.build(into)
    return into


@pytest.fixture(scope="module")
def pages(site):
    """Return the parsed pages by path; the page of what is not found is shown at any address."""
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def lost(page, links, pages):
    """Return the links within the site that lead to no file, or to no place on a page."""
    for link in links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        target = target / "index.html" if target.is_dir() else target
        anchor = unquote(parts.fragment)
        if not target.is_file() or (anchor and target in pages and anchor not in pages[target].ids):
            yield link


def test_every_link_leads_to_a_file_and_a_heading_that_exist(pages):
    missing = {page.name: [*lost(page, found.links | found.loads, pages)] for page, found in pages.items()}
    assert {page: links for page, links in missing.items() if links} == {}
    assert sum(len(found.links) for found in pages.values()) > 1000


def test_every_page_is_built_and_in_the_navigation(site, pages):
    documents = {path.relative_to(website.ROOT) for path in website.sources() if path.suffix == ".md"}
    named = (path.with_name("index.md") if path.name == "README.md" else path for path in documents)
    assert {site / path.with_suffix(".html") for path in named} == set(pages)
    start = {(site / urlsplit(link).path).resolve() for link in pages[site / "index.html"].links}
    assert set(pages) - start == set()


def test_nothing_is_loaded_from_elsewhere(site, pages):
    addresses = map(urlsplit, sorted({load for found in pages.values() for load in found.loads}))
    assert [found for found in addresses if found.netloc or found.scheme not in ("", "data")] == []
    styles = "".join(path.read_text(encoding="utf-8") for path in [*site.rglob("*.css"), *pages])
    assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^)\s]*", styles) == []


def test_the_check_finds_lost_links_and_places(tmp_path):
    here = tmp_path / "here.html"
    here.write_text('<h2 id="a">A</h2><a href="#a"></a><a href="#b"></a><a href="no.html"></a>')
    found = Page(here)
    assert sorted(lost(here, found.links, {here: found})) == ["#b", "no.html"]


def test_the_navigation_is_the_index_of_the_documents():
    sections = [title for title, _ in website.navigation()]
    assert sections[2:6] == ["Tutorial", "How-to guides", "Explanation", "Reference"]
