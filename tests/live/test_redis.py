#!/usr/bin/env python3
"""Redis: spans against MONITOR, INFO commandstats, the clients' own counts and tshark."""
import collections
import glob
import json
import os
import re
import sys

from h2tools import python_packages
from lib import ZCTRACE_ASAN, Zctrace, free_port, main, need, replay, test, wait_for, wait_port
from redis_server import Monitor, Raw, Redis, python_client
from tls_targets import Certs

SECRET = 'hunter2-sesame'


def redis_spans(z, kind='server'):
    return [s for s in z.spans if s['protocol'] == 'redis' and s['kind'] == kind]


def counts(spans):
    return dict(collections.Counter(s.get('db_operation') for s in spans))


def whole(t, spans):
    """Nothing is missing, and times are in order."""
    for s in spans:
        t.check('incomplete' not in s and s['duration_ns'] > 0, f'not whole: {s}')


@test
def cli(t):
    """redis-cli, one command after another: MONITOR, the database, errors, sizes"""
    r = Redis(t)
    z = Zctrace(t, '--port', r.port)
    text = Zctrace(t, '--port', r.port, output='text')
    m = Monitor(r.addr)
    commands = [
        ('-n', '0', 'SET', 'user:42', 'a value'), ('-n', '0', 'GET', 'user:42'),
        ('-n', '3', 'INCR', 'counter:7'), ('-n', '0', 'LPUSH', 'user:42', 'x'),
        ('-n', '0', 'HSET', 'session:9f86d081884c7d65', 'f', 'v'), ('-n', '0', 'GET', 'none'),
        ('-n', '0', 'EVAL', 'return redis.call("get", KEYS[1])', '1', 'user:42'),
        ('-n', '0', 'NOSUCH', 'x'), ('-n', '0', 'CLIENT', 'GETNAME'), ('-n', '0', 'ECHO', 'end'),
    ]
    for c in commands:
        r.cli(*c)
    told = [row for row in m.until('end')]
    m.c.close()
    spans = z.finish(len(commands) + 2, protocol='redis')
    text.stop()
    lines = text.out()
    for line in (' RedisServer 0 SET user:42(user:{id}) [',
                 ' RedisServer 1 LPUSH user:42(user:{id}) [',
                 ' db_status=WRONGTYPE'):
        t.check(line in lines, f'text: no {line!r} in {lines}')
    long = [s for s in spans if s['db_operation'] == 'MONITOR']
    spans = [s for s in redis_spans(z) if s['db_operation'] not in ('MONITOR', 'SELECT')]
    whole(t, spans)
    # what a script calls is in MONITOR, but no request; what is refused is no call
    calls = [row for row in told if row[1] != 'lua' and row[2][0] not in ('select', 'SELECT')]
    ops = [s['db_operation'] for s in sorted(spans, key=lambda s: s['time'])]
    t.equal([o for o in ops if o not in ('NOSUCH', 'ECHO')],
            [' '.join(w[2][:2]) if w[2][0] == 'CLIENT' else w[2][0] for w in calls], 'MONITOR')
    by = {s['db_operation']: s for s in spans}
    t.equal(by['SET'].get('route'), 'user:{id}', 'route')
    t.equal(by['SET'].get('path'), 'user:42', 'key')
    t.equal(by['SET'].get('db_query'), 'SET user:42 ?', 'shape')
    t.equal(by['HSET'].get('route'), 'session:{hash}', 'route of a hash')
    t.equal(by['INCR'].get('db_namespace'), '3', 'database')
    t.equal((by['LPUSH'].get('db_status'), by['LPUSH'].get('error')), ('WRONGTYPE', 'status'),
            'an error')
    t.equal((by['NOSUCH'].get('db_status'), by['NOSUCH'].get('error')), ('ERR', 'status'),
            'an unknown one')
    t.equal(by['EVAL'].get('route'), 'user:{id}', 'key of a script')
    t.check('error' not in by['SET'] and 'db_status' not in by['SET'], f'no error: {by["SET"]}')
    t.equal((by['SET']['req_bytes'], by['SET']['resp_bytes']), (39, 5), 'sizes')
    t.equal(by['SET'].get('pid'), r.pid, 'process')
    t.equal(len(long), 1, 'MONITOR is one span')
    if long:
        t.equal((long[0].get('resp_messages'), long[0].get('error')), (len(told) + 1, None),
                'lines of MONITOR')


@test
def benchmark(t):
    """redis-benchmark, pipelined, 100,000 commands of each kind: none lost, none mispaired"""
    need('redis-benchmark')
    for attempt in range(3):
        r = Redis(t)
        z = Zctrace(t, '--port', r.port)
        r.cli('config', 'resetstat')
        p = t.run(['redis-benchmark', '-p', str(r.port), '-n', '100000', '-P', '16', '-c', '20',
                   '-t',
                   'set,get,lpush', '-r', '1000', '-d', '37', '-q'])
        t.equal(p.returncode, 0, p.stderr)
        want = {k: n for k, n in r.calls().items() if k in ('SET', 'GET', 'LPUSH')}
        wait_for(lambda: z._count() >= 300000, 60, 0.2)
        z.stop()
        if not z.end.get('lost_events'):
            break
        print(f'    attempt {attempt}: {z.end["lost_events"]} events lost: the machine is busy')
    t.equal(want, {'SET': 100000, 'GET': 100000, 'LPUSH': 100000}, 'what the server counted')
    spans = [s for s in redis_spans(z) if s.get('db_operation') in want or 'incomplete' in s]
    t.equal(counts(spans), want, 'spans')
    bad = [s for s in spans if 'incomplete' in s or 'error' in s]
    t.check(not bad, f'{len(bad)} are not whole: {bad[:2]}')
    t.equal({s['resp_bytes'] for s in spans if s['db_operation'] == 'SET'}, {5}, 'replies to SET')
    t.check({s['resp_bytes'] for s in spans if s['db_operation'] == 'GET'} <= {5, 44},
            'replies to GET')
    t.equal({s['route'] for s in spans if s['db_operation'] == 'SET'}, {'key:{id}'}, 'routes')


benchmark.limit = 400

PIPELINES = r'''
import json, sys, threading, time, redis
port, protocol = int(sys.argv[1]), int(sys.argv[2])
r = redis.Redis(port=port, protocol=protocol)
sizes = {}
p = r.pipeline(transaction=False)
for i in range(500):
    p.set(f'size:{i}', 'v' * (i % 90))
p.execute()
for i in range(500):
    p.get(f'size:{i}')
sizes = [len(v) for v in p.execute()]
with r.pipeline(transaction=True) as q:
    for i in range(10):
        q.incr(f'tx:{i}')
    q.execute()
r.rpush('later', 'x')
r.blpop('later')
threading.Timer(0.5, lambda: redis.Redis(port=port, protocol=protocol).rpush('later', 'y')).start()
t0 = time.monotonic(); r.blpop('later'); waited = time.monotonic() - t0
s = r.register_script('return redis.call("incr", KEYS[1])')
s(keys=['scripted:1'])
print(json.dumps({'sizes': sizes, 'waited': waited}))
'''


def pipelines(t, protocol):
    r = Redis(t)
    z = Zctrace(t, '--port', r.port)
    r.cli('config', 'resetstat')
    told = json.loads(python_client(t, PIPELINES, r.port, protocol))
    calls = r.calls()
    wait_for(lambda: counts(redis_spans(z)).get('EVALSHA') == calls['EVALSHA'], 20, 0.1)
    z.stop()
    for kind in ('server', 'client'):
        spans = [s for s in redis_spans(z, kind) if s['client_port'] and s['db_operation'] not in
                 ('CONFIG RESETSTAT', 'INFO', 'COMMAND DOCS', 'COMMAND')]
        if kind == 'client' and not spans:
            continue
        bad = [s for s in spans if 'incomplete' in s]
        t.check(not bad, f'{kind}: {len(bad)} are not whole: {bad[:1]}')
        got = counts(spans)
        for name in ('SET', 'GET', 'MULTI', 'EXEC', 'BLPOP', 'RPUSH', 'EVALSHA', 'SCRIPT LOAD',
                     'HELLO'):
            t.equal(got.get(name, 0), calls.get(name, 0), f'{kind}: spans of {name}')
        gets = sorted((s for s in spans if s['db_operation'] == 'GET'), key=lambda s: s['seq'])
        for i, s in enumerate(gets):
            t.equal((s['path'], s['resp_body_bytes']), (f'size:{i}', told['sizes'][i]),
                    f'{kind}: GET {i}')
        waits = [s['duration_ns'] / 1e9 for s in spans if s['db_operation'] == 'BLPOP']
        t.equal({s['max_wait_ns'] for s in spans if s['db_operation'] == 'BLPOP'}, {0},
                f'{kind}: waits without limit')
        t.between(told['waited'] * 0.5, max(waits), told['waited'] * 1.5, f'{kind}: BLPOP waits')
        t.equal({s.get('error') for s in spans if s['db_operation'] == 'SET'}, {None},
                f'{kind}: errors')


@test
def client_resp2(t):
    """Python's client, RESP2: pipelines, transactions, blocking commands, scripts"""
    pipelines(t, 2)


@test
def client_resp3(t):
    """Python's client, RESP3"""
    pipelines(t, 3)


PUBSUB = r'''
import sys, time, redis
port, protocol = int(sys.argv[1]), int(sys.argv[2])
r = redis.Redis(port=port, protocol=protocol)
s = redis.Redis(port=port, protocol=protocol).pubsub()
s.subscribe('news', 'weather')
s.psubscribe('n*')
got = 0
for i in range(20):
    r.publish('news', 'm' * i)
end = time.time() + 15
while got < 40 and time.time() < end:
    m = s.get_message(timeout=1)
    got += bool(m and m['type'] in ('message', 'pmessage'))
s.unsubscribe(); s.punsubscribe()
while s.subscribed:
    s.get_message(timeout=1)
s.close()
print(got)
'''


@test
def pubsub(t):
    """subscribers of RESP2 and RESP3: one long span, on which messages are counted, and no
    others"""
    for protocol in (2, 3):
        r = Redis(t)
        z = Zctrace(t, '--port', r.port, '--role', 'both', '-w', t.path('pubsub'))
        got = int(python_client(t, PUBSUB, r.port, protocol))
        wait_for(lambda: 'PUNSUBSCRIBE' in counts(redis_spans(z, 'client')), 10, 0.05)
        z.stop()
        read = [s for s in redis_spans(z, 'client') if 'incomplete' not in s]
        t.equal(counts(read), counts(redis_spans(z)), 'the client reads all, and the subscription')
        early = [s for s in read if s['duration_ns'] < s['inner_ns']]
        t.equal(early, [], 'read before it came')
        again, _ = replay(t, t.path('pubsub'))
        t.equal(*[sorted((s['kind'], s['time'], s['db_operation'], s.get('resp_bytes', 0),
                          s.get('resp_messages', 0)) for s in spans) for spans in (again, z.spans)],
                f'RESP{protocol}: replayed')
        spans = redis_spans(z)
        ops = counts(spans)
        t.equal(got, 40, 'messages that the client got')
        t.equal({k: ops.get(k) for k in ('SUBSCRIBE', 'PSUBSCRIBE', 'UNSUBSCRIBE', 'PUNSUBSCRIBE',
                                         'PUBLISH')},
                {'SUBSCRIBE': 1, 'PSUBSCRIBE': 1, 'UNSUBSCRIBE': 1, 'PUNSUBSCRIBE': 1,
                 'PUBLISH': 20},
                f'RESP{protocol}: spans')
        long = [s for s in spans if 'resp_messages' in s]
        t.equal([(s['db_operation'], s['resp_messages'], s.get('error')) for s in long],
                [('SUBSCRIBE', 40, None)], f'RESP{protocol}: the long one')
        t.check(all('incomplete' not in s for s in spans), f'RESP{protocol}: {spans}')


@test
def replies_off(t):
    """CLIENT REPLY OFF and SKIP, pipelined with what is answered"""
    r = Redis(t)
    z = Zctrace(t, '--port', r.port)
    c = Raw(r.addr)
    c.s.sendall(c.pack('CLIENT', 'REPLY', 'SKIP') + c.pack('INCR', 'a') + c.pack('GET', 'a'))
    t.equal(c.reply(), b'1', 'GET')
    c.s.sendall(c.pack('CLIENT', 'REPLY', 'OFF') + c.pack('INCR', 'a') * 5 + c.pack('CLIENT',
                                                                                    'REPLY', 'ON')
                + c.pack('GET', 'a'))
    t.equal((c.reply(), c.reply()), ('OK', b'6'), 'ON, GET')
    c.close()
    spans = z.finish(11, protocol='redis')
    t.equal(counts(spans), {'CLIENT REPLY': 3, 'INCR': 6, 'GET': 2}, 'spans')
    t.equal([s['resp_body_bytes'] for s in spans if s['db_operation'] == 'GET'], [1, 1],
            'sizes of replies')
    t.check(not [s for s in spans if 'error' in s or 'incomplete' in s], f'errors: {spans}')


@test
def opened_before(t):
    """connections opened before attaching, in the middle of a subscription and of a value"""
    r = Redis(t)
    c, sub, part = Raw(r.addr), Raw(r.addr), Raw(r.addr)
    t.equal(c.call('SET', 'k', 'v'), 'OK', 'SET')
    sub.call('SUBSCRIBE', 'news')
    value = c.pack('SET', 'big:1', b'GET / HTTP/1.1\r\n' + b'x' * 30000)
    part.s.sendall(value[:20000])
    z = Zctrace(t, '--port', r.port)
    part.s.sendall(value[20000:])
    t.equal(part.reply(), 'OK', 'SET of a long value')
    for i in range(5):
        t.equal(part.call('GET', f'big:{i + 2}'), None, 'GET')
        t.equal(c.call('GET', 'k'), b'v', 'GET')
        t.equal(c.call('PUBLISH', 'news', 'hello'), 1, 'PUBLISH')
        sub.reply()
    t.equal(c.call('NOSUCH')[:3], 'ERR', 'an error')
    for x in (c, sub, part):
        x.close()
    spans = z.finish(16, protocol='redis')
    t.equal(counts(spans), {'GET': 10, 'PUBLISH': 5, 'NOSUCH': 1}, 'spans')
    t.check(not [s for s in spans if s.get('error') and s['db_operation'] != 'NOSUCH'],
            f'errors: {spans}')
    t.check(not [s for s in spans if s.get('incomplete') not in (None, ['attached-late'])],
            f'{spans}')


@test
def tls(t):
    """inside TLS: the server's end, redis-cli as client"""
    r = Redis(t, tls=Certs())
    z = Zctrace(t, '--port', r.tls_port)
    cli = ['redis-cli', '--tls', '--insecure', '-p', str(r.tls_port)]
    for i in range(20):
        t.run([*cli, 'set', f'user:{i}', 'v' * i])
        t.equal(t.run([*cli, 'get', f'user:{i}']).stdout, 'v' * i + '\n', 'GET')
    z.finish(40, protocol='redis')
    spans = redis_spans(z)
    t.equal({k: n for k, n in counts(spans).items() if k in ('SET', 'GET')}, {'SET': 20, 'GET': 20},
            'spans')
    t.equal({s['tls'] for s in spans}, {'openssl'}, 'TLS')
    t.check(not [s for s in spans if s.get('incomplete')], f'{spans}')
    t.equal(sorted(s['resp_body_bytes'] for s in spans if s['db_operation'] == 'GET'),
            list(range(20)), 'sizes')


CLUSTER = r'''
import sys, redis
from redis.cluster import RedisCluster
first, protocol = int(sys.argv[1]), int(sys.argv[2])
c = RedisCluster(host='127.0.0.1', port=first, protocol=protocol)
for i in range(30):
    c.set(f'user:{i}', 'v' * i)
    assert len(c.get(f'user:{i}')) == i
one = redis.Redis(port=first, protocol=protocol)
for i in range(30):
    try:
        one.get(f'user:{i}')
    except redis.exceptions.ResponseError:
        pass
'''


GONE = 11139  # the slot of 'gone', of the third of three


@test
def cluster(t):
    """a cluster of three: what is moved is an error, and asked again elsewhere; as each counts"""
    nodes = [Redis(t, '--cluster-enabled', 'yes', '--cluster-config-file', f'nodes-{i}.conf')
             for i in range(3)]
    for i, r in enumerate(nodes):
        r.cli('cluster', 'addslotsrange', i * 5461 + (i > 0), min(i * 5461 + 5461, 16383))
        nodes[0].cli('cluster', 'meet', '127.0.0.1', r.port)
    wait_for(lambda: all('cluster_state:ok' in r.cli('cluster', 'info') and
                         'cluster_known_nodes:3' in r.cli('cluster', 'info')
                         for r in nodes), 60, 0.2)
    ids = [r.cli('cluster', 'myid').strip() for r in nodes]
    nodes[0].cli('cluster', 'setslot', GONE, 'importing', ids[2])
    nodes[2].cli('cluster', 'setslot', GONE, 'migrating', ids[0])
    for protocol in (2, 3):
        for r in nodes:
            r.cli('config', 'resetstat')
        z = Zctrace(t, *[a for r in nodes for a in ('--port', r.port)], '--role', 'both')
        python_client(t, CLUSTER, nodes[0].port, protocol)
        t.run(['redis-cli', '-c', '-p', str(nodes[2].port), 'get', 'gone'])
        want = {(r.port, k): r.calls().get(k, 0) for r in nodes for k in ('GET', 'SET', 'ASKING')}
        for r in nodes:
            errors = r.cli('info', 'errorstats')
            for k, n in re.findall(r'^errorstat_(MOVED|ASK):count=(\d+)', errors, re.M):
                want[r.port, k] = int(n)
        calls = sum(want.values())
        wait_for(lambda: sum(n for k, n in counts(redis_spans(z)).items()
                             if k in ('GET', 'SET', 'ASKING')) == calls)
        z.stop()
        for kind in ('server', 'client'):
            spans = [s for s in redis_spans(z, kind) if s['db_operation'] in
                     ('GET', 'SET', 'ASKING')]
            got = collections.Counter((s['server_port'], s.get('db_status') or s['db_operation'])
                                      for s in spans)
            t.equal(dict(got), {k: n for k, n in want.items() if n},
                    f'RESP{protocol}, {kind}: calls and errors by node')
            t.equal([s for s in spans if ('db_status' in s) != (s.get('error') == 'status')], [],
                    'errors')
        t.equal([want.get((nodes[0].port, 'ASKING')), want.get((nodes[2].port, 'ASK'))], [1, 1],
                'asked elsewhere')
        t.check(want.get((nodes[0].port, 'MOVED'), 0) > 5, f'moved: {want}')


SERVICE = r'''
import http.server, sys, redis
r = redis.Redis(port=int(sys.argv[2]))
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        r.incr('hits:' + self.path[1:])
        body = r.get('hits:' + self.path[1:])
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a):
        pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
'''


@test
def waterfall(t):
    """an HTTP service that asks Redis: its commands hang under its requests"""
    r, port = Redis(t), free_port()
    where = python_packages(t, 'redis==5.2.1')
    service = t.start([sys.executable, '-c', SERVICE, str(port), str(r.port)],
                      env={'PYTHONPATH': where, 'PATH': '/usr/bin:/bin'})
    wait_port(port)
    z = Zctrace(t, '--pid', service.pid, '--port', r.port)
    w = Zctrace(t, '--pid', service.pid, output='waterfall')
    for i in range(10):
        p = t.run(['curl', '-sS', f'http://127.0.0.1:{port}/{i}'])
        t.equal(p.stdout, '1', 'the service')
    wait_for(lambda: len(redis_spans(z, 'client')) >= 20, 10, 0.05)
    z.stop()
    w.stop()
    http = {s['path']: s for s in z.spans if s['protocol'].startswith('http') and
            s['kind'] == 'server'}
    for i in range(10):
        mine = [s for s in redis_spans(z, 'client') if s.get('path') == f'hits:{i}']
        t.equal([s['db_operation'] for s in mine], ['INCRBY', 'GET'], f'commands of request {i}')
        parent = http.get(f'/{i}', {}).get('span_id')
        t.equal({s.get('parent_span_id') for s in mine}, {parent}, f'their parent')
        ends = [s for s in redis_spans(z) if s.get('path') == f'hits:{i}' and
                s['db_operation'] == 'GET']
        t.equal([s.get('parent_span_id') for s in ends], [s['span_id'] for s in mine[1:]],
                'the other end')
    text = w.out()
    t.check(re.search(r'GET.*/3.*\n.*INCR.*hits:.*\n.*GET.*hits:', text),
            f'waterfall: {text[:1500]}')


def captured(t, port, work):
    need('tcpdump', 'tshark')
    path = t.path('redis.pcap')
    dump = t.start(['tcpdump', '-i', 'lo', '-U', '-w', path, '-s', '0', '-Z', 'root',
                    f'tcp port {port}'])
    wait_for(lambda: os.path.exists(path) and os.path.getsize(path) >= 24, 10, 0.01)
    work()
    wait_for(lambda: False, 0.5)
    dump.terminate()
    dump.wait()
    return path


@test
def tshark(t):
    """a capture, and what tshark's dissector makes of it"""
    r = Redis(t)

    def work():
        python_client(t, PIPELINES, r.port, 2)
        python_client(t, PUBSUB, r.port, 2)
    path = captured(t, r.port, work)
    fields = ['resp.array.length', 'resp.bulk_string.length', 'resp.bulk_string.value']
    p = t.run(['tshark', '-r', path, '-d', f'tcp.port=={r.port},resp', '-Y',
               f'resp and tcp.dstport=={r.port}',
               '-T', 'fields', *[x for f in fields for x in ('-e', f)]])
    want = collections.Counter()
    for line in p.stdout.splitlines():
        arrays, lengths, values = ([x for x in f.split(',') if x]
                                   for f in (line + '\t\t').split('\t')[:3])
        values = iter(values)
        strings = iter([bytes.fromhex(next(values)).decode() if int(n) > 0 else ''
                        for n in lengths])
        for n in arrays:
            want[[next(strings) for _ in range(int(n))][0].upper()] += 1
    spans, _ = replay(t, path)
    got = collections.Counter(s['db_operation'].split()[0] for s in spans
                              if s['protocol'] == 'redis')
    t.equal(dict(got), dict(want), 'commands')
    t.equal(replay(t, path, binary=ZCTRACE_ASAN)[0], spans, 'the same with the sanitizers')
    t.check(not [s for s in spans if 'incomplete' in s], 'whole')


@test
def secrets(t):
    """no secret in any output, and none in a recording, of which the same spans come again"""
    r = Redis(t)
    z = Zctrace(t, '--port', r.port, '-w', t.path('rec.pcapng'))
    others = [Zctrace(t, '--port', r.port, output=o) for o in ('text', 'waterfall', 'summary')]
    c = Raw(r.addr)
    c.call('CONFIG', 'SET', 'requirepass', SECRET)
    for args in (('AUTH', SECRET), ('AUTH', 'default', SECRET),
                 ('HELLO', '2', 'AUTH', 'default', SECRET),
                 ('ACL', 'SETUSER', 'joe', 'on', '>' + SECRET, '~*', '+@all'),
                 ('AUTH', 'joe', SECRET),
                 ('MIGRATE', '127.0.0.1', '1', 'k', '0', '100', 'AUTH', SECRET),
                 ('SET', 'token:1', SECRET),
                 ('GET', 'token:1'), ('SET', 'token:2', SECRET * 5000),
                 ('CONFIG', 'GET', 'requirepass'),
                 ('EVAL', f'return "{SECRET}"', '0'), ('NOSUCH', SECRET), ('PUBLISH', 'c', SECRET)):
        c.call(*args)
    c.s.sendall(f'AUTH {SECRET}\r\nSET token:3 {SECRET}\r\n'.encode())
    c.reply(), c.reply()
    other = Raw(r.addr)
    other.s.sendall(f'AUTH {SECRET}\r\nGET token:1\r\n'.encode())
    other.reply(), other.reply()
    c.close()
    other.close()
    z.finish(18, protocol='redis')
    for p in [z, *others]:
        p.stop()
    spans = [s for s in z.spans if s['protocol'] == 'redis']
    again, _ = replay(t, t.path('rec.pcapng'))
    keys = ('db_operation', 'path', 'route', 'db_query', 'db_status', 'error', 'req_bytes',
            'resp_bytes',
            'duration_ns', 'span_id')
    t.equal([[s.get(k) for k in keys] for s in again if s['protocol'] == 'redis'],
            [[s.get(k) for k in keys] for s in spans], 'the replay')
    for path in glob.glob(t.path('*')):
        if os.path.isfile(path) and not path.endswith('redis.log'):
            with open(path, 'rb') as f:
                t.check(SECRET.encode() not in f.read(), f'a secret is in {os.path.basename(path)}')
    for o in ('json', 'text', 'waterfall', 'summary'):
        p = t.run([z.argv[0], '-r', t.path('rec.pcapng'), '-o', o])
        t.check(SECRET not in p.stdout, f'a secret is in {o} of the replay')
    with_body, _ = replay(t, t.path('rec.pcapng'), '--body', '100')
    t.check(any('req_body' in s for s in with_body), 'content is shown when it is asked for')


if __name__ == '__main__':
    sys.exit(main())
