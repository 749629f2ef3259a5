"""A relay that makes the line long: every byte arrives `delay` seconds later in either direction, however much is under
way. Counts round trips: times that the client spoke again after it had heard something.
"""
import asyncio
import threading


class Latency:
    """with Latency(port, delay) as line: connect to line.port instead."""

    def __init__(self, target, delay):
        self.target, self.delay = target, delay
        self.round_trips = 0

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.server = asyncio.run_coroutine_threadsafe(start, self.loop).result()
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def _serve(self, reader, writer):
        heard = [True]
        await asyncio.sleep(self.delay)  # the connection itself takes a round trip
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self._relay(reader, there_writer, heard, True),
                             self._relay(there_reader, writer, heard, False), return_exceptions=True)

    async def _relay(self, reader, writer, heard, from_client):
        queue = asyncio.Queue()
        sender = asyncio.ensure_future(self._deliver(queue, writer))
        try:
            while data := await reader.read(1 << 18):
                if from_client and heard[0]:
                    self.round_trips += 1
                heard[0] = not from_client
                queue.put_nowait((self.loop.time() + self.delay, data))
        except OSError:
            pass
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
