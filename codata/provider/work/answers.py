"""What is told of a task."""

from __future__ import annotations

import base64
from typing import Any

from cid_store.cid import CID
from codata.ledger import Sealed
from codata.provider.work.settings import Price
from codata.records.receipt import Receipt


def of_result(cid: CID, receipt: Receipt, sealed: Sealed, price: Price) -> dict[str, Any]:
    """The part of a done task: its receipt, where that is sealed, and what it cost."""
    cost = receipt.cost
    return {
        "receipt": cid,
        "seal": sealed.seal,
        "index": sealed.index,
        "proof": [base64.b64encode(step).decode() for step in sealed.proof],
        "cost": {
            "cpu_us": cost.cpu_us,
            "wall_us": cost.wall_us,
            "bytes_in": cost.bytes_in,
            "bytes_out": cost.bytes_out,
            "price": format(price.of(cost.cpu_us, cost.bytes_in + cost.bytes_out).normalize(), "f"),
        },
    }


def of_task(task: CID, state: str, more: Any = None) -> dict[str, Any]:
    """The whole object."""
    return {"task": task, "state": state, **(more or {})}
