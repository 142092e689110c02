"""A stage is what its defaults say and the context changes; what is wrong in the context is named."""

from __future__ import annotations

import pytest

from infra.cdk.stage_names import STAGE_NAMES
from infra.cdk.stages import CONTEXT_NAMES, Context, StageError, load_stage


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
