"""The local cloud as one object: up, healthy, down, and nothing left behind.

    with LocalCloud.up(options=StageOptions(market="simulation:7")) as cloud:
        ...                      # cloud.state.api_url, cloud.state.endpoint_url
        cloud.detach()           # or leave it running

A supervisor process owns everything that runs. As long as nobody detached, it ends with this process,
however this process ends.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import boto3
from botocore.config import Config

from linkage.domain.errors import PermanentError
from local.deploy import Deployment, StageOptions, check_machine
from local.postgres_home import remove_server
from local.processes import (
    command_line,
    free_port,
    require_free_port,
    signal_group,
    wait_until_gone,
)
from local.state import LOG_FOLDER, POSTGRES_FOLDER, ROOT, RUN_FOLDER, LocalState, local_directory

Progress = Callable[[str], None]

HEALTHY_SECONDS = 60.0
STOP_SECONDS = 120.0
TIDY_SECONDS = 600.0  # a run leaves some ten thousand files to remove, perhaps from a busy disk


class LocalCloudError(PermanentError):
    """The local cloud cannot do what was asked. The message says why."""


class LocalCloud:
    """A local cloud that is up. Create it with :meth:`up` or :meth:`attach`.

    Attributes:
        state: where everything is.
        directory: the folder of this local cloud.
    """

    def __init__(
        self, state: LocalState, *, supervisor: subprocess.Popen[bytes] | None, progress: Progress
    ) -> None:
        self.state = state
        self.directory = Path(state.directory)
        self._supervisor = supervisor
        self._progress = progress

    @classmethod
    def up(
        cls,
        directory: Path | None = None,
        *,
        options: StageOptions | None = None,
        source: Path = ROOT,
        port: int | None = None,
        progress: Progress = lambda _text: None,
        deploy: bool = True,
    ) -> Self:
        """Start, deploy, and wait until the API answers. On any error or Ctrl-C nothing is left.

        Args:
            directory: of this local cloud; default ``LINKAGE_LOCAL_DIR`` or ``.local``.
            options: what the stage runs on.
            source: root of the checkout that is deployed.
            port: of the API and the mailbox; default a free one.
            progress: is called with each step, in a few words.
            deploy: False starts an empty cloud.

        Raises:
            MissingToolError: something is not on this machine.
            LocalCloudError: it is up already, or does not get healthy.
            DeploymentError: the CDK CLI failed.
        """
        folder = (directory or local_directory()).resolve()
        if port is not None:
            require_free_port(port)
        check_machine(folder)
        if is_up(folder):
            raise LocalCloudError(f"a local cloud is up in {folder}; stop it with: linkage local down")
        progress("starting the emulator and PostgreSQL")
        process = _start_supervisor(folder, port)
        try:
            cloud = cls(_await_start(process, folder), supervisor=process, progress=progress)
            if deploy:
                cloud.deploy(options or StageOptions(), source=source)
        except BaseException:
            _let_go(process)
            raise
        return cloud

    @classmethod
    def attach(cls, directory: Path | None = None, *, progress: Progress = lambda _text: None) -> Self:
        """Return the local cloud that is already up.

        Raises:
            LocalCloudError: none is.
        """
        folder = (directory or local_directory()).resolve()
        state = LocalState.load(folder)
        if state is None or not is_up(folder):
            raise LocalCloudError("the local cloud is not up; start it with: linkage local up")
        return cls(state, supervisor=None, progress=progress)

    def deploy(self, options: StageOptions, *, source: Path = ROOT) -> float:
        """Deploy a checkout and wait until its API answers; return the seconds that it took."""
        self._progress("deploying linkage-local-data and linkage-local-service")
        deployment = Deployment(
            self.state,
            options,
            assembly=self.run_folder / "cdk.out",
            log_file=self.directory / LOG_FOLDER / "deploy.log",
            source=source,
            watcher=self._report_group,
        )
        seconds = deployment.run()
        self.state = replace(self.state, api_url=self._deployed_api_url(), deploy_seconds=round(seconds, 1))
        self.state.save()
        self._progress("waiting until the API answers")
        self._wait_until_healthy()
        return seconds

    @property
    def run_folder(self) -> Path:
        """What this run writes; it goes when the cloud goes down."""
        return self.directory / RUN_FOLDER

    def detach(self) -> None:
        """Leave it running when this process ends; ``linkage local down`` ends it."""
        if self._supervisor is not None:
            self._send_line("detach")
            supervisor, self._supervisor = self._supervisor, None
            _close_pipes(supervisor)
            supervisor.returncode = 0  # it is nobody's child any more: no warning that it still runs

    def down(self) -> None:
        """Stop everything and remove what the run wrote."""
        self._progress("stopping everything, and removing its files")
        if self._supervisor is not None:
            supervisor, self._supervisor = self._supervisor, None
            _let_go(supervisor)
        else:
            stop(self.directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._supervisor is not None:
            self.down()

    def _deployed_api_url(self) -> str:
        client = boto3.client(
            "cloudformation",
            endpoint_url=self.state.endpoint_url,
            region_name=self.state.region,
            aws_access_key_id=self.state.access_key_id,
            aws_secret_access_key=self.state.secret_access_key,
            verify=self.state.ca_file,
            config=Config(proxies={}),
        )
        stack = client.describe_stacks(StackName="linkage-local-service")["Stacks"][0]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        return f"{self.state.plain_url}/_aws/execute-api/{outputs['ApiId']}"

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + HEALTHY_SECONDS
        while not healthy(self.state):
            if time.monotonic() > deadline:
                raise LocalCloudError(f"{self.state.api_url}/health did not answer; see: linkage local logs")
            time.sleep(0.1)

    def _report_group(self, group: int, running: bool) -> None:
        self._send_line(f"{'group' if running else 'ungroup'} {group}")

    def _send_line(self, line: str) -> None:
        if self._supervisor is not None and self._supervisor.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.write(f"{line}\n".encode())
                self._supervisor.stdin.flush()


def healthy(state: LocalState, *, timeout_seconds: float = 10.0) -> bool:
    """Tell whether the deployed API answers its health check."""
    if not state.api_url:
        return False
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{state.api_url}/health", timeout=timeout_seconds) as reply:
            return bool(reply.status == http.client.OK)
    except (OSError, http.client.HTTPException):
        return False


def is_up(directory: Path) -> bool:
    """Tell whether the supervisor of this folder's local cloud is running."""
    state = LocalState.load(directory)
    return state is not None and _is_supervisor(state.supervisor_pid)


def stop(directory: Path) -> bool:
    """Stop the local cloud of a folder; False when none was there.

    Raises:
        LocalCloudError: it does not stop.
    """
    state = LocalState.load(directory)
    if state is None:
        return False
    if _is_supervisor(state.supervisor_pid):
        os.kill(state.supervisor_pid, signal.SIGTERM)
        # It forgets its state when all else has ended, and then removes the files.
        deadline = time.monotonic() + STOP_SECONDS
        while is_up(directory):
            if time.monotonic() > deadline:
                raise LocalCloudError(f"process {state.supervisor_pid} does not stop; end it with: kill -9")
            time.sleep(0.02)
        wait_until_gone(state.supervisor_pid, timeout_seconds=TIDY_SECONDS)
    if "ministack" in command_line(state.emulator_pid):
        signal_group(state.emulator_pid, signal.SIGKILL)
    state.remove()
    remove_server(directory / RUN_FOLDER / POSTGRES_FOLDER)
    shutil.rmtree(directory / RUN_FOLDER, ignore_errors=True)
    return True


def _is_supervisor(pid: int) -> bool:
    return "local.supervisor" in command_line(pid)


def _start_supervisor(folder: Path, port: int | None) -> subprocess.Popen[bytes]:
    logs = folder / LOG_FOLDER
    logs.mkdir(exist_ok=True)
    ports = [free_port(), port or free_port(), free_port()]
    with (logs / "supervisor.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "local.supervisor", str(folder), *map(str, ports)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )


def _await_start(process: subprocess.Popen[bytes], folder: Path) -> LocalState:
    assert process.stdout is not None
    line = process.stdout.readline()
    message = json.loads(line) if line else {}
    if "ready" in message:
        return LocalState(**message["ready"])
    reason = message.get("error")
    if not reason:
        lines = (folder / LOG_FOLDER / "supervisor.log").read_text(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else "its supervisor stopped"
    raise LocalCloudError(f"the local cloud did not start: {reason}")


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe: the supervisor stops everything, also if this process does not wait for it."""
    _close_pipes(process)
    try:
        process.wait(timeout=STOP_SECONDS + TIDY_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
