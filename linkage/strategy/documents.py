"""The TOML or JSON documents in which parameters are written."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from linkage.domain.errors import ConfigurationError, InvalidInputError
from linkage.domain.strict_json import check_values, object_without_duplicates


def read_document(document: str) -> dict[str, Any]:
    """Return the content of a TOML or JSON document.

    Raises:
        ConfigurationError: it is neither, says a thing twice, or cannot be stored; ``field`` is the path
            where there is one.
    """
    try:
        if document.lstrip().startswith("{"):
            values = json.loads(document, object_pairs_hook=object_without_duplicates)
        else:
            values = tomllib.loads(document)
        check_values(values)
    except InvalidInputError as error:
        raise ConfigurationError(f"the parameter document: {error}", field=error.field) from None
    except RecursionError:
        raise ConfigurationError("the parameter document is nested too deeply") from None
    except ValueError as error:
        raise ConfigurationError(f"the parameter document is neither TOML nor JSON: {error}") from None
    return dict(values)
