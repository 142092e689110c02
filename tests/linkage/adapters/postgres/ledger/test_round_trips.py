"""How often a batch waits for the server, counted on the wire: it must not depend on what is in it."""

from __future__ import annotations

import pytest

from bench._trips import round_trips_of
from tests.support.events import fill, native_id, order, our_key, signal
from tests.support.ledger import ToldLedger, batch_of


@pytest.mark.parametrize("number", [1, 500])
def test_recording_and_linking_a_batch_cost_one_round_trip_each(told: ToldLedger, number: int) -> None:
    told.tell(signal(our_key(number))[1])  # connected
    connection = told.ledger.connection.run(lambda connection: connection)
    told.tell(*(signal(our_key(key))[1] for key in range(number)))
    facts = batch_of(
        *(fill(native_id(key), client_order_id=our_key(key)) for key in range(number)),
        *(order(native_id(key), "filled", client_order_id=our_key(key)) for key in range(number)),
    )
    touched = told.ledger.record(batch_of(fill(native_id(number)))).touched
    for _ in ("first delivery", "replay"):

        def record() -> None:
            nonlocal touched
            touched = told.ledger.record(facts).touched

        assert round_trips_of(connection, record) == 1
        assert round_trips_of(connection, lambda: told.ledger.resolve(touched)) == 1
    assert len(touched.order_ids) == number
