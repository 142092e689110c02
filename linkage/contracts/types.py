"""Field types that every wire model shares. Decimals travel as strings; numbers are accepted from others.

Types of what comes in hold the bounds of ``linkage.domain.canonical``, so that everything accepted can be
computed. Types of what we answer have room for what is computed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
)

from linkage.domain.canonical import (
    as_utc,
    bounded,
    check_not_before,
    check_not_negative,
    check_number_text,
    iso_utc,
    normalise_decimal,
    time_if_number,
    trim,
)
from linkage.domain.keys import (
    MAX_KEY_LENGTH,
    check_no_placeholder,
    none_if_placeholder,
    normalise_key,
    text_of_number,
)

Number = Annotated[
    Decimal, AfterValidator(trim), PlainSerializer(normalise_decimal, return_type=str, when_used="json")
]
"""A finite decimal that we computed or read; trimmed."""

UtcTime = Annotated[
    AwareDatetime, AfterValidator(as_utc), PlainSerializer(iso_utc, return_type=str, when_used="json")
]
"""An instant. Text without a zone is refused."""


Amount = Annotated[
    Decimal,
    BeforeValidator(check_number_text),
    AfterValidator(bounded),
    AfterValidator(trim),
    PlainSerializer(normalise_decimal, return_type=str, when_used="json"),
]
"""A number from outside, of any sign: at most 30 digits before the point and 18 after it."""

Quantity = Annotated[Amount, AfterValidator(check_not_negative)]
"""0 says that nothing is left."""

FactTime = Annotated[
    AwareDatetime,
    BeforeValidator(time_if_number),
    AfterValidator(as_utc),
    AfterValidator(check_not_before),
    PlainSerializer(iso_utc, return_type=str, when_used="json"),
]
"""When something happened: ISO 8601 with a zone, or a number of 10, 13, 16 or 19 digits.

A model that knows the moment of its receipt, the context of its validation, checks that it has come.
"""

MAX_NAME_LENGTH = 255
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_LENGTH)]
Key = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_KEY_LENGTH),
    BeforeValidator(text_of_number),
    AfterValidator(check_no_placeholder),
    AfterValidator(normalise_key),
]
OptionalKey = Annotated[Key | None, BeforeValidator(none_if_placeholder)]
"""A client order id; one that is empty or a placeholder is none."""

NativeId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128),
    BeforeValidator(text_of_number),
]
OrderNativeId = Annotated[NativeId, AfterValidator(check_no_placeholder)]
OptionalId = Annotated[NativeId | None, BeforeValidator(none_if_placeholder)]
"""An id beside the order's own; one that is empty or a placeholder is none."""

Side = Literal["buy", "sell"]
IngestVia = Literal["stream", "webhook", "poll", "import"]


class Wire(BaseModel):
    """Base of the wire models: immutable, and strict about fields that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Answer(Wire):
    """Base of what the ledger answers: an older reader of a newer answer, in the moment of a deployment,
    ignores what it does not know."""

    model_config = ConfigDict(extra="ignore")
