"""Requests without a client are the client's own, and whatever is unusual is left to a client."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.httpsession import URLLib3Session

from cli.cloud import Cloud, FunctionFailedError
from cli.signed_requests import SignedRequests
from local.state import LocalState

STACK = "linkage-dev-service"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:linkage-dev-read:live"
OUTPUTS = b"""<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<DescribeStacksResult><Stacks><member><StackName>linkage-dev-service</StackName><Outputs>
<member><OutputKey>ReadLedgerFunction</OutputKey><OutputValue>f</OutputValue></member>
<member><OutputKey>TableName</OutputKey><OutputValue>t</OutputValue></member>
</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""


class Reply:
    def __init__(self, content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.content, self.status_code, self.headers = content, status, headers or {}


class Wire:
    """Answers what botocore's HTTP session is given to send, and keeps it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.replies: list[Reply | Exception] = []

    def send(self, _session: object, request: Any) -> Reply:
        self.sent.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Keys and a region in the environment, and nothing else of AWS."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "LINKAGE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    return monkeypatch


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    wire = Wire()
    monkeypatch.setattr(URLLib3Session, "send", lambda session, request: wire.send(session, request))
    yield wire
    assert not wire.replies, "nobody asked"


class CapturedError(Exception):
    pass


def sent_by_client(service: str, operation: str, **parameters: object) -> Any:
    """Return the request that botocore's own client sends."""
    captured = []

    def capture(request: Any, **_: object) -> None:
        captured.append(request)
        raise CapturedError

    client = botocore.session.get_session().create_client(service, region_name="eu-central-1")
    client.meta.events.register("before-send", capture)
    with pytest.raises(CapturedError):
        getattr(client, operation)(**parameters)
    return captured[0]


def parts(request: Any) -> tuple[object, ...]:
    body = request.body.encode() if isinstance(request.body, str) else request.body
    form = sorted(body.split(b"&")) if body.startswith(b"Action=") else body
    return request.method, request.url, form


def test_both_requests_are_those_of_the_clients(environment: pytest.MonkeyPatch, wire: Wire) -> None:
    signed = SignedRequests.of_environment()
    assert signed is not None
    wire.replies = [Reply(OUTPUTS), Reply(b"{}")]
    signed.stack_outputs(STACK)
    signed.invoke(FUNCTION, b'{"op":"rates"}', read_timeout=5)
    described = sent_by_client("cloudformation", "describe_stacks", StackName=STACK)
    invoked = sent_by_client("lambda", "invoke", FunctionName=FUNCTION, Payload=b'{"op":"rates"}')
    assert [parts(request) for request in wire.sent] == [parts(described), parts(invoked)]
    for request, service in zip(wire.sent, ("cloudformation", "lambda"), strict=True):
        credential = request.headers["Authorization"]
        credential = credential if isinstance(credential, str) else credential.decode()
        assert "Credential=AKIDEXAMPLE/" in credential
        assert f"/eu-central-1/{service}/aws4_request" in credential
        assert request.headers["X-Amz-Security-Token"] in ("token", b"token")


def test_the_outputs_of_a_stack_are_read_from_its_description(
    environment: pytest.MonkeyPatch, wire: Wire
) -> None:
    wire.replies = [Reply(OUTPUTS)]
    assert Cloud("dev").outputs == {"ReadLedgerFunction": "f", "TableName": "t"}


@pytest.mark.parametrize(
    "failure",
    [
        Reply(b"", 503),
        Reply(b"<html>"),
        Reply(b"", 400),
        EndpointConnectionError(endpoint_url="https://x", error="no"),
    ],
)
def test_a_description_that_fails_is_asked_for_again_by_a_client(
    environment: pytest.MonkeyPatch, wire: Wire, failure: Reply | Exception
) -> None:
    cloud = Cloud("dev")
    environment.setattr(cloud, "client", lambda _service: Described())
    wire.replies = [failure]
    assert cloud.output("TableName") == "from the client"


class Described:
    def describe_stacks(self, **_: str) -> object:
        return {"Stacks": [{"Outputs": [{"OutputKey": "TableName", "OutputValue": "from the client"}]}]}


def test_a_function_is_invoked_once_and_its_failure_is_reported(
    environment: pytest.MonkeyPatch, wire: Wire
) -> None:
    cloud = Cloud("dev")
    wire.replies = [
        Reply(OUTPUTS),
        Reply(b'{"ok": true}'),
        Reply(
            b'{"errorType": "DefectError", "errorMessage": "x"}',
            headers={"x-amz-function-error": "Unhandled"},
        ),
    ]
    assert cloud.invoke("ReadLedgerFunction", {"op": "rates"}) == {"ok": True}
    with pytest.raises(FunctionFailedError, match="ReadLedgerFunction failed: DefectError: x"):
        cloud.invoke("ReadLedgerFunction", {"op": "rates"})


@pytest.mark.parametrize(
    ("headers", "document"),
    [
        ({"x-amzn-errortype": "AccessDeniedException:http://internal"}, {"Message": "not yours"}),
        ({}, {"__type": "com.amazon#AccessDeniedException", "message": "not yours"}),
    ],
)
def test_a_refusal_of_lambda_is_the_clients_error(
    environment: pytest.MonkeyPatch, wire: Wire, headers: Mapping[str, str], document: object
) -> None:
    signed = SignedRequests.of_environment()
    assert signed is not None
    wire.replies = [Reply(json.dumps(document).encode(), 403, headers)]
    with pytest.raises(ClientError) as caught:
        signed.invoke("f", b"{}", read_timeout=5)
    assert caught.value.operation_name == "Invoke"
    assert caught.value.response["Error"] == {"Code": "AccessDeniedException", "Message": "not yours"}


def test_endpoints_and_regions_are_taken_from_where_aws_documents_them(
    environment: pytest.MonkeyPatch, wire: Wire
) -> None:
    environment.delenv("AWS_REGION")
    environment.setenv("AWS_DEFAULT_REGION", "us-west-2")
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    environment.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9")
    assert SignedRequests.of_environment("us-east-2").region == "us-east-2"  # type: ignore[union-attr]
    signed = SignedRequests.of_environment()
    assert signed is not None
    assert signed.region == "us-west-2"
    wire.replies = [Reply(OUTPUTS), Reply(b"")]
    signed.stack_outputs(STACK)
    signed.invoke("f", b"{}", read_timeout=5)
    assert [request.url for request in wire.sent] == [
        "http://127.0.0.1:4566/",
        "http://127.0.0.1:9/2015-03-31/functions/f/invocations",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_PROFILE", "trading"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ("AWS_REGION", "cn-north-1"),
        ("AWS_REGION", "us-gov-west-1"),
        ("AWS_REGION", ""),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
    ],
)
def test_what_is_unusual_is_left_to_a_client(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    assert SignedRequests.of_environment() is None


def test_a_configuration_file_and_a_profile_are_left_to_a_client(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Cloud("dev", profile="trading").signed is None
    assert SignedRequests.of_environment() is not None
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\nuse_fips_endpoint = true\n")
    assert SignedRequests.of_environment() is None
    environment.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert SignedRequests.of_environment() is not None


def test_the_local_cloud_has_its_own_keys_endpoint_and_authority(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_PROFILE", "somebody")
    state = LocalState("/x", "https://127.0.0.1:4566", "us-east-1", "a", "b", ca_file="/x/ca.pem")
    signed = Cloud("local", state=state).signed
    assert signed is not None
    assert (signed.keys.access_key, signed.region, signed.ca_file) == ("a", "us-east-1", "/x/ca.pem")
    assert signed.endpoints["lambda"] == "https://127.0.0.1:4566"
    assert not signed.proxied


def test_a_client_has_the_region_of_the_option_or_of_the_environment(environment: pytest.MonkeyPatch) -> None:
    assert Cloud("dev").client("sqs").meta.region_name == "eu-central-1"
    assert Cloud("dev", region="us-east-2").client("sqs").meta.region_name == "us-east-2"
    environment.delenv("AWS_REGION")
    environment.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert Cloud("dev").client("sqs").meta.region_name == "us-west-2"
