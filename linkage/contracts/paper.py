"""What the paper broker keeps: the bodies of ``paper`` items."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from pydantic import ConfigDict, TypeAdapter

from linkage.contracts.types import Key, Name, Number, Side, UtcTime, Wire
from linkage.domain.paper import QUANTUM, Book, PaperOrder, order_id_of

BOOK: TypeAdapter[Book] = TypeAdapter(Book)
BOOK_PREFIX = "BOOK#"
ORDER_PREFIX = "ORDER#"


class PaperRequest(Wire):
    """What a signal asks the venue for; read from a stored signal's fact."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    client_order_id: Key
    symbol: Name
    side: Side
    price: Number | None = None
    quantity: Number | None = None
    notional: Number | None = None
    order_type: Name | None = None
    take_profit: Number | None = None
    stop_loss: Number | None = None
    signalled_at: UtcTime
    parent_client_order_id: Key | None = None

    def order(self, account: str) -> PaperOrder:
        """Return the order. Without a quantity it is what the notional buys at the signal's price.

        Its size is rounded down to what the venue can count.
        """
        size = self.quantity
        if size is None and self.notional is not None and self.price:
            size = self.notional / self.price
        return PaperOrder(
            order_id=order_id_of(account, self.client_order_id),
            client_order_id=self.client_order_id,
            symbol=self.symbol,
            side=self.side,
            size=(size or Decimal(0)).quantize(QUANTUM, ROUND_DOWN),
            placed_at=self.signalled_at,
            limit=self.price if self.order_type == "limit" else None,
            reference=self.price,
            take_profit=self.take_profit if self.side == "buy" else None,
            stop_loss=self.stop_loss if self.side == "buy" else None,
        )
