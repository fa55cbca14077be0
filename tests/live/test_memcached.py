#!/usr/bin/env python3
"""memcached: text, meta and binary clients, against the server's own counters."""
import collections
import json
import os
import socket
import subprocess
import sys
import time

from h2tools import python_packages
from lib import Zctrace, free_port, main, need, replay, test, wait_for, wait_port

SECRET = b'hunter2-sesame'

TEXT = r'''
import json, sys
from pymemcache.client.base import Client
c = Client(('127.0.0.1', int(sys.argv[1])), default_noreply=False)
c.set('user:42', 'hunter2-sesame')
for i in range(50):
    c.set(f'size:{i}', 'v' * i * 7)
got = c.get_many([f'size:{i}' for i in range(50)] + ['none'])
assert len(got) == 50
assert c.get('user:42') == b'hunter2-sesame' and c.get('none') is None
assert c.add('user:42', 'x') is False
c.set('n', '5'); assert c.incr('n', 3) == 8 and c.decr('n', 1) == 7
v, cas = c.gets('user:42')
assert c.cas('user:42', 'y', cas) is True and c.cas('user:42', 'z', cas) is False
assert c.touch('user:42', 60)
c.set('quiet', 'hunter2-sesame', noreply=True)
c.delete('n'); c.delete('n')
errors = 0
for f in (lambda: c.incr('user:42', 1), lambda: c.set('big', 'b' * 2000000)):
    try:
        f()
    except Exception:
        errors += 1
assert errors == 2
c.set('fat', 'f' * 900000); assert len(c.get('fat')) == 900000
c.version(); c.stats()
c.flush_all()
c.close()
'''
TEXT_OPS = {'set': 55, 'get': 4, 'add': 1, 'incr': 2, 'decr': 1, 'gets': 1, 'cas': 2, 'touch': 1,
            'delete': 2, 'version': 1, 'stats': 1, 'flush_all': 1}

BINARY = r'''
import sys, bmemcached
c = bmemcached.Client((f'127.0.0.1:{sys.argv[1]}',), compression=None)
c.set('user:42', 'hunter2-sesame')
assert c.get('user:42') == 'hunter2-sesame' and c.get('none') is None
c.set_multi({f'm:{i}': 'x' * i for i in range(20)})
assert len(c.get_multi([f'm:{i}' for i in range(20)] + ['none'])) == 20
c.add('user:42', 'x')
c.set('n', '5'); c.incr('n', 3); c.decr('n', 1)
c.delete('n'); c.delete('n')
c.stats(); c.flush_all(); c.disconnect_all()
'''


class Memcached:
    def __init__(self, t, *args):
        need('memcached')
        self.t, self.port = t, free_port()
        self.p = t.start(['memcached', '-u', 'root', '-l', '127.0.0.1', '-p', str(self.port),
                          *args], stderr=subprocess.DEVNULL)
        wait_port(self.port)

    def stats(self):
        with socket.create_connection(('127.0.0.1', self.port), 10) as s, s.makefile('rb') as f:
            s.sendall(b'stats\r\n')
            rows = iter(f.readline, b'END\r\n')
            return {w[1].decode(): w[2].decode() for w in (r.split() for r in rows)}


def client(t, program, port, *packages):
    env = dict(os.environ, PYTHONPATH=python_packages(t, *packages))
    p = t.run([sys.executable, '-c', program, str(port)], env=env)
    t.equal(p.returncode, 0, f'the client: {p.stderr[-600:]}')


def spans_of(z, kind='server'):
    spans = [s for s in z.spans if s['kind'] == kind]
    return sorted(spans, key=lambda s: s['time'])


def counts(spans):
    return dict(collections.Counter(s.get('db_operation') for s in spans))


@test
def text(t):
    """pymemcache: each command with its key, sizes, hits, errors; values nowhere"""
    m = Memcached(t)
    z = Zctrace(t, '--port', m.port, '--role', 'both', '-w', t.path('rec.pcapng'))
    client(t, TEXT, m.port, 'pymemcache==4.0.0')
    want = sum(TEXT_OPS.values())
    wait_for(lambda: min(len(spans_of(z, k)) for k in ('server', 'client')) >= want)
    z.stop()
    for kind in ('server', 'client'):
        spans = spans_of(z, kind)
        t.equal({s['protocol'] for s in spans}, {'memcached'}, 'protocols')
        t.equal(counts(spans), TEXT_OPS, f'{kind}: commands')
        t.equal([s for s in spans if 'incomplete' in s], [], f'{kind}: doubts')
        sets = [s for s in spans if s.get('path', '').startswith('size:') and
                s['db_operation'] == 'set']
        t.equal([s['req_body_bytes'] for s in sets], [7 * i for i in range(50)], 'sizes of values')
        many = [s for s in spans if s.get('db_batch_size')]
        t.equal([(s['db_batch_size'], s['rows'], s['resp_body_bytes']) for s in many],
                [(51, 50, 7 * sum(range(50)))], 'a get of many keys')
        t.equal([(s['path'], s['rows']) for s in spans if s['db_operation'] == 'get'][1:],
                [('user:42', 1), ('none', 0), ('fat', 1)], 'gets')
        t.equal([(s['db_operation'], s['db_status'], s['error']) for s in spans
                 if 'db_status' in s], [('incr', 'CLIENT_ERROR', 'status'),
                                        ('set', 'SERVER_ERROR', 'status')], 'errors')
        t.equal([s['path'] for s in spans if 'duration_ns' not in s], ['quiet'], 'one way')
    stats = m.stats()
    t.equal(int(stats['cmd_set']), 57, 'what the server counts')  # with cas, add; not the big one
    t.check(int(z.end['uncaptured_bytes']) == 0, f'uncaptured: {z.end}')
    with open(t.path('rec.pcapng'), 'rb') as f:
        data = f.read()
    t.check(SECRET not in data and b'vvvv' not in data, 'no value is recorded')
    t.check(SECRET.decode() not in z.out(), 'no value is shown')
    again, _ = replay(t, t.path('rec.pcapng'))
    t.equal(counts(s for s in again if s['kind'] == 'server'), TEXT_OPS, 'replayed')


@test
def binary(t):
    """python-binary-memcached: quiet commands, misses among them, errors"""
    m = Memcached(t)
    z = Zctrace(t, '--port', m.port, '-w', t.path('rec.pcapng'))
    client(t, BINARY, m.port, 'python-binary-memcached==0.31.4')
    wait_for(lambda: counts(spans_of(z)).get('flush_all'))
    z.stop()
    spans = spans_of(z)
    got = counts(spans)
    t.equal({s['protocol'] for s in spans}, {'memcached'}, 'protocols')
    t.equal({k: got.get(k) for k in ('add', 'incr', 'decr', 'delete', 'stats', 'flush_all')},
            {'add': 1, 'incr': 1, 'decr': 1, 'delete': 2, 'stats': 1, 'flush_all': 1}, 'commands')
    t.equal([s for s in spans if 'incomplete' in s or 'error' in s], [], 'doubts, errors')
    t.equal({s['path']: s['resp_body_bytes'] for s in spans
             if s['db_operation'] == 'get' and s['path'].startswith('m:')},
            {f'm:{i}': i for i in range(20)}, 'what each get of many brought')
    with open(t.path('rec.pcapng'), 'rb') as f:
        t.check(SECRET not in f.read(), 'no value is recorded')
    again, _ = replay(t, t.path('rec.pcapng'))
    t.equal(counts(s for s in again if s['kind'] == 'server'), got, 'replayed')


@test
def meta_late(t):
    """meta commands, pipelined and quiet, on a connection opened before the attach"""
    m = Memcached(t)
    with socket.create_connection(('127.0.0.1', m.port), 10) as s, s.makefile('rb') as f:
        s.sendall(b'ms early 2\r\nab\r\n')
        t.equal(f.readline(), b'HD\r\n', 'before')
        z = Zctrace(t, '--port', m.port)
        s.sendall(b'mg early v\r\n')
        t.equal([f.readline(), f.readline()], [b'VA 2\r\n', b'ab\r\n'], 'mg')
        s.sendall(b'mg miss v q k\r\nmg early v q k O7\r\nms late 3 q O8\r\nabc\r\nmn\r\n')
        rows = [f.readline() for _ in range(3)]
        t.equal(rows[2], b'MN\r\n', f'the server: {rows}')
        wait_for(lambda: counts(spans_of(z)).get('mn'))
    z.stop()
    t.equal([(s['db_operation'], s.get('path'), s.get('rows'), 'duration_ns' in s)
             for s in spans_of(z)],
            [('mg', 'early', 1, True), ('mg', 'miss', None, False), ('mg', 'early', 1, True),
             ('ms', 'late', None, False), ('mn', None, None, True)], 'spans')


@test
def login(t):
    """the text protocol's login: neither shown, with --body, nor recorded"""
    t.file('users', 'joe:hunter2-sesame\n')
    m = Memcached(t, '-Y', t.path('users'))
    z = Zctrace(t, '--port', m.port, '--body', '100', '-w', t.path('rec.pcapng'))
    with socket.create_connection(('127.0.0.1', m.port), 10) as s, s.makefile('rb') as f:
        s.sendall(b'set login 0 0 18\r\njoe hunter2-sesame\r\n')
        t.equal(f.readline(), b'STORED\r\n', 'login')
        s.sendall(b'set k 0 0 3\r\nabc\r\n')
        t.equal(f.readline(), b'STORED\r\n', 'a value')
        s.sendall(b'gat 60 k\r\n')
        t.equal([f.readline() for _ in range(3)][2], b'END\r\n', 'gat')
    z.wait_spans(3)
    z.stop()
    t.equal([json.dumps(s).count('abc') for s in spans_of(z)], [0, 1, 1], 'content')
    t.check(SECRET.decode() not in z.out(), 'not shown')
    with open(t.path('rec.pcapng'), 'rb') as f:
        t.check(SECRET not in f.read(), 'not recorded')


@test
def big(t):
    """of a long value no more is copied than what comes before its length is known"""
    m = Memcached(t)
    z = Zctrace(t, '--port', m.port, '-w', t.path('rec.pcapng'))
    with socket.create_connection(('127.0.0.1', m.port), 10) as s, s.makefile('rb') as f:
        s.sendall(b'set k 0 0 960000\r\n')
        for _ in range(80):
            s.sendall(b'v' * 12000)
            time.sleep(0.02)
        s.sendall(b'\r\n')
        t.equal(f.readline(), b'STORED\r\n', 'a value')
    z.wait_spans(1)
    z.stop()
    t.equal([s['req_body_bytes'] for s in spans_of(z)], [960000], 'its size')
    t.between(0, os.path.getsize(t.path('rec.pcapng')), 700000, 'bytes recorded')


sys.exit(main())
