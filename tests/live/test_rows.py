#!/usr/bin/env python3
"""The same command gives the same rows each time: of services with connections older than the
attach, and with new ones."""
import collections
import http.client
import subprocess
import sys
import threading
import time

import chain
from lib import Zctrace, free_port, main, need, test, wait_port

RUNS = 4

FRONT = r"""
const http = require('http');
const [port, back] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true, maxSockets: 4});
http.createServer((q, r) => {
  http.get({host: '127.0.0.1', port: back, path: '/inner' + q.url, agent},
    x => { x.resume(); x.on('end', () => r.end('ok')); });
}).listen(port, '127.0.0.1');
"""

# A client that keeps its connections, and asks over each when it is told to.
CLIENT = r"""
import http.client, sys
n, port = int(sys.argv[1]), int(sys.argv[2])
old = [http.client.HTTPConnection('127.0.0.1', port) for _ in range(n)]
for c in old[:n // 2]:  # the others are open without a request
    c.request('GET', '/old')
    c.getresponse().read()
for c in old[n // 2:]:
    c.connect()
print(flush=True)
for line in sys.stdin:
    for c in old:
        c.request('GET', '/old')
        c.getresponse().read()
    print(flush=True)
"""


def rows(spans):
    """How many whole spans of which kind, service and route there are."""
    return collections.Counter(
        (s['kind'], s.get('service'), s.get('peer_service'), s['protocol'], s.get('route'),
         s.get('status'))
        for s in spans if 'incomplete' not in s)


def ask(client):
    client.stdin.write(b'\n')
    client.stdin.flush()
    client.stdout.readline()


@test
def ports(t):
    """--port of one service, of two, and of the ends that call"""
    need('node')
    back, front = chain.backend(t), free_port()
    t.start(['node', t.file('front.js', FRONT), str(front), str(back)])
    wait_port(front)
    clients = [t.start([sys.executable, t.file('asker.py', CLIENT), '6', str(port)],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE) for port in (front, back)]
    for c in clients:
        c.stdout.readline()
    for args in (('--port', front), ('--port', f'{front},{back}'),
                 ('--port', back, '--role', 'client'), ('--port', front, '--role', 'both'),
                 ('--port', front, '--follow')):
        seen = []
        for _ in range(RUNS):
            z = Zctrace(t, *args)
            for c in clients:
                ask(c)
            for _ in range(4):
                new = http.client.HTTPConnection('127.0.0.1', front)
                new.request('GET', '/new')
                new.getresponse().read()
                new.close()
            time.sleep(0.3)
            z.stop()
            seen.append(rows(z.spans))
        for other in seen[1:]:
            t.equal(sorted(set(other.items()) ^ set(seen[0].items()), key=str), [],
                    f'{args}: what differs from the first run')


def keep_asking(port, stop):
    """Over a connection that stays, and over new ones."""
    old = http.client.HTTPConnection('127.0.0.1', port)
    while not stop.is_set():
        new = http.client.HTTPConnection('127.0.0.1', port)
        for c, path in ((old, '/old'), (new, '/new')):
            c.request('GET', path)
            c.getresponse().read()
        new.close()
        time.sleep(0.005)


def keep_opening(port, stop):
    """Connections that are a while without a request, and end with one."""
    while not stop.is_set():
        c = http.client.HTTPConnection('127.0.0.1', port)
        c.connect()
        time.sleep(0.02)
        c.request('GET', '/late')
        c.getresponse().read()
        c.close()


@test
def attached_under_load(t):
    """the same rows whenever it is attached, while requests are under way, each with its peer"""
    need('node')
    back, front = chain.backend(t), free_port()
    t.start(['node', t.file('front.js', FRONT), str(front), str(back)])
    wait_port(front)
    stop = threading.Event()
    threads = [threading.Thread(target=keep_asking, args=(port, stop))
               for port in (front, back, front)]
    threads += [threading.Thread(target=keep_opening, args=(back, stop)) for _ in range(8)]
    for thread in threads:
        thread.start()
    t.stack.callback(stop.set)
    for args in (('--port', front), ('--port', f'{front},{back}'), ('--port', back)):
        seen, unnamed, total = [], 0, 0
        for _ in range(RUNS):
            z = Zctrace(t, *args)
            time.sleep(0.5)
            z.stop()
            spans = [s for s in z.spans if 'incomplete' not in s]
            seen.append(set(rows(spans)))
            unnamed += sum('peer_service' not in s for s in spans)
            total += len(spans)
        for other in seen[1:]:
            t.equal(sorted(other ^ seen[0], key=str), [], f'{args}: rows that differ')
        t.check(total, f'{args}: no spans')
        t.equal(unnamed, 0, f'{args}: of {total} spans, those that do not name their peer')
    stop.set()
    for thread in threads:
        thread.join()


sys.exit(main())
