"""Messages a second: against the peers, against the number of subscriptions, against size."""

import tempfile
from pathlib import Path

import trustme
from tests.benchmarks.figures import Case, Figures
from tests.benchmarks.messages import SIZE
from tests.benchmarks.processes import sending

COUNT = 60_000
ROUNDS = 5
PEERS = ("by_hand", "aiohttp_client", "websockets_asyncio", "trio_websocket_client")
SLOW = {"trio_websocket_client": 20_000}  # messages, for who needs longer
SUBSCRIPTIONS = {10: 60_000, 100: 60_000, 1_000: 60_000, 10_000: 60_000, 100_000: 60_000}
NODE_SUBSCRIPTIONS = {10: 60_000, 100: 60_000, 1_000: 12_000, 10_000: 3_000, 100_000: 300}
SIZES = {100: 60_000, SIZE: 60_000, 1 << 10: 40_000, 10 << 10: 8_000, 100 << 10: 800, 1 << 20: 80}
SWEEP_ROUNDS = 3


def against_peers(figures: Figures) -> None:
    """The whole job of ours and of Node; receiving and decoding of the others."""
    with sending(count=COUNT) as port:
        cases = [Case(name, name, {"port": port, "count": SLOW.get(name, COUNT)}) for name in PEERS]
        cases += [
            Case("trunkline 12", "throughput", {"port": port, "count": COUNT, "subscriptions": 12}),
            Case("node 12", "node", {"port": port, "count": COUNT, "subscriptions": 12}),
        ]
        figures.measure(cases, ROUNDS)
        slow = {"port": port, "count": 20_000, "subscriptions": 12, "fast_lane": False}
        figures.measure([Case("trunkline 12 lane off", "throughput", slow)], SWEEP_ROUNDS)


def against_subscriptions(figures: Figures) -> None:
    """One of everything, the others by key; eleven keys are met, however many wait."""
    with sending(count=COUNT) as port:
        cases = [
            Case(
                f"trunkline subscriptions {number}",
                "throughput",
                {"port": port, "count": count, "subscriptions": number},
            )
            for number, count in SUBSCRIPTIONS.items()
        ]
        cases += [
            Case(
                f"node subscriptions {number}",
                "node",
                {"port": port, "count": count, "subscriptions": number},
            )
            for number, count in NODE_SUBSCRIPTIONS.items()
        ]
        figures.measure(cases, SWEEP_ROUNDS)


def against_size(figures: Figures) -> None:
    """From 100 bytes to a mebibyte; those above 64 KiB do not take the lane."""
    for size, count in SIZES.items():
        with sending(count=count, size=size) as port:
            options: dict[str, object] = {"port": port, "count": count}
            few = {"port": port, "count": min(count, 10_000)}
            cases = [
                Case(f"trunkline size {size}", "throughput", {**options, "size": size}),
                Case(f"aiohttp_client size {size}", "aiohttp_client", options),
                Case(f"trio_websocket_client size {size}", "trio_websocket_client", few),
            ]
            figures.measure(cases, SWEEP_ROUNDS)


def with_tls(figures: Figures) -> None:
    """The same over TLS, with a certificate that is checked."""
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder:
        certificate, ca_file = Path(folder, "server.pem"), Path(folder, "ca.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        authority.cert_pem.write_to_path(ca_file)
        with sending(count=COUNT, certificate=str(certificate)) as port:
            options = {"port": port, "count": COUNT, "ca_file": str(ca_file)}
            figures.measure([Case("trunkline 12 TLS", "throughput", options)], SWEEP_ROUNDS)
