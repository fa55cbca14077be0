#!/usr/bin/env python3
"""Python's ssl as server, in modes: tls_peer.py MODE ARG...

  server-threads CERT KEY      target.py's http mode over TLS, a thread for each connection
  server-timed CERT KEY MODE   target.py's sleep, late or drip over TLS
  server-prefork CERT KEY      three children accept; each line lets another one be forked
  server-fork CERT KEY         shakes hands, then forks a child for each connection
  server-asyncio CERT KEY      all connections on one event loop, that is, with memory BIOs
  server-together CERT KEY N   the same, but answers when N requests are there, all at once
  server-proxy CERT KEY CA PORT   forwards over one connection for each of its own, on one loop
  server-crossed CERT KEY      memory BIOs by hand: receives of many sockets first, and only then
                               decrypts, in another order; so do its answers
  server-lagging CERT KEY      the same, each step for what was received in an earlier turn
  server-handed CERT KEY       one thread receives; four others decrypt and send, for any connection

It tells its port, then which port sent which request.
"""
import asyncio
import contextlib
import os
import queue
import random
import selectors
import signal
import socket
import sys
import threading

import target as cleartext
from target import Handler, Server, tell
from tls_client import client_context, parse

LOOPBACK = '127.0.0.1'


def server_context(cert, key):
    import ssl
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert, key)
    ctx.set_alpn_protocols(['http/1.1'])
    return ctx


def answer(target, got):
    """The response to a request for /size/N, /status/N, or to one with content."""
    _, verb, arg = target.split('?')[0].split('/')
    status, body = 200, b'%d\n' % got
    if verb == 'size':
        body = b'p' * int(arg)
    elif verb == 'status':
        status, body = int(arg), b''
    return b'HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s' % (status, len(body), body)


class TlsServer(Server):
    """Shakes hands in the connection's thread."""
    tls = None

    def finish_request(self, request, client_address):
        import ssl
        try:
            with self.tls.wrap_socket(request, server_side=True) as s:
                self.RequestHandlerClass(s, client_address, self)
        except (ssl.SSLError, OSError):
            pass


class TlsHandler(Handler):
    def log_request(self, code='-', size='-'):
        tell(method=self.command, target=self.path, status=int(code), port=self.client_address[1])


def serve_on(listener, cert, key):
    """Serves with a thread for each connection that listener accepts."""
    server = TlsServer(listener.getsockname(), TlsHandler, bind_and_activate=False)
    server.socket.close()
    server.socket, server.tls = listener, server_context(cert, key)
    server.serve_forever()


def listen():
    listener = socket.create_server((LOOPBACK, 0), backlog=512)
    tell(port=listener.getsockname()[1])
    return listener


def server_threads(cert, key):
    serve_on(listen(), cert, key)


def server_timed(cert, key, mode):
    ctx = server_context(cert, key)

    def each(listener, fn):
        def one(s):
            with contextlib.suppress(OSError):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                fn(ctx.wrap_socket(s, server_side=True))
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()
    cleartext.each_in_thread, cleartext.listen = each, lambda *_: listen()
    getattr(cleartext, 'mode_' + mode)(LOOPBACK, 0)


def server_fork(cert, key):
    listener, ctx = listen(), server_context(cert, key)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        plain, peer = listener.accept()
        try:
            s = ctx.wrap_socket(plain, server_side=True)
        except OSError:
            continue
        if not os.fork():
            server = TlsServer((LOOPBACK, 0), TlsHandler, bind_and_activate=False)
            TlsHandler(s, peer, server)
            os._exit(0)
        s.close()


def server_prefork(cert, key):
    listener = listen()

    def child():
        pid = os.fork()
        if not pid:
            serve_on(listener, cert, key)
        tell(child=pid)
    for _ in range(3):
        child()
    while sys.stdin.readline():
        child()


async def _serve(reader, writer, reply):
    port = writer.get_extra_info('peername')[1]
    try:
        while True:
            target, length = parse(await reader.readuntil(b'\r\n\r\n'))
            await reader.readexactly(length)
            tell(target=target, port=port)
            await reply(writer, answer(target, length))
    except (asyncio.IncompleteReadError, OSError):
        pass
    writer.close()


async def _asyncio(cert, key, reply):
    server = await asyncio.start_server(lambda r, w: _serve(r, w, reply), LOOPBACK, 0, backlog=512,
                                        ssl=server_context(cert, key))
    tell(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


def server_asyncio(cert, key):
    rng = random.Random(3)

    async def reply(writer, data):
        if rng.random() < 0.5:
            await asyncio.sleep(rng.random() * 0.003)
        writer.write(data)
        await writer.drain()
    asyncio.run(_asyncio(cert, key, reply))


async def _forward(reader, writer, ctx, port):
    mine, up = writer.get_extra_info('peername')[1], None
    try:
        up_reader, up = await asyncio.open_connection(LOOPBACK, port, ssl=ctx,
                                                      server_hostname='localhost')
        while True:
            head = await reader.readuntil(b'\r\n\r\n')
            target, length = parse(head)
            up.write(head + await reader.readexactly(length))
            head = await up_reader.readuntil(b'\r\n\r\n')
            tell(target=target, port=mine, up=up.get_extra_info('sockname')[1])
            writer.write(head + await up_reader.readexactly(parse(head)[1]))
    except (asyncio.IncompleteReadError, OSError):
        pass
    for w in filter(None, (up, writer)):
        w.close()


def server_proxy(cert, key, ca, port):
    async def run():
        ctx = client_context(ca)
        server = await asyncio.start_server(lambda r, w: _forward(r, w, ctx, int(port)), LOOPBACK,
                                            0, backlog=512,
                                            ssl=server_context(cert, key))
        tell(port=server.sockets[0].getsockname()[1])
        await server.serve_forever()
    asyncio.run(run())


def server_together(cert, key, n):
    waiting = []

    async def reply(writer, data):
        waiting.append((writer, data))
        if len(waiting) == int(n):
            random.Random(n).shuffle(waiting)
            for w, d in waiting:
                w.write(d)
            waiting.clear()
    asyncio.run(_asyncio(cert, key, reply))


class Crossed:
    """One connection of server-crossed."""

    def __init__(self, s, ctx):
        import ssl
        self.s, self.port = s, s.getpeername()[1]
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ctx.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.shaken, self.buf, self.done = False, b'', False
        self.inbox, self.lock = [], threading.Lock()

    def receive(self):
        try:
            data = self.s.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        self.done = not data
        if data:
            self.incoming.write(data)

    def work(self):
        """Decrypts what is there, and encrypts the answers to it; no system call."""
        import ssl
        try:
            if not self.shaken:
                self.tls.do_handshake()
                self.shaken = True
            while data := self.tls.read(65536):
                self.buf += data
                self._requests()
            self.done = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.done = True

    def _requests(self):
        while b'\r\n\r\n' in self.buf:
            head, _, rest = self.buf.partition(b'\r\n\r\n')
            target, length = parse(head)
            if len(rest) < length:
                return
            self.buf = rest[length:]
            tell(target=target, port=self.port)
            self.tls.write(answer(target, length))

    def send(self):
        data = self.outgoing.read()
        while data:
            try:
                data = data[self.s.send(data):]
            except BlockingIOError:
                continue
            except OSError:
                break


class Crossing:
    """The connections of one loop that does them by hand."""

    def __init__(self, cert, key):
        self.ctx, self.listener = server_context(cert, key), listen()
        self.selector, self.conns = selectors.DefaultSelector(), {}
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def ready(self, timeout=None):
        """Those that have something to receive."""
        found = [k.fileobj for k, _ in self.selector.select(timeout)]
        if self.listener in found:
            found.remove(self.listener)
            s, _ = self.listener.accept()
            s.setblocking(False)
            self.conns[s] = Crossed(s, self.ctx)
            self.selector.register(s, selectors.EVENT_READ)
        return [self.conns[s] for s in found]

    def close(self, c):
        if c.s in self.conns:
            self.selector.unregister(c.s)
            self.conns.pop(c.s).s.close()


def server_crossed(cert, key):
    loop, rng = Crossing(cert, key), random.Random(1)
    while True:
        batch = loop.ready()
        for step in (Crossed.receive, Crossed.work, Crossed.send):
            rng.shuffle(batch)
            for c in batch:
                step(c)
        for c in batch:
            if c.done:
                loop.close(c)


def server_lagging(cert, key):
    """Receives from one connection, decrypts for the one before it, sends for the one before
    that."""
    loop, received, decrypted, turn = Crossing(cert, key), None, None, 0
    while True:
        ready = loop.ready(0.001)
        turn += 1
        now = ready[turn % len(ready)] if ready else None
        if now:
            now.receive()
        if received:
            received.work()
        if decrypted:
            decrypted.send()
            if decrypted.done:
                loop.close(decrypted)
        received, decrypted = now, received


def server_handed(cert, key):
    loop, jobs = Crossing(cert, key), queue.Queue()

    def decrypt(c):
        with c.lock:
            while c.inbox:
                c.incoming.write(c.inbox.pop(0))
            c.work()
        jobs.put((send, c))

    def send(c):
        with c.lock, contextlib.suppress(OSError):
            c.send()
            if c.done:
                c.s.shutdown(socket.SHUT_RDWR)  # the receiver will see it

    def worker():
        while True:
            step, c = jobs.get()
            step(c)
    for _ in range(4):
        threading.Thread(target=worker, daemon=True).start()
    while True:
        for c in loop.ready():
            try:
                data = c.s.recv(65536, socket.MSG_DONTWAIT)
                if not data:
                    raise ConnectionError
                c.inbox.append(data)
                jobs.put((decrypt, c))
            except BlockingIOError:
                pass
            except OSError:
                loop.close(c)


if __name__ == '__main__':
    globals()[sys.argv[1].replace('-', '_')](*sys.argv[2:])
