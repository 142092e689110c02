"""Takes a statement's result from PostgreSQL as it comes, and no more of it than there is room for.

libpq holds a row in memory whole, whatever its size, and one cell may have a gigabyte. So what arrives is
counted, as the kernel does it, whenever libpq waits for more. It reads without a pause as long as there is
something to read: a small buffer in the kernel makes it wait often. So the bound is not exact: some tens of
megabytes more may be taken, and not a gigabyte.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

from psycopg import errors, generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Wait

from linkage.adapters.postgres.connection import DeadlineConnection

_KERNEL_BUFFER_BYTES = 64 * 1024
_BYTES_RECEIVED = 128
"""Where Linux's ``struct tcp_info`` has ``tcpi_bytes_received``, an unsigned number of 64 bits."""


class TooMuchReceivedError(Exception):
    """The server sent more than the caller has room for. The connection is in the middle of an answer."""


class BoundedResults:
    """The results of one connection, up to a number of bytes that all of them have together.

    Args:
        connection: with nothing under way; to be closed afterwards.
        max_bytes: as they come over the network.
    """

    def __init__(self, connection: DeadlineConnection, *, max_bytes: int) -> None:
        self._connection = connection
        with _socket(connection.pgconn) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BUFFER_BYTES)
        self._end = _bytes_received(connection.pgconn) + max_bytes

    def last(self) -> PGresult:
        """Send what was begun and return its last result.

        Raises:
            TooMuchReceivedError: it has no end in sight.
            psycopg.Error: the server refused.
        """
        *_, result = self.each()
        return result

    def each(self) -> Iterator[PGresult]:
        """Send what was begun and yield its results; in single-row mode each row is one.

        Raises:
            TooMuchReceivedError: there is no room for the next.
            psycopg.Error: the server refused.
        """
        self._connection.wait(generators.send(self._connection.pgconn))
        while (result := self._connection.wait(self._next())) is not None:
            if result.status == ExecStatus.FATAL_ERROR:
                raise errors.error_from_result(result, encoding=self._connection.info.encoding)
            yield result

    def _next(self) -> PQGen[PGresult | None]:
        pgconn = self._connection.pgconn
        while pgconn.is_busy():
            while not (yield Wait.R):
                continue
            if _bytes_received(pgconn) > self._end:
                raise TooMuchReceivedError
            pgconn.consume_input()
        return pgconn.get_result()


def _bytes_received(pgconn: PGconn) -> int:
    with _socket(pgconn) as peer:
        info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED + 8)
    (count,) = struct.unpack_from("=Q", info, _BYTES_RECEIVED)
    return int(count)


def _socket(pgconn: PGconn) -> socket.socket:
    """Return the connection's socket under a number of its own, which the caller closes."""
    return socket.socket(fileno=os.dup(pgconn.socket))
