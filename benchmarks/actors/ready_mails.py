"""Ready mails: the limit of a mail worker.

Finished bytes go over as many connections of aiosmtplib as the worker has, by
`sendmail`, the library's own way of sending ready bytes. The worker has its
connections from the same library and writes onto their protocol itself. Nothing
is looked up, written or recorded here. Answers how many mails a second went out.

    python -m benchmarks.actors.ready_mails PORT CONNECTIONS MAILS FILE
"""

from __future__ import annotations

import asyncio
import itertools
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from aiosmtplib import SMTP
from samband_local.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SENDER = "samband@icld.example"


async def _send(
    port: int, connections: int, mails: int, ready: Sequence[tuple[str, bytes]]
) -> float:
    lines = [SMTP(hostname=LOOPBACK, port=port) for _ in range(connections)]
    for line in lines:
        await line.connect()
    waiting = itertools.islice(itertools.cycle(ready), mails)
    began = time.perf_counter()
    await asyncio.gather(*(_empty(line, waiting) for line in lines))
    took = time.perf_counter() - began
    for line in lines:
        await line.quit()
    return mails / took


async def _empty(line: SMTP, waiting: Iterator[tuple[str, bytes]]) -> None:
    for address, message in waiting:
        await line.sendmail(_SENDER, [address], message)


if __name__ == "__main__":
    port, connections, mails = map(int, sys.argv[1:4])
    ready = pickle.loads(Path(sys.argv[4]).read_bytes())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(_send(port, connections, mails, ready)))
