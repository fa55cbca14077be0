#!/usr/bin/env python3
"""NATS: nats-server and Python's client: publishes, deliveries, requests, errors."""
import collections
import os
import socket
import subprocess
import sys

from h2tools import go_module, python_packages
from lib import Zctrace, free_port, main, replay, test, wait_for, wait_port

SECRET = 'hunter2-sesame'

CLIENT = r'''
import asyncio, sys, nats, nats.errors
async def main():
    url = f'nats://joe:hunter2-sesame@127.0.0.1:{sys.argv[1]}'
    c = await nats.connect(url, name='shop', allow_reconnect=False)
    w = await nats.connect(url, name='worker', allow_reconnect=False)
    got = []
    async def on_order(m):
        got.append(m.data)
    async def on_add(m):
        await asyncio.sleep(0.05)
        await m.respond(b'42')
    await w.subscribe('orders.*', cb=on_order)
    await w.subscribe('svc.add', cb=on_add)
    await w.flush()
    for i in range(40):
        await c.publish('orders.new', b'hunter2-sesame' * i)
    await c.publish('orders.head', b'x', headers={
        'token': 'hunter2-sesame',
        'traceparent': '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'})
    await c.flush()
    while len(got) < 41:
        await asyncio.sleep(0.01)
    answers = await asyncio.gather(*[c.request('svc.add', b'1', timeout=5) for _ in range(5)])
    assert [a.data for a in answers] == [b'42'] * 5
    try:
        await c.request('svc.none', b'', timeout=5)
        sys.exit('an answer')
    except nats.errors.NoRespondersError:
        pass
    await c.close()
    await w.close()
asyncio.run(main())
'''


def server(t, *args):
    port = free_port()
    binary = go_module(t, 'github.com/nats-io/nats-server/v2', 'v2.10.22')
    p = t.start([binary, '-a', '127.0.0.1', '-p', str(port), *args], stderr=subprocess.DEVNULL)
    wait_port(port)
    return p, port


def spans_of(z, kind):
    return sorted((s for s in z.spans if s['kind'] == kind), key=lambda s: s['time'])


def asked(spans):
    return dict(collections.Counter((s['messaging_operation'], s.get('messaging_destination'))
                                    for s in spans if s['messaging_operation'] in
                                    ('publish', 'process')))


@test
def client(t):
    """publishes and deliveries one way, requests with their answers, no responders; no secret"""
    _, port = server(t, '--user', 'joe', '--pass', SECRET)
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', t.path('rec.pcapng'))
    env = dict(os.environ, PYTHONPATH=python_packages(t, 'nats-py==2.9.0'))
    p = t.run([sys.executable, '-c', CLIENT, str(port)], env=env)
    t.equal(p.returncode, 0, f'the client: {p.stderr[-600:]}')
    wait_for(lambda: min(sum(asked(spans_of(z, k)).values()) for k in ('client', 'server')) >= 98)
    z.stop()
    for kind in ('server', 'client'):
        spans = spans_of(z, kind)
        t.equal({s['protocol'] for s in spans}, {'nats'}, 'protocols')
        got = asked(spans)
        replies = [k for k in got if k[1].startswith('_INBOX.')]
        t.equal(sum(got.pop(k) for k in replies), 5, f'{kind}: replies of the worker')
        t.equal(got, {('publish', 'orders.new'): 40, ('process', 'orders.new'): 40,
                      ('publish', 'orders.head'): 1, ('process', 'orders.head'): 1,
                      ('publish', 'svc.add'): 5, ('process', 'svc.add'): 5,
                      ('publish', 'svc.none'): 1}, f'{kind}: messages')
        t.equal([s for s in spans if 'incomplete' in s], [], f'{kind}: doubts')
        new = [s['req_body_bytes'] for s in spans if s.get('messaging_destination') ==
               'orders.new']
        t.equal(sorted(new), sorted(2 * [14 * i for i in range(40)]), f'{kind}: sizes')
        t.check(not [s for s in spans if 'duration_ns' in s and s['messaging_operation'] ==
                     'process'], f'{kind}: what is delivered is not answered')
        adds = [s for s in spans if s.get('messaging_destination') == 'svc.add' and
                s['messaging_operation'] == 'publish']
        t.check(all(s['duration_ns'] > 40e6 and s['resp_body_bytes'] == 2 for s in adds),
                f'{kind}: requests: {adds}')
        t.equal([(s['messaging_destination'], s['messaging_status']) for s in spans
                 if 'error' in s], [('svc.none', '503')], f'{kind}: errors')
        t.equal({s['trace_id'] for s in spans if s.get('messaging_destination') ==
                 'orders.head'}, {'0af7651916cd43dd8448eb211c80319c'}, f'{kind}: trace')
        t.check(len([s for s in spans if s['messaging_operation'] == 'PING']) >= 2, 'PING')
    head = [s for s in z.spans if s.get('messaging_destination') == 'orders.head']
    sent = [s['span_id'] for s in head if s['messaging_operation'] == 'publish' and
            s['kind'] == 'client']
    t.equal([s['parent_span_id'] for s in head if s['messaging_operation'] == 'process'],
            2 * sent, 'deliveries below their publish')
    t.check(SECRET not in z.out(), 'no secret shown')
    with open(t.path('rec.pcapng'), 'rb') as f:
        t.check(SECRET.encode() not in f.read(), 'no secret recorded')
    again, _ = replay(t, t.path('rec.pcapng'))
    t.equal([asked(spans_of(z, k)) for k in ('server', 'client')],
            [asked(s for s in again if s['kind'] == k) for k in ('server', 'client')], 'replayed')


@test
def refused(t):
    """what the server refuses is an error of its own; a connection that was open before"""
    _, port = server(t)
    with socket.create_connection(('127.0.0.1', port), 10) as s, s.makefile('rb') as f:
        f.readline()
        s.sendall(b'CONNECT {"verbose":false}\r\nSUB early 1\r\nPING\r\n')
        t.equal(f.readline(), b'PONG\r\n', 'before')
        z = Zctrace(t, '--port', port)
        s.sendall(b'PUB early 3\r\nabc\r\nPING\r\n')
        t.equal([f.readline() for _ in range(3)], [b'MSG early 1 3\r\n', b'abc\r\n', b'PONG\r\n'],
                'late')
        s.sendall(b'PUB large 2000000\r\n')
        t.equal(f.readline(), b"-ERR 'Maximum Payload Violation'\r\n", 'an error')
        wait_for(lambda: [r for r in z.spans if r['messaging_operation'] == '-ERR'])
    z.stop()
    got = [(s['messaging_operation'], s.get('messaging_destination'), s.get('error'))
           for s in spans_of(z, 'server')]
    t.equal(sorted(g for g in got if g[1] != 'large'),
            [('-ERR', None, 'status'), ('PING', None, None), ('process', 'early', None),
             ('publish', 'early', None)], 'spans')


sys.exit(main())
