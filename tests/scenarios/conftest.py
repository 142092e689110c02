"""A world for a scenario, or as many as it compares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from local.postgres import PostgresServer
from tests.scenarios.world import World
from tests.support.dynamodb import moto_account
from tests.support.ledger import LedgerDatabase


class NewWorld(Protocol):
    """Deploys another world; it is the active one from then on."""

    def __call__(self, *, short_cut: bool = False) -> World:
        """See ``World.create``."""


@pytest.fixture
def new_world(
    postgres_server: PostgresServer, ledger_template: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NewWorld]:
    """Deploy another world; it is the active one from then on."""
    worlds: list[World] = []

    def create(*, short_cut: bool = False) -> World:
        if worlds:
            worlds[-1].close()
        database = LedgerDatabase.create(postgres_server, ledger_template)
        worlds.append(World.create(database, monkeypatch, short_cut=short_cut))
        return worlds[-1]

    with moto_account():
        try:
            yield create
        finally:
            for world in worlds[-1:]:
                world.close()
            for world in worlds:
                world.database.drop()


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """One world."""
    return new_world()
