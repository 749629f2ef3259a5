"""A relay between godwit and a server that can hold back, cut and count connections."""
import select
import socket
import threading
import time


class Proxy:
    """with Proxy(port) as proxy: connect to proxy.port instead.

    hold:       accept, but pass nothing on
    cut_after:  end a connection after so many bytes from the server; None: never
    cut_sent:   ... after so many bytes to the server
    cuts:       how many connections are cut; None: all
    received, sent: bytes from and to the server so far
    slow:       seconds that each piece from the server is kept back
    rate:       bytes from the server that a connection passes in a second; None: all
    refuse:     end every connection at once
    opened, most: connections so far, and how many were open at once
    """

    def __init__(self, target):
        self.target = target
        self.hold, self.cut_after, self.cut_sent, self.refuse = False, None, None, False
        self.cuts, self.received, self.sent, self.slow, self.rate = None, 0, 0, 0, None
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

    def _limits(self):
        """How many bytes this connection may receive and send."""
        with self.lock:
            if self.cuts == 0:
                return None, None
            if self.cuts is not None:
                self.cuts -= 1
            return self.cut_after, self.cut_sent

    def _relay(self, client, server):
        receive, send = self._limits()
        while not self.stopping and not self.refuse:
            for source in select.select([client, server], [], [], 0.1)[0]:
                data = source.recv(65536)
                if not data:
                    return
                if source is client:
                    data, send = limit(data, send)
                    self.sent += len(data)
                    server.sendall(data)
                else:
                    data, receive = limit(data, receive)
                    self.received += len(data)
                    time.sleep(self.slow + (len(data) / self.rate if self.rate else 0))
                    client.sendall(data)
                if receive == 0 or send == 0:
                    return


def limit(data, left):
    """What of DATA may pass, and how much may after that."""
    if left is None:
        return data, None
    return data[:left], left - len(data[:left])
