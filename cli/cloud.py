"""One deployed stage, on this machine or in AWS, as the commands see it.

A command asks for it with :func:`cloud_of`, reads names from ``outputs`` and calls functions by their
output's name::

    @app.command()
    def rate(context: typer.Context, hours: int = 6, as_json: JsonOption = False) -> None:
        reply = cloud_of(context).invoke("ReadLedgerFunction", {"op": "rates", ...})
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.signed_requests import SignedRequests
from infra.cdk.stage_names import STAGE_NAMES
from linkage.domain.errors import LinkageError
from local.state import LocalState

if TYPE_CHECKING:
    from botocore.session import Session

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]

PROBLEM = 1
USAGE = 2


class CommandError(LinkageError):
    """A command cannot go on. The message is one line for the person who typed it.

    Args:
        message: what is wrong and what to do about it.
        exit_code: 1 when the command did its work and found a problem, 2 for usage or connection.
    """

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class FunctionFailedError(CommandError):
    """A deployed function raised. ``error_type`` is the name of what it raised."""

    def __init__(self, function: str, error_type: str, message: str) -> None:
        super().__init__(
            f"{function} failed: {error_type}: {message}" if error_type else f"{function} failed"
        )
        self.error_type = error_type


class Cloud:
    """One deployed stage.

    Args:
        stage: local, dev or prod.
        profile: AWS profile; None for the default credentials. Not used locally.
        region: AWS region; None for ``AWS_REGION``, else botocore's own choice. Not used locally.
        state: the local cloud that is up; None outside the local stage.
    """

    def __init__(
        self,
        stage: str,
        *,
        profile: str | None = None,
        region: str | None = None,
        state: LocalState | None = None,
    ) -> None:
        self.stage = stage
        self.profile = profile
        self.region = region
        self.state = state
        self._clients: dict[tuple[str, float, int], Any] = {}

    @classmethod
    def connect(
        cls, stage: str | None = None, profile: str | None = None, region: str | None = None
    ) -> Cloud:
        """Return the chosen stage: named, else ``LINKAGE_STAGE``, else local when it is up, else dev.

        Raises:
            CommandError: there is no such stage, or it is the local one and that is not up.
        """
        state = LocalState.load()
        chosen = stage or os.environ.get("LINKAGE_STAGE") or ("local" if state else "dev")
        if chosen not in STAGE_NAMES:
            raise CommandError(f"there is no stage {chosen!r}; stages are {', '.join(STAGE_NAMES)}")
        if chosen != "local":
            return cls(chosen, profile=profile, region=region)
        if state is None:
            raise CommandError("the local cloud is not up; start it with: linkage local up")
        return cls(chosen, state=state)

    @cached_property
    def signed(self) -> SignedRequests | None:
        """Requests that need no client; None where only a client knows the credentials."""
        if self.state is not None:
            return SignedRequests.of_local_cloud(self.state)
        return None if self.profile else SignedRequests.of_environment(self.region)

    @cached_property
    def session(self) -> Session:
        """The botocore session with this stage's credentials and region."""
        import botocore.session

        if self.state is None:
            session = botocore.session.Session(profile=self.profile)
            # botocore itself reads AWS_DEFAULT_REGION only.
            if region := self.region or os.environ.get("AWS_REGION"):
                session.set_config_variable("region", region)
            return session
        # Whatever AWS_PROFILE and the configuration file say: it is this machine.
        session = botocore.session.Session({"profile": (None, None, None, None)})
        session.set_credentials(self.state.access_key_id, self.state.secret_access_key)
        session.set_config_variable("region", self.state.region)
        return session

    def client(self, service: str, *, read_timeout: float = 60, max_attempts: int = 3) -> Any:
        """Return a client of an AWS service, at the local endpoint in the local stage.

        It is made once for each set of arguments and shared from then on.

        Args:
            service: botocore's name of the service.
            read_timeout: seconds to wait for an answer.
            max_attempts: all attempts together; 1 for calls that must not be repeated.
        """
        key = (service, read_timeout, max_attempts)
        if key not in self._clients:
            self._clients[key] = self._made_client(*key)
        return self._clients[key]

    def close(self) -> None:
        """Close all connections."""
        if self.signed is not None:
            self.signed.close()
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _made_client(self, service: str, read_timeout: float, max_attempts: int) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=5, read_timeout=read_timeout, retries={"total_max_attempts": max_attempts}
        )
        if self.state is None:
            return self.session.create_client(service, config=config)
        return self.session.create_client(
            service,
            endpoint_url=self.state.endpoint_url,
            verify=self.state.ca_file,
            config=config.merge(Config(proxies={})),
        )

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The outputs of the service stack.

        Raises:
            CommandError: the stage is not deployed there.
        """
        name = f"linkage-{self.stage}-service"
        outputs = None if self.signed is None else self.signed.stack_outputs(name)
        # A client repeats what failed for a moment, and knows what the rest means.
        return self._outputs_by_client(name) if outputs is None else outputs

    def _outputs_by_client(self, stack: str) -> Mapping[str, str]:
        from botocore.exceptions import ClientError

        try:
            stacks = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                raise CommandError(f"stack {stack} does not exist; deploy this stage first") from None
            raise
        return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}

    def output(self, name: str) -> str:
        """Return one output of the service stack.

        Raises:
            CommandError: the deployed version has no such output.
        """
        try:
            return self.outputs[name]
        except KeyError:
            message = f"stack linkage-{self.stage}-service has no output {name}; deploy the current version"
            raise CommandError(message) from None

    @property
    def api_url(self) -> str:
        """Base URL of the HTTP API, without a trailing slash."""
        if self.state is not None:
            return f"{self.state.plain_url}/_aws/execute-api/{self.output('ApiId')}"
        return self.output("ApiUrl").rstrip("/")

    def invoke(self, output_name: str, payload: Mapping[str, object], *, read_timeout: float = 120) -> Any:
        """Invoke a function once, wait, and return its decoded reply.

        Args:
            output_name: output that holds the function's name, such as ``ReadLedgerFunction``.
            payload: the event, JSON-ready.
            read_timeout: seconds to wait for the reply.

        Raises:
            FunctionFailedError: the function raised.
            CommandError: the stage is not deployed.
        """
        body, failed = self._invoke(self.output(output_name), json.dumps(payload).encode(), read_timeout)
        decoded: Any = json.loads(body) if body else None
        if failed:
            detail: Mapping[str, Any] = decoded if isinstance(decoded, dict) else {}
            raise FunctionFailedError(
                output_name, str(detail.get("errorType", "")), str(detail.get("errorMessage", ""))
            )
        return decoded

    def _invoke(self, function: str, payload: bytes, read_timeout: float) -> tuple[bytes, bool]:
        if self.signed is not None:
            return self.signed.invoke(function, payload, read_timeout=read_timeout)
        client = self.client("lambda", read_timeout=read_timeout, max_attempts=1)
        reply = client.invoke(FunctionName=function, Payload=payload)
        return reply["Payload"].read(), "FunctionError" in reply


@dataclass(slots=True)
class Options:
    """The global options, and the cloud that they choose once somebody asks for it."""

    stage: str | None = None
    profile: str | None = None
    region: str | None = None
    cloud: Cloud | None = None


def cloud_of(context: typer.Context) -> Cloud:
    """Return the cloud that the command line chose."""
    options = context.ensure_object(Options)
    if options.cloud is None:
        options.cloud = Cloud.connect(options.stage, options.profile, options.region)
    return options.cloud
