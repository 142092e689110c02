"""A synth writes the same templates whenever and wherever it runs, and refuses what cdk-nag finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from infra.cdk.bundles import ROOT
from infra.cdk.constructs.metrics import SERIES
from infra.cdk.constructs.saved_queries import QUERIES
from infra.cdk.stages import load_stage
from tests.infra.assembly import Assembly, text_of
from tests.infra.assertions import failures
from tests.infra.assertions.operations import ALARMS


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


MARKET = "s3://my-candles/spot/5m"


@pytest.fixture(scope="module")
def on_market(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Assembly]:
    """Returns stage dev as it is with another market."""
    from infra.cdk.app import build_app

    @cache
    def synthesised(market: str) -> Assembly:
        folder = tmp_path_factory.mktemp("market")
        context = {"stage": "dev", "market": market, "aws:cdk:bundling-stacks": []}
        build_app(context=context, outdir=str(folder)).synth()
        return Assembly.read(load_stage(context.get), folder)

    return synthesised


@pytest.mark.parametrize("market", ["ccxt:coinbase", MARKET])
def test_a_stage_on_a_market_has_its_library_in_the_zips_that_read_candles(
    assemblies: Callable[[str], Assembly], on_market: Callable[[str], Assembly], market: str
) -> None:
    changed = {
        name
        for name, code in zips(on_market(market)).items()
        if code != zips(assemblies("dev"))[name] and name.startswith("linkage-")
    }
    assert changed == {
        "linkage-dev-run-strategy",
        "linkage-dev-take-signals",
        "linkage-dev-execute-orders",
    }


def test_a_markets_bucket_is_read_by_those_who_need_it_below_its_prefix_only(
    on_market: Callable[[str], Assembly], assemblies: Callable[[str], Assembly]
) -> None:
    granted = {}
    for name, policy in on_market(MARKET).named("AWS::IAM::Policy"):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if "my-candles" in text_of(statement["Resource"]):
                allowed = text_of(statement["Resource"]), statement.get("Condition")
                granted[name.partition("FunctionRole")[0], statement["Action"]] = allowed
    bucket = "arn:{AWS::Partition}:s3:::my-candles"
    below = {"StringEquals": {"s3:prefix": "spot/5m/"}}
    assert granted == {
        (reader, action): allowed
        for reader in ("RunStrategy", "ExecuteOrders")
        for action, allowed in {
            "s3:GetObject": (f"{bucket}/spot/5m/*", None),
            "s3:ListBucket": (bucket, below),
        }.items()
    }
    assert "s3:GetObject" not in str(assemblies("dev").templates["service"])


def test_a_stage_whose_market_is_a_bucket_keeps_every_promise_of_the_others(
    on_market: Callable[[str], Assembly],
) -> None:
    # The one that looks at wildcards knows the prefix as reviewed by the test above.
    assert failures(on_market(MARKET)) == ["no_permission_is_wider_than_reviewed"]


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
