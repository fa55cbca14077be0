#!/usr/bin/env python3
"""Python's ssl as client, in modes: tls_client.py MODE ARG...

  client-threads CA PORT CONNECTIONS REQUESTS   a thread for each connection
  client-duplex CA PORT CONNECTIONS REQUESTS    one thread writes, another one reads
  client-exec CA PORT CONNECTIONS REQUESTS      executes itself as client-threads at a line
  client-asyncio CA PORT CONNECTIONS REQUESTS   all on one event loop, that is, with memory BIOs
  client-alike CA PORT CONNECTIONS REQUESTS     the same with requests and responses of one size
  client-churn CA PORT CONNECTIONS REQUESTS     the same, each connection when another one has ended

It waits for a line, then tells what it knows of each request. A request's query names it and has
its client's port.
"""
import asyncio
import os
import queue
import random
import socket
import sys
import threading

from target import tell

LOOPBACK = '127.0.0.1'


def client_context(ca):
    import ssl
    ctx = ssl.create_default_context(cafile=ca)
    ctx.set_alpn_protocols(['http/1.1'])
    return ctx


def parse(head):
    """(target, Content-Length) of a request's head, or (status, Content-Length) of a response's."""
    rows = head.split(b'\r\n')
    length = [int(r.split(b':')[1]) for r in rows if r.lower().startswith(b'content-length:')]
    return rows[0].split()[1].decode(), (length or [0])[0]


def plan(rng):
    """method, path, octets of content to send, status."""
    kind = rng.random()
    if kind < 0.2:
        return 'POST', '/echo/0', rng.choice([1, 300, 20000]), 200
    if kind < 0.3:
        return 'GET', '/status/404', 0, 404
    return 'GET', f'/size/{rng.choice([0, 1, 77, 1500, 17000, 50000])}', 0, 200


def request(method, path, name, port, n):
    return (f'{method} {path}?id={name}&port={port} HTTP/1.1\r\nHost: localhost\r\n'
            f'Content-Length: {n}\r\n\r\n').encode() + b'b' * n


def told(method, path, name, port, n, status, received):
    tell(id=name, method=method, path=path, port=port, sent=n, status=int(status),
         received=received)


def client_threads(ca, port, connections, requests, wait=True):
    """One connection for each thread, that is closed before the last one's end."""
    ctx = client_context(ca)
    if wait:
        sys.stdin.readline()

    def run(i):
        rng = random.Random(i)
        with socket.create_connection((LOOPBACK, int(port))) as plain, \
                ctx.wrap_socket(plain, server_hostname='localhost') as s, s.makefile('rb') as f:
            local = s.getsockname()[1]
            for k in range(int(requests)):
                method, path, n, status = plan(rng)
                name = f't{local}-{k}'
                s.sendall(request(method, path, name, local, n))
                head = b''
                while not head.endswith(b'\r\n\r\n'):
                    line = f.readline()
                    if not line:
                        raise ConnectionError(f'closed within a head: {head}')
                    head += line
                status, length = parse(head)
                f.read(length)
                told(method, path, name, local, n, status, length)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(int(connections))]
    for th in threads:
        th.start()
    for th in threads:
        th.join()


def client_duplex(ca, port, connections, requests):
    """All requests are written before their answers are waited for, a few at a time."""
    ctx = client_context(ca)
    sys.stdin.readline()

    def write(s, asked, room):
        rng, local = random.Random(1), s.getsockname()[1]
        for k in range(int(requests)):
            room.acquire()
            method, path, n, status = plan(rng)
            asked.put((method, path, f'd{local}-{k}', local, n))
            s.sendall(request(method, path, f'd{local}-{k}', local, n))

    def run():
        asked, room = queue.Queue(), threading.Semaphore(1)
        with socket.create_connection((LOOPBACK, int(port))) as plain, \
                ctx.wrap_socket(plain, server_hostname='localhost') as s, s.makefile('rb') as f:
            writer = threading.Thread(target=write, args=(s, asked, room))
            writer.start()
            for _ in range(int(requests)):
                head = b''
                while not head.endswith(b'\r\n\r\n'):
                    head += f.readline()
                status, length = parse(head)
                f.read(length)
                told(*asked.get(), status, length)
                room.release()
            writer.join()
    threads = [threading.Thread(target=run) for _ in range(int(connections))]
    for th in threads:
        th.start()
    for th in threads:
        th.join()


def client_exec(*args):
    sys.stdin.readline()
    os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), 'client-now', *args])


def client_now(*args):
    client_threads(*args, wait=False)


async def _connection(ctx, port, i, requests, draw=plan, opened=None):
    """One connection's requests; opened: what to wait for when it is there."""
    rng = random.Random(i)
    reader, writer = await asyncio.open_connection(LOOPBACK, int(port), ssl=ctx,
                                                   server_hostname='localhost')
    local = writer.get_extra_info('sockname')[1]
    if opened:
        await opened()
    for k in range(int(requests)):
        method, path, n, _ = draw(rng)
        name = f'a{local}-{k:03}-{i:04}'
        writer.write(request(method, path, name, local, n))
        status, length = parse(await reader.readuntil(b'\r\n\r\n'))
        await reader.readexactly(length)
        told(method, path, name, local, n, status, length)
    writer.close()
    await writer.wait_closed()


def client_asyncio(ca, port, connections, requests, draw=plan):
    ctx, shaken = client_context(ca), [0]

    async def everyone():
        all_there = asyncio.Event()

        async def opened():  # so that their requests come in bursts
            shaken[0] += 1
            if shaken[0] == int(connections):
                all_there.set()
            await all_there.wait()
        await asyncio.gather(*[_connection(ctx, port, i, requests, draw, opened)
                               for i in range(int(connections))])
    sys.stdin.readline()
    asyncio.run(everyone())


def client_alike(*args):
    client_asyncio(*args, draw=lambda _: ('GET', '/size/100', 0, 200))


def client_churn(ca, port, connections, requests):
    ctx, numbers = client_context(ca), iter(range(int(connections)))

    async def lane():
        for i in numbers:
            await _connection(ctx, port, i, requests)

    async def everyone():
        await asyncio.gather(*[lane() for _ in range(16)])
    sys.stdin.readline()
    asyncio.run(everyone())


if __name__ == '__main__':
    globals()[sys.argv[1].replace('-', '_')](*sys.argv[2:])
