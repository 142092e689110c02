"""A synth says the same whenever and wherever it runs, and refuses what cdk-nag finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.cdk.bundling import ROOT
from infra.cdk.constructs.metrics import SERIES
from infra.cdk.constructs.saved_queries import QUERIES
from infra.cdk.stages import StageError, load_stage
from tests.infra.assembly import Assembly
from tests.infra.assertions import ALARMS


def test_two_synths_write_the_same_templates(assemblies: Callable[[str], Assembly], tmp_path: Path) -> None:
    from infra.cdk.synth import synthesise

    folder = synthesise("prod", tmp_path / "again", bundle=False)
    again = Assembly.read(load_stage({"stage": "prod"}.get), folder)
    assert again.templates == assemblies("prod").templates


def test_a_finding_of_cdk_nag_fails_the_synth(tmp_path: Path) -> None:
    from aws_cdk import Stack
    from aws_cdk import aws_sqs as sqs

    from infra.cdk.app import build_app

    app = build_app(context={"stage": "local", "aws:cdk:bundling-stacks": []}, outdir=str(tmp_path))
    data = app.node.find_child("linkage-local-data")
    assert isinstance(data, Stack)
    sqs.Queue(data, "QueueWithoutDeadLetters")
    with pytest.raises(RuntimeError, match="AwsSolutions-SQS3"):
        app.synth()


def test_a_stage_on_an_exchange_has_its_library_in_the_zips_that_read_candles(
    assemblies: Callable[[str], Assembly], tmp_path: Path
) -> None:
    from infra.cdk.app import build_app

    context = {"stage": "dev", "market": "ccxt:coinbase", "aws:cdk:bundling-stacks": []}
    build_app(context=context, outdir=str(tmp_path)).synth()
    on_exchange = Assembly.read(load_stage(context.get), tmp_path)
    changed = {
        name
        for name, code in zips(on_exchange).items()
        if code != zips(assemblies("dev"))[name] and name.startswith("linkage-")
    }
    assert changed == {
        "linkage-dev-run-strategy",
        "linkage-dev-take-signals",
        "linkage-dev-execute-orders",
    }


def zips(assembly: Assembly) -> dict[str, str]:
    return {
        str(resource["Properties"].get("FunctionName")): str(resource["Properties"]["Code"])
        for template in assembly.templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def test_every_alarm_has_a_heading_in_the_operations_guide() -> None:
    headings = re.findall(r"^## ([a-z0-9-]+)$", (ROOT / "docs" / "operations.md").read_text(), re.M)
    assert set(headings) >= ALARMS


def test_context_chooses_the_stage_and_overrides_it() -> None:
    context: dict[str, object] = {
        "stage": "local",
        "market": "files:/candles",
        "recipients": "a@example.com, b@example.com",
        "replay": "true",
        "db_port": "6000",
        "db_passwords": '{"recorder": "one", "reader": "two"}',
        "endpoint_url": "https://127.0.0.1:7000/",
    }
    stage = load_stage(context.get)
    assert stage.market == "files:/candles"
    assert stage.recipients == ("a@example.com", "b@example.com")
    assert stage.replay is True
    assert stage.local is not None
    assert stage.local.db_port == 6000
    assert stage.local.db_passwords == {"recorder": "one", "reader": "two"}
    assert stage.local.endpoint_url == "https://127.0.0.1:7000"


def test_dev_is_synthesised_unless_told_otherwise() -> None:
    assert load_stage(lambda _name: None).name == "dev"


def test_reports_go_to_the_sender_when_nobody_else_is_named() -> None:
    assert load_stage({"sender": "me@example.com"}.get).recipients == ("me@example.com",)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"stage": "test"}, "stage 'test' is none of local, dev, prod"),
        ({"stage": "dev", "db_port": "5432"}, "only stage local takes db_port"),
        ({"broker": "perhaps"}, "context broker: 'perhaps' is neither true nor false"),
        ({"stage": "local", "db_port": "many"}, "context db_port"),
        ({"stage": "local", "db_passwords": "{"}, "context db_passwords"),
    ],
)
def test_a_wrong_context_value_is_refused_by_name(context: dict[str, object], message: str) -> None:
    with pytest.raises(StageError, match=message):
        load_stage(context.get)


@pytest.mark.parametrize(("metric", "service"), SERIES.items())
def test_every_series_that_an_alarm_reads_is_emitted(metric: str, service: str) -> None:
    assert f'"{metric}"' in _source(service) or f"{metric}=" in _source(service)
    assert f'SERVICE = "{service}"' in _source(service)


def test_every_message_that_a_saved_query_names_is_logged() -> None:
    logged = _source("recorder") + _source("webhook")
    named = {
        name for query in QUERIES for line in query.lines for name in re.findall(r'"([A-Z][^"]+)"', line)
    }
    named.discard("REPORT")  # Lambda's own line
    assert len(named) >= 5
    assert {name for name in named if f'"{name}"' not in logged} == set()


def _source(service: str) -> str:
    return "".join(path.read_text() for path in sorted((ROOT / "functions" / service).glob("*.py")))
