"""The AWS emulator: MiniStack in an environment of its own, with its authorisation on.

It serves TLS, because queues and buckets refuse plain HTTP by policy and it enforces that as AWS does.
"""

from __future__ import annotations

import http.client
import os
import signal
import ssl
import subprocess
from pathlib import Path

from local.certificates import write_server_certificate
from local.processes import MissingToolError, alive, dies_with_parent
from local.state import ROOT

REGION = "us-east-1"
ACCOUNT = "000000000000"
# The emulator's own administrator. It listens on the loopback interface only.
ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"  # noqa: S105 - not a secret of anybody

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


def emulator_python() -> Path:
    """Return the interpreter of the emulator's environment.

    Raises:
        MissingToolError: that environment is not there.
    """
    python = Path(os.environ.get("LINKAGE_EMULATOR_PYTHON") or ROOT / ".venv-emulator" / "bin" / "python")
    if not python.is_file():
        raise MissingToolError("the emulator's environment is missing; create it with: make setup")
    return python


class Emulator:
    """One MiniStack process and the Lambda workers below it.

    Args:
        directory: where it keeps its temporary files and the unpacked functions.
        log_file: what it says.
        port: for TLS, on the loopback interface. AWS's clients and the functions use this one.
        plain_port: without TLS, for people and their curl.
    """

    def __init__(self, directory: Path, log_file: Path, *, port: int, plain_port: int) -> None:
        self.directory = directory
        self.port = port
        self.plain_port = plain_port
        self._tls = directory / "tls"
        self.log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The endpoint of every service."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def plain_url(self) -> str:
        """The same without TLS; policies that demand TLS refuse what comes this way."""
        return f"http://127.0.0.1:{self.plain_port}"

    @property
    def ca_file(self) -> Path:
        """The authority to verify it with."""
        return self._tls / "ca.pem"

    @property
    def pid(self) -> int:
        """The process, or 0."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the process; :meth:`ready` says when it answers."""
        python = emulator_python()
        scratch = self.directory / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        write_server_certificate(self._tls)
        (self._tls / "ca-bundle.pem").write_bytes(_system_authorities() + self.ca_file.read_bytes())
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(python),
                    "-m",
                    "hypercorn",
                    "ministack.app:app",
                    "--workers",
                    "0",
                    "--keep-alive",
                    "75",
                    "--bind",
                    f"127.0.0.1:{self.port}",
                    "--insecure-bind",
                    f"127.0.0.1:{self.plain_port}",
                    "--certfile",
                    str(self._tls / "server.pem"),
                    "--keyfile",
                    str(self._tls / "server.key"),
                ],
                cwd=self.directory,
                env=self._environment(scratch),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGKILL),
            )

    def ready(self) -> bool:
        """Tell whether it answers.

        Raises:
            MissingToolError: the process has ended; quotes the end of its log.
        """
        if self._process is None or self._process.poll() is not None:
            tail = self.log_file.read_text(errors="replace").strip().splitlines()[-3:]
            raise MissingToolError("the emulator stopped: " + " | ".join(tail))
        connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=2)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def running(self) -> bool:
        """Tell whether the process is there."""
        return self._process is not None and alive(self._process.pid)

    def stop(self) -> None:
        """End the process. Its workers end with it: they read from a pipe that it held."""
        if self._process is None:
            return
        self._process.kill()  # it keeps nothing that is worth an orderly end, which takes seconds
        self._process.wait()
        self._process = None

    def _environment(self, scratch: Path) -> dict[str, str]:
        """What the emulator sees, and with it every function: nothing of the caller's AWS set-up."""
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return passed_on | {
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CA_BUNDLE": str(self.ca_file),
            "NODE_EXTRA_CA_CERTS": str(self.ca_file),
            "SSL_CERT_FILE": str(self._tls / "ca-bundle.pem"),
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(self._tls / "server.pem"),
            "MINISTACK_SSL_KEY": str(self._tls / "server.key"),
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",
            "STATE_DIR": str(scratch / "state"),
            "S3_DATA_DIR": str(scratch / "s3"),
            "TMPDIR": str(scratch),
            "HOME": str(scratch),
            "LOG_LEVEL": "INFO",
            "TZ": "UTC",
        }


def _system_authorities() -> bytes:
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.cafile, paths.openssl_cafile):
        if candidate and Path(candidate).is_file():
            return Path(candidate).read_bytes() + b"\n"
    return b""
