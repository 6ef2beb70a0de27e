"""JUnit, which CI systems show as tests: a suite for each group of rules, a case for each result."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from capplan.errors import printable
from capplan.report.blocks import Report, Result, Style


def write(report: Report, fmt: str, style: Style) -> str:
    """Return the results of ``report`` as one file of suites."""
    assert report.results is not None
    results = report.results
    root = _element("testsuites", name="capplan")
    root.extend(_suite(suite, [r for r in results.results if r.suite == suite]) for suite in results.suites)
    for count in ("tests", "failures"):
        root.set(count, str(sum(int(suite.get(count, 0)) for suite in root)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(name: str, results: Sequence[Result]) -> ElementTree.Element:
    cases = list(map(_case, results)) or [_element("testcase", classname=name, name="no rule is broken")]
    failures = sum(result.fails for result in results)
    suite = _element("testsuite", name=name, tests=len(cases), failures=failures, errors=0, skipped=0)
    suite.extend(cases)
    return suite


def _case(result: Result) -> ElementTree.Element:
    name = f"{result.rule} {result.finding.subject}".strip()
    case = _element("testcase", classname=result.suite, name=name)
    said = f"{result.finding.where}: {result.said}"
    if result.fails:
        case.append(_element("failure", said, message=result.finding.message, type=result.rule))
    else:
        case.append(_element("system-out", f"{result.word} {said}"))
    return case


def _element(tag: str, text: str | None = None, **attributes: object) -> ElementTree.Element:
    """Return an element; XML 1.0 has no place for most control characters, so they are shown escaped."""
    element = ElementTree.Element(tag, {name: printable(str(value)) for name, value in attributes.items()})
    element.text = None if text is None else printable(text)
    return element
