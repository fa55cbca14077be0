#!/usr/bin/env python3
"""Links: calls that no request in flight has caused get no parent; calls of real handlers keep
theirs.

Each request names itself in its query, and so does what is called for it."""
import http.client
import sys
import time

import chain
from client import in_threads
from lib import Zctrace, free_port, main, need, query_id, test, wait_port

N = 80

NODE = r"""
const http = require('http');
const [port, back, how] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true});
const call = (path, then) => http.get({port: back, host: '127.0.0.1', path, agent}, x => {
  x.resume(); x.on('end', then); });
if (how == 'timer') setInterval(() => call('/poll?id=timer', () => {}), 40);
http.createServer((q, r) => {
  const path = '/be' + q.url.slice(q.url.indexOf('?')), end = () => r.end('ok');
  if (how == 'after') setTimeout(() => { end(); setTimeout(() => call(path, () => {}), 3); }, 5);
  else if (how == 'timer') setTimeout(end, 30);
  else if (how == 'handler') call(path, () => call(path, end));
}).listen(port, '127.0.0.1');
"""

PYTHON = r"""
import random, sys, threading, time, http.client, http.server
port, back, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def call(path):
    c = http.client.HTTPConnection('127.0.0.1', back)
    c.request('GET', path)
    c.getresponse().read()
    c.close()
def poll():
    while True:
        call('/poll?id=timer')
        time.sleep(0.03)
def tick():
    threading.Timer(random.uniform(0.01, 0.06), tick).start()
    call('/poll?id=timer')
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        path = '/be?' + self.path.partition('?')[2]
        if how in ('timer', 'ticks'):
            time.sleep(0.03)
        elif how == 'thread':
            t = threading.Thread(target=call, args=(path,))
            t.start()
            t.join()
        elif how == 'handler':
            call(path)
            time.sleep(0.002)
            call(path)
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    def log_message(self, *a):
        pass
if how == 'timer':
    threading.Thread(target=poll, daemon=True).start()
elif how == 'ticks':  # a thread for each
    tick()
http.server.ThreadingHTTPServer(('127.0.0.1', port), H).serve_forever()
"""

# The event loop of asyncio, whose next request may have been read before a call is made.
ASYNCIO = r"""
import asyncio, sys
port, back, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
async def call(query):
    r, w = await asyncio.open_connection('127.0.0.1', back)
    w.write(b'GET /be?%s HTTP/1.1\r\nHost: x\r\n\r\n' % query)
    await r.read(65536)
    w.close()
async def serve(r, w):
    def answer():
        w.write(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    while (head := await r.read(65536)):
        query = head.split(b' ')[1].partition(b'?')[2]
        if how == 'after':
            answer()
        await call(query)
        if how != 'after':
            answer()
    w.close()
async def run():
    await (await asyncio.start_server(serve, '127.0.0.1', port)).serve_forever()
asyncio.run(run())
"""


def judge(spans):
    """Of the calls: with the right parent, with a wrong one, with none."""
    by_span = {s['span_id']: s for s in spans}
    right, wrong, none = 0, [], 0
    for s in spans:
        if s['kind'] != 'client':
            continue
        parent = by_span.get(s.get('parent_span_id'))
        if parent is None:
            none += 1
        elif query_id(parent) == query_id(s):
            right += 1
        else:
            wrong.append((s['path'], s['link']))
    return right, wrong, none


def run(t, name, program, how, pause=0.0, n=N):
    front, back = free_port(), chain.backend(t)
    interpreter = 'node' if program is NODE else sys.executable
    t.start([interpreter, t.file(f'{name}.{how}', program), str(front), str(back), how])
    wait_port(front)
    return measure(t, name, how, (front, back), pause, n)


def measure(t, name, how, ports, pause=0.0, n=N, clients=1):
    front, back = ports
    z = Zctrace(t, '--port', f'{front},{back}')

    def client(k):
        c = http.client.HTTPConnection('127.0.0.1', front)
        for i in range(n):
            c.request('GET', f'/a?id=q{k}-{i}')
            c.getresponse().read()
            time.sleep(pause)
    in_threads([lambda k=k: client(k) for k in range(clients)])
    time.sleep(0.1)
    z.stop()
    right, wrong, none = judge(z.spans)
    print(f'# shows {name}, {how}: calls with the right parent {right}, with a wrong one '
          f'{len(wrong)}, with none {none}')
    t.equal(wrong, [], f'{name}, {how}: wrong parents')
    t.check(right + none > 0, f'{name}, {how}: no calls')
    return right, none


@test
def own_calls(t):
    """what a process does by itself has no parent: timers, and work after the answer"""
    need('node')
    for name, program, how in (('node', NODE, 'after'), ('node', NODE, 'timer'),
                               ('asyncio', ASYNCIO, 'after'), ('threads', PYTHON, 'timer'),
                               ('threads', PYTHON, 'ticks')):
        run(t, name, program, how)
        run(t, name, program, how, pause=0.05, n=10)


@test
def calls_of_handlers(t):
    """what a handler calls has its request for a parent: in event loops and threads"""
    need('node')
    for name, program, how in (('node', NODE, 'handler'), ('asyncio', ASYNCIO, 'handler'),
                               ('threads', PYTHON, 'handler'), ('threads', PYTHON, 'thread')):
        for pause, n in ((0.0, N), (0.05, 30)):
            right, none = run(t, name, program, how, pause, n)
            t.check(none <= 0.1 * (right + none), f'{name}, {how}: {none} calls without a parent')


@test
def goroutines(t):
    """Go: what goroutines of a handler call, one client and eight; none where nobody waits"""
    back = chain.go_backend(t)
    for how in ('kept', 'spawn', 'after'):
        front = chain.go_backend(t, f'http://127.0.0.1:{back}/slow', how)
        for clients in (1, 8):
            right, none = measure(t, f'go, {clients} clients', how, (front, back), n=200,
                                  clients=clients)
            if how != 'after':
                t.check(none <= 0.05 * (right + none), f'{how}: {none} calls without a parent')


sys.exit(main())
