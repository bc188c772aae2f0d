"""How a peer's link ends for whoever reads it."""

from typing import Any

import pytest
import trio
import trio.testing
from transport_bench import everything, opened

from trunkline.errors import TransportError


async def ends_with(script: Any, **options: Any) -> TransportError:
    """Return the error of a connection that cannot be opened, or that ends."""
    start = trio.current_time()
    with pytest.raises(TransportError) as caught:  # noqa: PT012 - opening or receiving may raise
        async with opened(script, **options) as transport:
            await everything(transport)
            await transport.receive()
    assert str(caught.value)
    assert trio.current_time() - start < 60
    return caught.value
