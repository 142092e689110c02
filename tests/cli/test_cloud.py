"""A cloud: names from the stack's outputs, functions by output, errors of functions made plain."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.cloud import Cloud, CommandError, FunctionFailedError
from local.certificates import write_server_certificate
from local.state import LocalState


class FakeCloudFormation:
    def __init__(self, outputs: Mapping[str, str] | None) -> None:
        self.outputs = outputs

    def describe_stacks(self, **request: str) -> object:
        if self.outputs is None:
            refusal = {
                "Error": {
                    "Code": "ValidationError",
                    "Message": f"Stack {request['StackName']} does not exist",
                }
            }
            raise ClientError(refusal, "DescribeStacks")
        return {
            "Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]}]
        }


class FakeLambda:
    def __init__(self, reply: object, *, failed: bool = False) -> None:
        self.reply = reply
        self.failed = failed
        self.invoked: list[tuple[str, object]] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.invoked.append((request["FunctionName"], json.loads(request["Payload"])))
        body = b"" if self.reply is None else json.dumps(self.reply).encode()
        return {"Payload": io.BytesIO(body)} | ({"FunctionError": "Unhandled"} if self.failed else {})


class FakeCloud(Cloud):
    def __init__(self, outputs: Mapping[str, str] | None, function: FakeLambda | None = None) -> None:
        super().__init__("dev")
        self.fakes = {"cloudformation": FakeCloudFormation(outputs), "lambda": function}

    def client(self, service: str, *, read_timeout: float = 60, max_attempts: int = 3) -> Any:
        return self.fakes[service]


def test_outputs_come_from_the_service_stack() -> None:
    cloud = FakeCloud({"ApiUrl": "https://api.example/", "TableName": "t"})
    assert cloud.output("TableName") == "t"
    assert cloud.api_url == "https://api.example"


def test_the_local_api_is_reached_by_its_path() -> None:
    cloud = FakeCloud({"ApiId": "b56ab9c0", "ApiUrl": "https://b56ab9c0.execute-api.us-east-1.amazonaws.com"})
    cloud.state = LocalState(
        "/x", "https://127.0.0.1:4566", "us-east-1", "a", "b", plain_url="http://127.0.0.1:4567"
    )
    assert cloud.api_url == "http://127.0.0.1:4567/_aws/execute-api/b56ab9c0"


def test_a_stage_that_is_not_deployed_is_named() -> None:
    with pytest.raises(CommandError, match="linkage-dev-service does not exist"):
        _ = FakeCloud(None).outputs


def test_an_output_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="no output TableName"):
        FakeCloud({}).output("TableName")


def test_a_function_is_invoked_by_the_name_of_its_output() -> None:
    function = FakeLambda({"ok": True})
    assert FakeCloud({"ReadLedgerFunction": "f"}, function).invoke("ReadLedgerFunction", {"op": "rates"}) == {
        "ok": True
    }
    assert function.invoked == [("f", {"op": "rates"})]


def test_a_function_that_answers_nothing_is_none() -> None:
    assert FakeCloud({"F": "f"}, FakeLambda(None)).invoke("F", {}) is None


def test_what_a_function_raised_is_told() -> None:
    function = FakeLambda({"errorType": "LedgerUnavailableError", "errorMessage": "away"}, failed=True)
    with pytest.raises(FunctionFailedError, match="F failed: LedgerUnavailableError: away") as caught:
        FakeCloud({"F": "f"}, function).invoke("F", {})
    assert caught.value.error_type == "LedgerUnavailableError"


@pytest.mark.parametrize("reply", [None, "Task timed out", []])
def test_a_failure_without_details_is_still_a_failure(reply: object) -> None:
    with pytest.raises(FunctionFailedError, match="F failed"):
        FakeCloud({"F": "f"}, FakeLambda(reply, failed=True)).invoke("F", {})


def test_a_local_client_ignores_proxies_and_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_server_certificate(tmp_path)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    state = LocalState(
        "/x", "https://127.0.0.1:4566", "us-east-1", "a", "b", ca_file=str(tmp_path / "ca.pem")
    )
    client = Cloud("local", state=state).client("sts")
    assert client.meta.endpoint_url == "https://127.0.0.1:4566"
    assert client.meta.config.proxies == {}


def test_a_client_is_made_once_for_each_set_of_limits(tmp_path: Path) -> None:
    write_server_certificate(tmp_path)
    state = LocalState(
        "/x", "https://127.0.0.1:4566", "us-east-1", "a", "b", ca_file=str(tmp_path / "ca.pem")
    )
    cloud = Cloud("local", state=state)
    first = cloud.client("sqs")
    assert cloud.client("sqs") is first
    assert cloud.client("sqs", read_timeout=30) is not first
    cloud.close()
    assert cloud.client("sqs") is not first
