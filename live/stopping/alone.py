"""Notice a second executor on the same account from another host, where no lock file reaches.

Both name an order of the same decision alike, so the venue takes it once. What gives the other away is an order or a
fill with a name of our making that our journal never wrote down. Source: own choice; a venue offers no lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from autarch.canonical import EpochMs
from live.orders import OUR_PREFIX
from live.ports.venue import Execution, OrderState

SHOWN_MAX = 3


def other_executor(
    orders: Iterable[OrderState],
    executions: Iterable[Execution],
    *,
    is_known: Callable[[str], bool],
    since_ms: EpochMs,
) -> str | None:
    """Return the sentence that names another executor's work on this account, or None.

    Args:
        orders: Open orders.
        executions: Recent ones; those before `since_ms` may be of an executor that was moved away from here.
        is_known: Whether our journal wrote an order of this link id down.
        since_ms: Where this executor's own time at the account begins.
    """
    links = [order.order_link_id for order in orders]
    links += [fill.order_link_id for fill in executions if fill.time_ms >= since_ms]
    strange = sorted({link for link in links if link.startswith(OUR_PREFIX) and not is_known(link)})
    if not strange:
        return None
    shown = ", ".join(strange[:SHOWN_MAX]) + (", ..." if len(strange) > SHOWN_MAX else "")
    return (
        f"another executor trades this account: order {shown} has a name of our making and is not in our journal. "
        "One executor an account: stop the other one, wait 15 minutes, and start again; or bring its journal here"
    )
