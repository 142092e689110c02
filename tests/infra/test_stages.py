"""A stage is what its defaults say and the context changes; what is wrong in the context is named."""

from __future__ import annotations

from typing import get_args

import pytest

from infra.cdk.stage_names import STAGE_NAMES
from infra.cdk.stages import CONTEXT_NAMES, Context, StageError, check_context_names, load_stage
from infra.cdk.values import Mode
from linkage.contracts.signals import BotRecord


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


def test_without_context_the_stage_is_dev() -> None:
    assert load_stage(lambda _name: None).name == "dev"


def test_reports_go_to_the_sender_when_nobody_else_is_named() -> None:
    assert load_stage({"sender": "me@example.com"}.get).recipients == ("me@example.com",)


@pytest.mark.parametrize(("concurrency", "request_ms"), [("10", "1"), ("250", "40"), ("1000", "3000")])
def test_throttles_follow_the_accounts_limit_and_the_assumed_duration(
    concurrency: str, request_ms: str
) -> None:
    from infra.cdk.constructs.signal_api import throttles

    context = {"account_concurrency": concurrency, "request_ms": request_ms}
    known = throttles(load_stage(context.get))
    busy = sum(throttle.rate for throttle in known.values()) * int(request_ms) / 1000
    assert 0.9 < busy / (int(concurrency) / 2) < 1
    assert all(1 <= throttle.burst <= 5_000 for throttle in known.values())


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"stage": "test"}, "stage 'test' is none of local, dev, prod"),
        ({"stage": "dev", "db_port": "5432"}, "only stage local takes db_port"),
        ({"market": "s3://Candles/*"}, "context market: 's3://Candles/*' is no s3://bucket/prefix"),
        ({"market": "kraken"}, "context market: 'kraken' is none of simulation:<seed>, files:<folder>, "),
        (
            {"broker": "perhaps"},
            "context broker: Input should be a valid boolean, unable to interpret input (given: 'perhaps')",
        ),
        (
            {"max_suppressed_per_run": "-1"},
            "context max_suppressed_per_run: Input should be greater than or equal to 0 (given: '-1')",
        ),
        (
            {"account_concurrency": "9"},
            "context account_concurrency: Input should be greater than or equal to 10 (given: '9')",
        ),
        (
            {"log_level": "LOUD"},
            "context log_level: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR' (given: 'LOUD')",
        ),
        (
            {"stage": "local", "db_port": "many"},
            "context db_port: Input should be a valid integer, unable to parse",
        ),
        (
            {"stage": "local", "db_port": "99999"},
            "context db_port: Input should be less than or equal to 65535 (given: '99999')",
        ),
        ({"report_timezone": "Mars/Base"}, "context report_timezone: 'Mars/Base' is no IANA time zone"),
        ({"report_timezone": "Europe"}, "context report_timezone: 'Europe' is no IANA time zone"),
        ({"sender": "nonsense"}, "context sender: 'nonsense' is no mail address"),
        ({"sender": ""}, "context sender: '' is no mail address"),
        ({"recipients": "a@example.com,b"}, "context recipients.1: 'b' is no mail address"),
        ({"alarm_recipients": "a@b@c"}, "context alarm_recipients.0: 'a@b@c' is no mail address"),
        ({"symbols": "top 5"}, "context symbols: symbols 'top 5': 'top 5' is no symbol"),
        ({"symbols": "quote:usd"}, "context symbols: symbols 'quote:usd': 'usd' is no currency"),
        ({"market": "simulation:x"}, "context market: 'simulation:x' has a seed that is no number"),
        ({"mode": "real"}, "context mode: Input should be 'live', 'paper' or 'test' (given: 'real')"),
        ({"venue": " "}, "context venue: String should have at least 1 character"),
        ({"account": ""}, "context account: String should have at least 1 character"),
        ({"stage": "local", "db_passwords": '{"reader": secret'}, "context db_passwords: not a JSON object"),
        (
            {"stage": "local", "db_passwords": {"reader": ["secret"]}},
            "context db_passwords.reader: Input should be a valid string",
        ),
    ],
)
def test_a_wrong_context_value_is_refused_by_name(context: dict[str, object], message: str) -> None:
    with pytest.raises(StageError) as raised:
        load_stage(context.get)
    assert str(raised.value).startswith(message)
    assert "secret" not in str(raised.value)


def test_a_misspelt_name_is_refused_with_the_one_that_may_be_meant() -> None:
    with pytest.raises(
        StageError, match=r"^context sybmols: there is no such value; did you mean symbols\?$"
    ):
        check_context_names(["stage", "sybmols"])
    with pytest.raises(StageError, match=r"^context colour_of_sky: there is no such value$"):
        check_context_names(["colour_of_sky"])


def test_the_cdks_own_context_is_left_to_it() -> None:
    cdks = [
        "aws:cdk:bundling-stacks",
        "@aws-cdk/core:defaultCrossStackReferences",
        "availability-zones:account=123456789012:region=eu-west-1",
        "acknowledged-issue-numbers",
    ]
    check_context_names([*cdks, *CONTEXT_NAMES])


def test_an_app_with_a_misspelt_name_is_not_built() -> None:
    from infra.cdk.app import build_app

    with pytest.raises(StageError, match="did you mean market"):
        build_app(context={"stage": "dev", "markt": "ccxt:coinbase"})


def test_the_modes_of_a_stage_are_those_of_a_bot() -> None:
    assert get_args(Mode) == get_args(BotRecord.model_fields["mode"].annotation)


def test_every_context_value_is_described_in_the_json_schema() -> None:
    schema = Context.model_json_schema()
    assert tuple(schema["properties"]) == CONTEXT_NAMES
    assert all(value.get("description") for value in schema["properties"].values())
    assert schema["properties"]["stage"]["enum"] == list(STAGE_NAMES)


def test_the_json_schema_allows_what_context_may_say_of_a_report() -> None:
    schema = Context.model_json_schema()
    (named,) = schema["properties"]["reports"]["patternProperties"].values()
    assert named["anyOf"] == [{"$ref": "#/$defs/Report"}, {"const": False, "type": "boolean"}]
    assert "required" not in schema["$defs"]["Report"]
    assert {"type": "string"} in schema["properties"]["recipients"]["anyOf"]
