"""The two requests that most commands begin with, signed and sent by botocore's parts instead of its clients.

To import botocore's session and to make two clients costs three times the processor time of everything else
that happens before the first request; its signer and its HTTP session alone cost a third of that. They are
used where the credentials are at hand: the local cloud's, or keys in the environment. Whatever else may be
configured (profiles, single sign-on, roles, FIPS, other partitions) is left to the clients.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote, urlencode

from local.state import LocalState

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.httpsession import URLLib3Session

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0

UNDERSTOOD = frozenset(
    {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION", "AWS_ENDPOINT_URL_LAMBDA", "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PAGER", "AWS_EC2_METADATA_DISABLED",
    }
)  # fmt: skip
"""Variables that are honoured here, or that make no difference here. Any other one is for the clients."""

_COMMERCIAL_REGION = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d")
_NAMESPACE = {"cf": "http://cloudformation.amazonaws.com/doc/2010-05-15/"}


class Keys(NamedTuple):
    """Credentials, as the signer reads them."""

    access_key: str
    secret_key: str
    token: str | None = None


@dataclass(frozen=True)
class SignedRequests:
    """CloudFormation and Lambda of one account and region.

    Attributes:
        endpoints: base URL by service, where it is not AWS's own.
        ca_file: authority that the endpoints' certificates are from; None for the usual ones.
        proxied: whether the proxies of the environment are used.
    """

    keys: Keys
    region: str
    endpoints: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None
    proxied: bool = True

    @classmethod
    def of_local_cloud(cls, state: LocalState) -> Self:
        """Return those of the local cloud, whatever the environment says of AWS."""
        return cls(
            keys=Keys(state.access_key_id, state.secret_access_key),
            region=state.region,
            endpoints=dict.fromkeys(("cloudformation", "lambda"), state.endpoint_url),
            ca_file=state.ca_file or None,
            proxied=False,
        )

    @classmethod
    def of_environment(cls, region: str | None = None) -> Self | None:
        """Return those of the keys in the environment; None where a client has to find out more.

        Args:
            region: as the command line names it; else ``AWS_REGION`` or ``AWS_DEFAULT_REGION``.
        """
        environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_") and value}
        chosen = region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
        access_key = environment.get("AWS_ACCESS_KEY_ID")
        secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
        plain = environment.keys() <= UNDERSTOOD and _COMMERCIAL_REGION.fullmatch(chosen)
        # A configuration file may say what the environment does not.
        configuration = Path(environment.get("AWS_CONFIG_FILE", "~/.aws/config")).expanduser()
        if not (plain and access_key and secret_key) or configuration.is_file():
            return None
        every = environment.get("AWS_ENDPOINT_URL")
        named = {
            service: environment.get(f"AWS_ENDPOINT_URL_{service.upper()}", every)
            for service in ("cloudformation", "lambda")
        }
        return cls(
            keys=Keys(access_key, secret_key, environment.get("AWS_SESSION_TOKEN")),
            region=chosen,
            endpoints={service: url for service, url in named.items() if url},
            ca_file=environment.get("AWS_CA_BUNDLE"),
        )

    def stack_outputs(self, stack: str) -> Mapping[str, str] | None:
        """Return a stack's outputs; None when CloudFormation does not answer with them, for any reason."""
        from botocore.exceptions import BotoCoreError

        form = urlencode({"Action": "DescribeStacks", "Version": "2010-05-15", "StackName": stack})
        content_type = "application/x-www-form-urlencoded; charset=utf-8"
        try:
            response = self._post("cloudformation", "/", form.encode(), content_type, READ_SECONDS)
        except BotoCoreError:
            return None
        return _outputs_of(response.content) if response.status_code == 200 else None

    def invoke(self, function: str, payload: bytes, *, read_timeout: float) -> tuple[bytes, bool]:
        """Invoke a function once and return its reply, and whether the function failed.

        Raises:
            ClientError: Lambda refused.
            BotoCoreError: there is no answer.
        """
        from botocore.exceptions import ClientError

        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        response = self._post("lambda", path, payload, "application/json", read_timeout)
        body: bytes = response.content
        if response.status_code >= 300:
            raise ClientError({"Error": _refusal(response.headers, body)}, "Invoke")
        return body, "x-amz-function-error" in response.headers

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    @cached_property
    def _sessions(self) -> dict[float, URLLib3Session]:
        return {}

    def _post(
        self, service: str, path: str, body: bytes, content_type: str, read_timeout: float
    ) -> AWSResponse:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        base = self.endpoints.get(service, f"https://{service}.{self.region}.amazonaws.com")
        headers = {"Content-Type": content_type, "User-Agent": "linkage"}
        request = AWSRequest(method="POST", url=base.rstrip("/") + path, data=body, headers=headers)
        SigV4Auth(self.keys, service, self.region).add_auth(request)
        return self._session(base, read_timeout).send(request.prepare())

    def _session(self, url: str, read_timeout: float) -> URLLib3Session:
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        if read_timeout not in self._sessions:
            self._sessions[read_timeout] = URLLib3Session(
                verify=self.ca_file or True,
                proxies=get_environ_proxies(url) if self.proxied else None,
                timeout=(CONNECT_SECONDS, read_timeout),
            )
        return self._sessions[read_timeout]


def _outputs_of(document: bytes) -> Mapping[str, str] | None:
    from xml.etree import ElementTree

    try:
        description = ElementTree.fromstring(document)  # noqa: S314 - from AWS, and botocore reads it like this
    except ElementTree.ParseError:
        return None
    return {
        output.findtext("cf:OutputKey", "", _NAMESPACE): output.findtext("cf:OutputValue", "", _NAMESPACE)
        for output in description.findall(".//cf:Outputs/cf:member", _NAMESPACE)
    }


def _refusal(headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
    """Return code and message of an error, in the JSON form of AWS."""
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    detail: Mapping[str, Any] = document if isinstance(document, dict) else {}
    code = headers.get("x-amzn-errortype") or detail.get("__type") or detail.get("code") or "Unknown"
    return {
        "Code": str(code).split(":", 1)[0].rsplit("#", 1)[-1],
        "Message": str(detail.get("message") or detail.get("Message") or ""),
    }
