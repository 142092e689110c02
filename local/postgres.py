"""PostgreSQL on this machine, as strict as the one in the cloud: TLS, SCRAM, a login per role.

The server is an unmodified PostgreSQL 17 from a wheel. It is a child process: it is stopped by ``stop``,
and the kernel stops it when the process that started it dies.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from local.certificates import write_server_certificate
from local.postgres_home import ENVIRONMENT, HOME, PostgresError, PostgresHome, open_home, remove_server
from local.preflight import database_lacks
from local.processes import dies_with_parent, free_port
from migrations.roles import LOGINS, OWNER, create_roles, prepare_database

SUPERUSER = "postgres"
HOST = "127.0.0.1"
START_SECONDS = 30.0

_CONFIGURATION: dict[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "ssl": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "password_encryption": "scram-sha-256",
    "max_connections": "80",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
# The data of a demo or a test need not survive a power cut. A killed server loses nothing all the same: what
# was committed is with the kernel, so commits stay synchronous.
_NOT_DURABLE: dict[str, str] = {"fsync": "off", "full_page_writes": "off"}

_HBA = """
hostssl all all 127.0.0.1/32 scram-sha-256
hostnossl all all all reject
"""


class PostgresServer:
    """One PostgreSQL server in a folder of its own.

    Args:
        data_dir: folder for data, certificates, passwords and log; made when absent. A server that was
            stopped starts again with what is there. ``remove`` removes it, and what is kept elsewhere
            because the server's user cannot enter it.
        port: on the loopback interface; a free one when None.
        durable: wait for the disk at each commit, as a real deployment does.
        configuration: further settings of the server.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        durable: bool = False,
        configuration: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = data_dir.resolve()
        self.port = port or free_port()
        self.passwords: dict[str, str] = {}
        self._durable = durable
        self._configuration = dict(configuration or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._home: PostgresHome | None = None

    @property
    def ca_file(self) -> Path:
        """The authority to verify the server with."""
        return self.folder / HOME / "tls" / "ca.pem"

    @property
    def pid(self) -> int:
        """Process id of the server; 0 when it is not running."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def start(self) -> None:
        """Start the server and wait until it answers; make its folder first when there is none.

        Raises:
            PostgresError: it did not start.
        """
        home = self._home = self._home or open_home(self.folder)
        if not (home.data / "PG_VERSION").exists():
            self._create(home)
        self.passwords = json.loads((self.folder / "passwords.json").read_text())
        options = _CONFIGURATION | ({} if self._durable else _NOT_DURABLE) | self._configuration
        options |= {
            "port": str(self.port),
            "ssl_cert_file": str(home.tls / "server.pem"),
            "ssl_key_file": str(home.tls / "server.key"),
        }
        command = [str(home.programs / "postgres"), "-D", str(home.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGINT),
                **home.runs_as(),
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server; sessions are cut, nothing committed is lost. Does nothing when it is stopped."""
        process, self._process = self._process, None
        if process is None:
            return
        for number, patience in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if process.poll() is None:
                process.send_signal(number)
            try:
                process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                continue
            return

    def remove(self) -> None:
        """Stop the server and remove everything that it kept."""
        self.stop()
        home, self._home = self._home, None
        if home is not None:
            home.close()
        remove_server(self.folder)

    def kill(self) -> None:
        """End the server at once, as a crash does; it recovers at the next start."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=10.0)

    def dsn(self, user: str = SUPERUSER, database: str = "postgres") -> str:
        """Return a connection string for one login, over verified TLS."""
        return psycopg.conninfo.make_conninfo(
            host=HOST, port=self.port, dbname=database, user=user, password=self.passwords[user],
            sslmode="verify-full", sslrootcert=str(self.ca_file), connect_timeout=5,
        )  # fmt: skip

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database that belongs to the owner role; nothing happens when it is there.

        Args:
            name: of the database.
            template: copy this one, to which nobody may be connected.
        """
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            create_roles(connection, self.passwords)
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                return
            statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template or "template1")
            )
            if template is not None:
                statement += sql.SQL(" STRATEGY FILE_COPY")
            connection.execute(statement)
        with psycopg.connect(self.dsn(database=name), autocommit=True) as connection:
            prepare_database(connection)

    def drop_database(self, name: str) -> None:
        """Remove a database, cutting the sessions that use it."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _create(self, home: PostgresHome) -> None:
        if missing := database_lacks():
            raise PostgresError(missing)
        shutil.rmtree(home.data, ignore_errors=True)
        home.data.mkdir(mode=0o700)
        passwords = {name: secrets.token_urlsafe(24) for name in (SUPERUSER, *(r.name for r in LOGINS))}
        password_file = self.folder / "passwords.json"
        password_file.touch(mode=0o600)
        password_file.write_text(json.dumps(passwords))
        write_server_certificate(home.tls)
        home.tls.chmod(home.folder.stat().st_mode)
        secret = home.folder / "superuser"
        secret.touch(mode=0o600)
        secret.write_text(passwords[SUPERUSER])
        home.give(home.data, home.tls / "server.pem", home.tls / "server.key", secret)
        made = subprocess.run(
            [
                str(home.programs / "initdb"), "-D", str(home.data), "-U", SUPERUSER, "--pwfile", str(secret),
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8",
                "--no-sync", "--no-instructions",
            ],
            capture_output=True,
            check=False,
            cwd="/",
            env=ENVIRONMENT,
            preexec_fn=dies_with_parent(signal.SIGKILL),
            **home.runs_as(),
        )  # fmt: skip
        secret.unlink()
        if made.returncode != 0:
            shutil.rmtree(home.data, ignore_errors=True)
            raise PostgresError(f"initdb failed: {made.stderr.decode(errors='replace').strip()[-2000:]}")
        (home.data / "pg_hba.conf").write_text(_HBA)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            process = self._process
            if process is None or process.poll() is not None:
                raise PostgresError(f"PostgreSQL ended at once: {self._end_of_log()}")
            try:
                psycopg.connect(self.dsn()).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    self.stop()
                    raise PostgresError(
                        f"no answer within {START_SECONDS:.0f} s: {error}: {self._end_of_log()}"
                    ) from None
                time.sleep(0.02)
            else:
                return

    def _end_of_log(self) -> str:
        try:
            return (self.folder / "server.log").read_text(errors="replace")[-2000:]
        except OSError:
            return ""
