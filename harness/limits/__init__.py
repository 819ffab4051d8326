"""What may be sent, and when: slots, requests and tokens a minute, pauses, and what a provider's headers leave.

- `pool`: the rate pool, which puts the others together
- `breaks`: pauses, and how many slots are dared after them
- `caps`: all that bounds a minute, our own caps and the provider's
- `pace`: requests a minute
- `tokens_a_minute`: tokens a minute, in and out
- `estimates`: what a request will probably take, learned from those before it
- `heard`: what the provider's own counts leave

Knows no provider and no item. Every time is the event loop's, in seconds, so that a virtual loop tests it.
"""

from harness.limits.caps import NOTHING, Need, PastSend, Ticket
from harness.limits.pool import PoolState, RatePool

__all__ = ["NOTHING", "Need", "PastSend", "PoolState", "RatePool", "Ticket"]
