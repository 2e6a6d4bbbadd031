"""What the gateway is compared with: programs that do less, or do it the obvious way.

Usage: baselines.py STYLE LEVEL1_PORT DATA_PORT

`forward`: reads the same lines and sends each as one frame, unparsed: the limit of one Python
thread. `json`: the obvious program: asyncio streams, a dict a line, json, send_multipart.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Callable

import zmq
import zmq.asyncio
from lines import SENTINEL, symbols

from gateway.iqfeed.fields import GATEWAY_FIELDS

WATCHES = "".join(f"w{symbol}\r\n" for symbol in [*symbols(), SENTINEL])
SELECT = "S,SELECT UPDATE FIELDS," + ",".join(GATEWAY_FIELDS)
HANDSHAKE = f"S,SET PROTOCOL,6.2\r\n{SELECT}\r\nT\r\n{WATCHES}".encode()
HIGH_WATER_MARK = 1_000_000


def forward(level1_port: int, data_port: int) -> None:
    """Send every line as it is, one frame each."""
    data = zmq.Context().socket(zmq.XPUB)
    data.setsockopt(zmq.SNDHWM, HIGH_WATER_MARK)
    data.bind(f"tcp://127.0.0.1:{data_port}")
    data.recv()  # Somebody is there.
    send: Callable[[bytes], object] = zmq.backend.Socket.send.__get__(data)
    feed = socket.create_connection(("127.0.0.1", level1_port))
    feed.sendall(HANDSHAKE)
    tail = b""
    while chunk := feed.recv(262_144):
        while int(data.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            data.recv()
        lines = (tail + chunk).split(b"\r\n")
        tail = lines.pop()
        for line in lines:
            send(line)


async def json_multipart(level1_port: int, data_port: int) -> None:
    """Read, make a dict, dump JSON, send two parts."""
    data = zmq.asyncio.Context().socket(zmq.PUB)
    data.setsockopt(zmq.SNDHWM, HIGH_WATER_MARK)
    data.bind(f"tcp://127.0.0.1:{data_port}")
    await asyncio.sleep(1)  # PUB cannot tell when somebody is there.
    reader, writer = await asyncio.open_connection("127.0.0.1", level1_port, limit=1 << 20)
    writer.write(HANDSHAKE)
    names = ["Symbol", *GATEWAY_FIELDS]
    while line := await reader.readline():
        fields = line.decode("latin-1").strip().split(",")
        if fields[0] not in ("P", "Q"):
            continue
        message = {name: number_of(text) for name, text in zip(names, fields[1:], strict=False)}
        topic = f"Q,{fields[1]},".encode()
        await data.send_multipart([topic, json.dumps(message).encode()])


def number_of(text: str) -> object:
    """A number where it is one."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text or None


if __name__ == "__main__":
    style, level1, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if style == "forward":
        forward(level1, port)
    else:
        asyncio.run(json_multipart(level1, port))
