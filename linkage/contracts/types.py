"""Field types that every wire model shares. Decimals travel as strings; numbers are accepted from others."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer, StringConstraints

from linkage.domain.canonical import as_utc, iso_utc, normalise_decimal, trim
from linkage.domain.keys import MAX_KEY_LENGTH, normalise_key

Number = Annotated[
    Decimal, AfterValidator(trim), PlainSerializer(normalise_decimal, return_type=str, when_used="json")
]
"""A finite decimal of at most 60 digits on either side of the point; trimmed."""

UtcTime = Annotated[
    AwareDatetime, AfterValidator(as_utc), PlainSerializer(iso_utc, return_type=str, when_used="json")
]
"""An instant. Text without a zone is refused."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Key = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_KEY_LENGTH),
    AfterValidator(normalise_key),
]
NativeId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
Side = Literal["buy", "sell"]
IngestVia = Literal["stream", "webhook", "poll", "import"]


class Wire(BaseModel):
    """Base of the wire models: immutable, and strict about fields that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Answer(Wire):
    """Base of what the ledger answers: an older reader of a newer answer, in the moment of a deployment,
    ignores what it does not know."""

    model_config = ConfigDict(extra="ignore")
