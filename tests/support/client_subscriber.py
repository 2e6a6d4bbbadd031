"""The consumer program built on `gateway_client`; orders and records as of the bare one."""

import select
import time
from typing import Any, Final

from gateway_client import (
    Alert,
    ClientNotice,
    Disconnected,
    Gap,
    GatewayClient,
    Goodbye,
    Overrun,
    Reconnected,
    State,
)

from tests.support import records
from tests.support.bare_subscriber import SUSPENDED_S, arguments
from tests.support.orders import Orders
from tests.support.records import Recorder

FLUSH_S: Final = 0.02
CONNECT_S_MAX: Final = 20.0


def take(item: Any, recorder: Recorder) -> None:
    """Write one item of the client's stream down."""
    if isinstance(item, State):
        recorder.write(records.STATED, item.symbol, item.state, item.cause)
    match item:
        case Gap(healed=False):
            recorder.write(
                records.HOLE, item.topic, item.epoch, item.first_missing, item.last_missing
            )
        case Disconnected():
            recorder.write(records.SILENT, item.silent_s)
        case Reconnected():
            recorder.write(records.BACK)
        case Overrun():
            recorder.write(records.NOTICE, "overrun", {"dropped": item.dropped})
        case Alert() | ClientNotice() | Goodbye():
            recorder.write(records.NOTICE, f"sys,{item.symbol},", item.details)
        case _ if getattr(item, "kind", "sys") != "sys" and item.sequence:
            recorder.write(
                records.MESSAGE,
                f"{item.kind},{item.symbol},",
                item.epoch,
                item.sequence,
                int(item.flags),
                item.recv_us,
                None,
            )


def serve(client: GatewayClient, recorder: Recorder) -> None:
    """Read items and orders until the orders end."""
    orders = Orders(recorder)
    looked_s = time.monotonic()
    while True:
        now_s = time.monotonic()
        if now_s - looked_s > SUSPENDED_S:
            recorder.write(records.AWAY, now_s - looked_s)
        looked_s = now_s
        wait_s = 0 if orders.is_reading else FLUSH_S
        if select.select([orders.descriptor], [], [], wait_s)[0] and not orders.read():
            return
        until_s = time.monotonic() + FLUSH_S
        while orders.is_reading and (left_s := until_s - time.monotonic()) > 0:
            item = client.next_message(timeout_s=left_s)
            if item is None:
                break
            take(item, recorder)
            if orders.slow_s:
                time.sleep(orders.slow_s)
        recorder.flush()


def main() -> None:
    """Run from the command line."""
    given = arguments()
    recorder = Recorder(given.record)
    with GatewayClient(
        data_endpoint=given.data,
        control_endpoint=given.control,
        client_name=given.name,
        connect_timeout_s=CONNECT_S_MAX,
        heartbeat_silence_s=given.silence_s_max,
    ) as client:
        client.subscribe_topics(given.topics)
        recorder.write(records.READY)
        serve(client, recorder)


if __name__ == "__main__":
    main()
