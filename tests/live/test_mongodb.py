#!/usr/bin/env python3
"""MongoDB: pymongo against a server with a log of its own; spans as that has them."""
import json
import os
import subprocess
import sys

from h2tools import python_packages
from lib import HERE, Zctrace, free_port, main, replay, test, wait_for

CLIENT = '''
import pymongo, sys, time
c = pymongo.MongoClient('127.0.0.1', int(sys.argv[1]), heartbeatFrequencyMS=1000)
d = c.shop
d.orders.insert_one({'_id': 1, 'card': '4242424242424242'})
assert len(list(d.orders.find({'v': 'sesame'}))) == 100
for f in (lambda: list(d.missing.find()), lambda: d.unique.insert_one({'_id': 1})):
    try:
        f()
    except pymongo.errors.PyMongoError:
        pass
c.get_database('shop', write_concern=pymongo.WriteConcern(w=0)).orders.insert_one({'a': 1})
c.admin.command('ping')
time.sleep(1.5)
c.close()
'''
QUIET = ('hello', 'ismaster', 'isMaster', 'endSessions')


@test
def driver(t):
    """pymongo: each command with its collection, errors, a write without an answer, streams"""
    packages = python_packages(t, 'pymongo==4.9.2')
    port, env = free_port(), dict(os.environ, PYTHONPATH=packages)
    server = t.start([sys.executable, os.path.join(HERE, 'mongo_server.py'), str(port),
                      t.path('log')], env=env, stdout=subprocess.PIPE)
    server.stdout.readline()
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', t.path('rec.pcapng'))
    p = t.run([sys.executable, '-c', CLIENT, str(port)], env=env)
    t.equal(p.returncode, 0, f'the client: {p.stderr[-500:]}')
    with open(t.path('log'), encoding='utf-8') as f:
        asked = [json.loads(line) for line in f]
    wait_for(lambda: len([s for s in z.spans if s.get('db_operation') == 'ping']) >= 2)
    z.stop()
    for kind in ('server', 'client'):
        spans = sorted((s for s in z.spans if s['kind'] == kind), key=lambda s: s['time'])
        unnamed = [s for s in spans if 'db_operation' not in s and not s.get('incomplete')]
        t.equal(unnamed, [], 'spans without a command, and without a doubt')
        spans = [s for s in spans if 'db_operation' in s]
        got = [[s['db_operation'], s.get('db_collection'), s.get('db_namespace')] for s in spans
               if s['db_operation'] not in QUIET]
        want = [[n, None if n == 'ping' else 'orders' if n == 'getMore' else c, d]
                for n, c, d in asked if n not in QUIET]
        t.equal(got, want, f'{kind} spans, as the server was asked')
        status = {s['db_collection']: s.get('db_status') for s in spans
                  if s.get('db_collection') in ('missing', 'unique')}
        t.equal(status, {'missing': 'NamespaceNotFound', 'unique': 'WriteError'}, 'errors')
        one_way = [s for s in spans if s['db_operation'] == 'insert' and 'duration_ns' not in s]
        t.equal(len(one_way), 1, 'a write without an answer has no duration')
        streams = [s for s in spans if s.get('resp_messages')]
        t.check(streams and all('max_wait_ns' in s for s in streams), 'heartbeats are streams')
    t.check(b'4242424242424242' not in open(t.path('rec.pcapng'), 'rb').read(), 'no secret kept')
    t.check('sesame' not in z.out() and '4242' not in z.out(), 'no values shown')
    again, _ = replay(t, t.path('rec.pcapng'))
    for kind in ('server', 'client'):
        named = [[(s['db_operation'], s.get('db_collection'), s.get('db_status')) for s in
                  sorted(spans, key=lambda s: s['time'])
                  if s['kind'] == kind and s.get('db_operation', 'hello') not in QUIET]
                 for spans in (again, z.spans)]
        t.equal(named[0], named[1], f'{kind}: replayed')


sys.exit(main())
