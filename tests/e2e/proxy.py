"""A relay between godwit and a server that can hold back, cut and count connections."""
import select
import socket
import threading
import time


class Proxy:
    """with Proxy(port) as proxy: connect to proxy.port instead.

    hold:       accept, but pass nothing on
    cut_after:  end a connection after so many bytes from the server; None: never
    refuse:     end every connection at once
    opened, most: connections so far, and how many were open at once
    """

    def __init__(self, target):
        self.target = target
        self.hold, self.cut_after, self.refuse = False, None, False
        self.opened = self.most = self.open = 0
        self.stopping = False
        self.lock = threading.Lock()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        self.listener.close()

    def _accept(self):
        while not self.stopping:
            if select.select([self.listener], [], [], 0.05)[0]:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with self.lock:
            self.opened += 1
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            with client:
                while self.hold and not self.stopping:
                    time.sleep(0.01)
                if not self.refuse and not self.stopping:
                    with socket.create_connection(("127.0.0.1", self.target)) as server:
                        self._relay(client, server)
        except OSError:
            pass
        finally:
            with self.lock:
                self.open -= 1

    def _relay(self, client, server):
        left = self.cut_after
        while not self.stopping and not self.refuse:
            for source in select.select([client, server], [], [], 0.1)[0]:
                data = source.recv(65536)
                if not data:
                    return
                if source is client:
                    server.sendall(data)
                    continue
                if left is not None:
                    data, left = data[:left], left - len(data)
                client.sendall(data)
                if left is not None and left <= 0:
                    return
