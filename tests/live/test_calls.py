#!/usr/bin/env python3
"""A service that asks PostgreSQL, Redis, DNS and another service: each call under its request."""
import collections
import re
import subprocess
import sys

from h2tools import python_packages
from lib import Zctrace, free_port, main, need, test, wait_for, wait_port
from postgresql_server import PostgreSQL
from redis_server import Redis

STATEMENTS = 4  # of one shape, for each request
# a name server, and the other service
BACK = r'''
import http.server, socket, socketserver, struct, sys, threading
def dns():
    while True:
        q, who = s.recvfrom(512)
        end = q.index(0, 12) + 5
        s.sendto(q[:2] + struct.pack('>5H', 0x8180, 1, 1, 0, 0) + q[12:end] + b'\xc0\x0c' +
                 struct.pack('>HHIH', 1, 1, 60, 4) + bytes([10, 0, 0, 9]), who)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', int(sys.argv[2])))
threading.Thread(target=dns, daemon=True).start()
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = -1
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *a):
        pass
class S(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size = True, 128
S(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
'''
QUESTION = r'''
import struct
def question(i):
    return struct.pack('>6H', int(i), 256, 1, 0, 0, 0) + bytes([len(i) + 1]) + b'n' + \
        i.encode() + b'\1a\4test\0' + struct.pack('>HH', 1, 1)
PG, REDIS, HTTP, DNS, PORT = map(int, sys.argv[1:6])
'''
# each connection of a client has a thread, which has connections of its own
THREADS = r'''
import http.client, http.server, psycopg, redis, socket, socketserver, sys
''' + QUESTION + r'''
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = -1
    def setup(self):
        super().setup()
        self.pg = psycopg.connect(autocommit=True, prepare_threshold=None)
        self.redis = redis.Redis(port=REDIS)
        self.http = http.client.HTTPConnection('127.0.0.1', HTTP)
    def do_GET(self):
        i = self.path[1:]
        for k in range(int(sys.argv[6])):
            self.pg.execute(f'select {k} as n{i}')
        self.redis.get('hits:n' + i)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            s.connect(('127.0.0.1', DNS))
            s.send(question(i))
            s.recv(512)
        self.http.request('GET', '/n' + i)
        self.http.getresponse().read()
        self.send_response(204)
        self.end_headers()
    def log_message(self, *a):
        pass
class S(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size = True, 128
S(('127.0.0.1', PORT), H).serve_forever()
'''
# one thread for all of them, with a pool of connections
ASYNC = r'''
import asyncio, psycopg, redis.asyncio, sys
''' + QUESTION + r'''
class Asked(asyncio.DatagramProtocol):
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()
    def datagram_received(self, data, who):
        if not self.answer.done():
            self.answer.set_result(data)
async def ask(i):
    pg = await pool.get()
    for k in range(int(sys.argv[6])):
        await pg.execute(f'select {k} as n{i}')
    pool.put_nowait(pg)
    await cache.get('hits:n' + i)
    way, asked = await asyncio.get_running_loop().create_datagram_endpoint(
        Asked, remote_addr=('127.0.0.1', DNS))
    way.sendto(question(i))
    await asked.answer
    way.close()
    r, w = await asyncio.open_connection('127.0.0.1', HTTP)
    w.write(f'GET /n{i} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
    await r.readuntil(b'\r\n\r\n')
    w.close()
async def serve(r, w):
    while head := await r.readuntil(b'\r\n\r\n'):
        await ask(head.split()[1][1:].decode())
        w.write(b'HTTP/1.1 204 No Content\r\n\r\n')
async def main():
    global pool, cache
    pool, cache = asyncio.Queue(), redis.asyncio.Redis(port=REDIS)
    for _ in range(8):
        pool.put_nowait(await psycopg.AsyncConnection.connect(autocommit=True,
                                                              prepare_threshold=None))
    await (await asyncio.start_server(serve, '127.0.0.1', PORT)).serve_forever()
asyncio.run(main())
'''
# the same in Node, without PostgreSQL: all ask Redis on one connection, on which the next one is
# asked before it is read what has come
NODE = r'''
const http = require('http'), net = require('net'), dgram = require('dgram');
const [pg, redis, back, dns, port] = process.argv.slice(1).map(Number);
const cache = net.connect(redis, '127.0.0.1'), waits = [];
const agent = new http.Agent({keepAlive: true});
let held = 0;
cache.on('data', d => {
    for (held += d.length; held >= 5; held -= 5) // nil
        waits.shift()();
});
const get = key => new Promise(done => {
    waits.push(done);
    cache.write(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`);
});
function question(i) {
    const h = Buffer.alloc(12);
    [+i, 256, 1].forEach((v, k) => h.writeUInt16BE(v, 2 * k));
    return Buffer.concat([h, Buffer.from([i.length + 1]), Buffer.from(`n${i}\x01a\x04test\0`),
                          Buffer.from([0, 1, 0, 1])]);
}
const look = i => new Promise(done => {
    const s = dgram.createSocket('udp4');
    s.on('message', () => { s.close(); done(); });
    s.send(question(i), dns, '127.0.0.1');
});
const call = i => new Promise(done => http.get(
    {port: back, host: '127.0.0.1', path: `/n${i}`, agent},
    r => { r.resume(); r.on('end', done); }));
http.createServer(async (request, response) => {
    const i = request.url.slice(1);
    await get(`hits:n${i}`);
    await look(i);
    await call(i);
    response.writeHead(204).end();
}).listen(port, '127.0.0.1');
'''
LOAD = r'''
import concurrent.futures, http.client, sys
port, parallel, first, n = map(int, sys.argv[1:5])
def go(k):
    c = http.client.HTTPConnection('127.0.0.1', port)
    for i in range(first + k, first + n, parallel):
        c.request('GET', f'/{i}')
        r = c.getresponse()
        r.read()
        assert r.status == 204
with concurrent.futures.ThreadPoolExecutor(parallel) as e:
    list(e.map(go, range(parallel)))
'''


class Service:
    def __init__(self, t, program, interpreter=(sys.executable, '-c'), calls=STATEMENTS + 3):
        # psycopg comes with what it needs itself; redis is of one piece
        where = ':'.join([python_packages(t, 'psycopg[binary]==3.2.3', 'typing_extensions'),
                          python_packages(t, 'redis==5.2.1')])
        self.t, self.port, http, self.dns = t, free_port(), free_port(), free_port()
        self.calls = calls
        pg, redis = PostgreSQL(t), Redis(t)
        t.start([sys.executable, '-c', BACK, str(http), str(self.dns)], stderr=subprocess.DEVNULL)
        ports = [pg.port, redis.port, http, self.dns, self.port, STATEMENTS]
        self.p = t.start([*interpreter, program, *map(str, ports)],
                         env={**pg.env, 'PYTHONPATH': where}, stderr=subprocess.DEVNULL)
        wait_port(http)
        wait_port(self.port)

    def load(self, parallel, first, n):
        p = self.t.run([sys.executable, '-c', LOAD, *map(str, (self.port, parallel, first, n))])
        self.t.equal(p.returncode, 0, f'the clients: {p.stderr[-400:]}')

    def traced(self, parallel, first, n):
        z = Zctrace(self.t, '--pid', self.p.pid, '--port', self.dns)
        self.load(parallel, first, n)
        wait_for(lambda: len(calls(z.spans)) >= n * self.calls, 20, 0.1)
        z.stop()
        return z.spans


def number(s):
    """Of the request that a call is for, or that it is."""
    for key in ('route', 'path', 'dns_question'):
        m = re.search(r'(?:\bn|^/)(\d{4})\b', s.get(key) or '')
        if m:
            return m.group(1)
    return None


def calls(spans):
    return [s for s in spans if s['kind'] == 'client' and number(s)]


def compare(t, spans, first, n, least, statements=STATEMENTS):
    """least: the share that has a parent; a doubt may leave one out, never misplace it."""
    requests = {s['span_id']: number(s) for s in spans if s['kind'] == 'server' and
                s['protocol'].startswith('http')}
    t.equal(sorted(requests.values()), [str(first + i) for i in range(n)], 'requests')
    mine = calls(spans)
    want = {'postgresql': statements * n, 'redis': n, 'dns': n, 'http/1.1': n}
    got = collections.Counter(s['protocol'] for s in mine)
    t.equal({k: got[k] for k in want}, want, 'calls')
    t.equal([s for s in mine if 'read-not-seen' in s.get('incomplete', ())], [], 'read')
    linked = [s for s in mine if 'parent_span_id' in s]
    wrong = [s for s in linked if requests.get(s['parent_span_id']) != number(s)]
    t.equal(wrong, [], 'calls under another request')
    t.between(least * len(mine), len(linked), len(mine), 'calls under their requests')


@test
def threads(t):
    """a thread for each request, one and 32 at a time: each call under its own; folded"""
    service = Service(t, THREADS)
    for parallel, first in ((1, 1000), (32, 2000)):
        compare(t, service.traced(parallel, first, 64), first, 64, 0.9)
    w = Zctrace(t, '--pid', service.p.pid, '--port', service.dns, output='waterfall')
    service.load(1, 3000, 1)
    wait_for(lambda: '/n3000' in w.out())
    w.stop()
    t.check(re.search(rf'select \? as n3000.* ×{STATEMENTS}\b', w.out()), f'folded: {w.out()}')


@test
def one_thread(t):
    """an event loop: one request at a time is evidence, of 32 no call is put under another one"""
    service = Service(t, ASYNC)
    for parallel, first in ((1, 1000), (32, 2000)):
        compare(t, service.traced(parallel, first, 64), first, 64, 0.5 if parallel == 1 else 0)


@test
def node(t):
    """the same, one connection to Redis for all: what is asked next is written before what has come
    is read"""
    need('node')
    service = Service(t, NODE, ('node', '-e'), 3)
    for parallel, first, n in ((1, 1000, 64), (32, 2000, 640)):
        compare(t, service.traced(parallel, first, n), first, n, 0.5 if parallel == 1 else 0, 0)


sys.exit(main())
