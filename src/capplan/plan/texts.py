"""Text in a plan that ends up in manifests: each kind with the form that it must have, matched whole."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

_IMAGE = (
    r"[a-z0-9]+([._-]+[a-z0-9]+)*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_HOST = r"(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+"
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ue000\ue001\ud800-\udfff]")


def matching(pattern: str, what: str) -> AfterValidator:
    """Return the check that text matches ``pattern`` whole (``$`` would allow a newline after it)."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"{value[:80]!r} is not {what}")
        return value

    return AfterValidator(check)


def _safe(value: str) -> str:
    found = _UNSAFE.search(value)
    if found:
        raise ValueError(f"must not contain the character U+{ord(found[0]):04X}")
    return value


def _text_of(value: object) -> object:
    """Environment values are text; a plain number in the plan means its digits."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text_of, json_schema_input_type=str | float), AfterValidator(_safe)]
Image = Annotated[str, Field(max_length=500), matching(_IMAGE, "a container image")]
Host = Annotated[str, Field(max_length=253), matching(_HOST, "a host name")]
Subnet = Annotated[str, matching(r"subnet-[0-9a-f]{8,17}", "a subnet's id")]
UrlPath = Annotated[str, matching(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", "a URL path")]
FilePath = Annotated[str, matching(r"(/[A-Za-z0-9._-]+)+", "an absolute path")]
EnvName = Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "an environment variable's name")]
PortName = Annotated[str, matching(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?", "a port's name")]
LabelKey = Annotated[
    str,
    matching(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", "a label's name"),
]
LabelValue = Annotated[str, matching(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", "a label's value")]
Port = Annotated[int, Field(ge=1, le=65535)]
SecretRef = Annotated[
    str, matching(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9._-]{1,253}", "SECRET/KEY")
]
MetricName = Annotated[str, matching(r"[a-zA-Z_:][a-zA-Z0-9_:]*", "a metric's name")]
