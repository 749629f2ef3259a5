"""A relay that makes the line long: every byte arrives `delay` seconds later in either direction, however much is under
way; or narrow: a connection brings no more than `rate` bytes a second. Counts bytes from the server, and round trips:
times that the client spoke and was still there to hear what was said to it then. (Nobody waits for the answer to a
LOGOUT with which the client hangs up.)

    latency.py PORT         a tunnel from standard input and output to PORT
"""
import asyncio
import os
import select
import socket
import sys
import threading


class Latency:
    """with Latency(port, delay) as line: connect to line.port instead. RATE of each connection, None: no limit."""

    def __init__(self, target, delay, rate=None):
        self.target, self.delay, self.rate = target, delay, rate
        self.round_trips = self.received = 0

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.server = asyncio.run_coroutine_threadsafe(start, self.loop).result()
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _end(self):
        self.server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader, writer):
        asked = [False]  # the client spoke, and nothing was said to it since
        await asyncio.sleep(self.delay)  # the connection itself takes a round trip
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            await asyncio.gather(self._relay(reader, there_writer, asked, True),
                                 self._relay(there_reader, writer, asked, False), return_exceptions=True)
        except asyncio.CancelledError:
            pass  # the end: asyncio would print it

    async def _relay(self, reader, writer, asked, from_client):
        queue, free = asyncio.Queue(), 0  # when the line has room again
        sender = asyncio.ensure_future(self._deliver(queue, writer))
        try:
            while data := await reader.read(1 << (14 if self.rate else 18)):
                self.received += 0 if from_client else len(data)
                self.round_trips += asked[0] and not from_client
                asked[0] = from_client
                if self.rate and not from_client:
                    free = max(free, self.loop.time()) + len(data) / self.rate
                    await asyncio.sleep(free - self.loop.time())
                queue.put_nowait((self.loop.time() + self.delay, data))
        except OSError:
            pass
        asked[0] = False
        queue.put_nowait((self.loop.time() + self.delay, b""))
        await sender

    async def _deliver(self, queue, writer):
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - self.loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()


def tunnel(port):
    """Between standard input and output and PORT."""
    with socket.create_connection(("127.0.0.1", port)) as there:
        while True:
            for source in select.select([0, there], [], [])[0]:
                data = os.read(0, 65536) if source == 0 else there.recv(65536)
                if not data:
                    return
                if source == 0:
                    there.sendall(data)
                else:
                    os.write(1, data)


if __name__ == "__main__":
    tunnel(int(sys.argv[1]))
