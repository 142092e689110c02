"""The published description of the API names what the code takes and answers, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from infra.cdk.constructs.signal_api import ROUTES
from linkage import __version__
from linkage.contracts.events import FillEvent, OrderEvent
from linkage.contracts.signals import Signal, SnapshotDescription
from linkage.sources.bottrader import BotTraderPost

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def test_it_has_the_deployed_routes() -> None:
    described = {
        f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert described == set(ROUTES)
    assert DOCUMENT["info"]["version"] == __version__


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Signal", Signal),
        ("SnapshotDescription", SnapshotDescription),
        ("BotTraderPost", BotTraderPost),
        ("OrderEvent", OrderEvent),
        ("FillEvent", FillEvent),
    ],
)
def test_each_schema_has_the_fields_of_its_model(name: str, model: type[BaseModel]) -> None:
    fields = set(model.model_fields) - {"schema_"}
    described = set(SCHEMAS[name]["properties"])
    if name == "FillEvent":
        described -= set(SCHEMAS["OrderEvent"]["properties"]) - fields
    assert described == fields


@pytest.mark.parametrize("name", ["Signal", "SnapshotDescription", "BotTraderPost"])
def test_what_a_schema_requires_is_what_the_model_requires(name: str) -> None:
    models: dict[str, type[BaseModel]] = {
        "Signal": Signal,
        "SnapshotDescription": SnapshotDescription,
        "BotTraderPost": BotTraderPost,
    }
    required = {field for field, info in models[name].model_fields.items() if info.is_required()}
    assert set(SCHEMAS[name]["required"]) == required


def test_every_reference_leads_somewhere() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                section, name = node["$ref"].split("/")[-2:]
                assert name in DOCUMENT["components"][section]
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(DOCUMENT)
