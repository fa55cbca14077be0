#!/usr/bin/env python3
"""Times: durations against what client and server measured themselves; nesting; order of what is
told.

No limit here is a number of seconds: a slow machine is no fault. bench_aims.py has those.
"""
import json
import statistics
import subprocess
import sys
import time

from client import Conn, compare, nested, start_ns
from lib import ZCTRACE, Zctrace, by_id, main, query_id, test
from servers import Nginx, Target

MS = 1000000


def timed(t, mode, n=6, gap=0.0):
    """n exchanges with that server, both ends traced; [(Exchange, elapsed, server, client
    span)]."""
    server = Target(t, mode)
    z = Zctrace(t, '--port', server.port, '--role', 'both')
    rows = []
    for _ in range(n):
        c = Conn(server.addr)
        time.sleep(gap)
        begun = time.monotonic_ns()
        x = c.get('/t')
        rows.append((x, time.monotonic_ns() - begun))
        c.close()
    z.stop()
    servers, clients = by_id(z.spans), by_id(z.spans, 'client')
    t.equal((len(servers), len(clients)), (n, n), 'spans of the server, of the client')
    told = {r['target'].split('id=')[1]: r for r in server.told(n)} if mode != 'drip' else {}
    out = [(x, ns, servers[x.id], clients[x.id]) for x,
           ns in rows if x.id in servers and x.id in clients]
    for x, ns, s, c in out:
        compare(t, s, x)
        compare(t, c, x)
        nested(t, x, ns, s, c)
    return out, told


@test
def sleeping_server(t):
    """a server that works for 50 ms: duration, time to the first octet, inner time"""
    rows, told = timed(t, 'sleep')
    for x, elapsed, s, c in rows:
        mine = told[x.id]
        t.between(50 * MS, s['ttfb_ns'], elapsed, 'ttfb_ns')
        t.between(50 * MS, s['inner_ns'], elapsed, 'inner_ns')
        t.check(s['inner_ns'] <= mine['written'] - x.begun_ns, 'inner_ns by the server\'s clock')
        t.between(0, s['queue_ns'], mine['read'] - x.begun_ns, 'queue_ns')
        t.between(50 * MS, c['ttfb_ns'], elapsed, 'ttfb_ns of the client')


@test
def late_reader(t):
    """a server that reads after 80 ms: the wait is in queue_ns, not in inner_ns"""
    rows, told = timed(t, 'late')
    for x, elapsed, s, _ in rows:
        mine = told[x.id]
        waited = mine['read'] - x.sent_ns  # that much at least, if it arrived when it had been sent
        t.between(waited / 2, s['queue_ns'], mine['written'] - x.begun_ns, 'queue_ns')
        t.between(0, s['inner_ns'], mine['written'] - mine['read'], 'inner_ns')
        t.between(s['queue_ns'], s['ttfb_ns'], elapsed, 'ttfb_ns')


@test
def dripping_server(t):
    """a body that comes in pieces over 200 ms: the first octet early, the end at the last piece"""
    for x, elapsed, s, c in timed(t, 'drip', 4)[0]:
        t.between(0, s['ttfb_ns'], x.first_ns - x.begun_ns, 'ttfb_ns')
        t.between(s['ttfb_ns'] + 200 * MS, s['duration_ns'], elapsed, 'duration_ns')
        t.between(200 * MS, c['duration_ns'], elapsed, 'duration_ns of the client')
        t.between(s['ttfb_ns'], c['ttfb_ns'], x.first_ns - x.begun_ns, 'ttfb_ns of the client')
        t.equal(s['resp_body_bytes'], x.resp_body_bytes, 'content')


@test
def reading_client(t):
    """a client that is busy elsewhere when the answer comes: its span lasts until it has read"""
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port, '--role', 'client')
    c = Conn(server.addr)
    waits = {}
    for _ in range(3):
        begun = time.monotonic_ns()
        x = c.request('GET', '/t')
        time.sleep(0.15)
        c.response()
        waits[x.id] = time.monotonic_ns() - begun
    c.close()
    z.stop()
    spans = by_id(z.spans, 'client')
    for name, wait in waits.items():
        s = spans[name]
        t.between(150 * MS, s['duration_ns'], wait, 'duration_ns')
        t.check(s['inner_ns'] < s['duration_ns'] / 2, f'inner_ns: {s["inner_ns"]}')


@test
def idle_before_request(t):
    """a connection that idles before its first request does not inflate it"""
    for x, elapsed, s, c in timed(t, 'sleep', 3, gap=0.15)[0]:
        t.between(50 * MS, s['duration_ns'], elapsed, 'duration_ns')
        t.between(50 * MS, c['duration_ns'], elapsed, 'duration_ns of the client')


@test
def wall_clock(t):
    """the start of a span is the wall clock's time of its request"""
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port)
    c = Conn(server.addr)
    seen = []
    for _ in range(10):
        before = time.time_ns()
        x = c.get()
        seen.append((x.id, before, time.time_ns()))
    c.close()
    z.stop()
    spans = by_id(z.spans)
    day = 86400 * 10**9
    for name, before, after in seen:
        got = start_ns(spans[name])
        t.between(before % day - 10 * MS, got, after % day + 10 * MS, 'time of day')
        t.check(spans[name]['time'].startswith(time.strftime('%Y-%m-%d',
                                                             time.gmtime(before // 10**9))), 'day')


@test
def started_quickly(t):
    """a hundred open connections do not make the attach longer"""
    nginx = Nginx(t)

    def attach():
        took = []
        for selector in (('--port', nginx.port), ('--pid', nginx.pid), ('--comm', 'nginx'),
                         ('--all',)) * 2:
            z = Zctrace(t, *selector, wait=False)
            took.append(z.wait_tracing())
            z.stop()
        return statistics.median(took)
    alone = attach()
    conns = [Conn(nginx.addr) for _ in range(100)]
    crowded = attach()
    for c in conns:
        c.close()
    t.check(crowded <= 2 * alone,
            f'seconds to the tracing line: {crowded}, without connections {alone}')


@test
def line_at_once(t):
    """a line is out before a server that works for 50 ms has answered twice, in text and JSON"""
    server, clock = Target(t, 'plain'), Target(t, 'sleep')
    for output in ('json', 'text'):
        with open(t.path('err'), 'wb') as err:
            z = t.start([ZCTRACE, '--port', str(server.port), '-o', output], stdout=subprocess.PIPE,
                        stderr=err)
        while b'zctrace: tracing' not in open(t.path('err'), 'rb').read():
            time.sleep(0.01)
        late = []
        for i in range(20):
            time.sleep(0.03 * (i % 5))
            ticking = Conn(clock.addr)
            x = Conn(server.addr).get('/now')
            ticking.request('GET', '/1')
            ticking.request('GET', '/2')
            line = b''
            while b'/now' not in line:
                line = z.stdout.readline()
                t.check(line, 'the output ended')
                if not line:
                    return
            seen = time.monotonic_ns()
            ticking.response()
            late.append(seen - ticking.response().first_ns)
            ticking.close()
            if output == 'json':
                t.equal(query_id(json.loads(line)), x.id, 'whose line')
        late.sort()
        t.check(late[10] < 0, f'{output}: nanoseconds from the second answer to the line: {late}')


@test
def counted_and_timed(t):
    """-n ends after that many spans, -d after that time"""
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port, '-n', 5)
    c = Conn(server.addr)
    for _ in range(9):
        c.get()
    t.equal(z.wait(), 0, 'exit status with -n')
    t.equal((len(z.spans), z.end.get('spans')), (5, 5), 'spans with -n 5')
    z = Zctrace(t, '--port', server.port, '-d', '400ms')
    begun = time.monotonic()
    c.get()
    t.equal(z.wait(), 0, 'exit status with -d')
    t.between(0.25, time.monotonic() - begun, 5, 'seconds with -d 400ms')
    t.equal(len(z.spans), 1, 'spans with -d')


if __name__ == '__main__':
    sys.exit(main())
