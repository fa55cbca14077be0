#!/usr/bin/env python3
"""nginx: every request of a load, and every field against nginx's own log and the client's
count."""
import collections
import re
import sys

from client import Conn, compare_all
from lib import ZCTRACE_ASAN, Skip, Zctrace, main, need, query_id, test
from load import NGINX_SERVER, mixed, nginx_files
from servers import Nginx, Target

REQUESTS = 200000


def h2load(t, nginx, n, connections):
    """Sends n requests over that many connections; returns how many succeeded, and the output."""
    need('h2load')
    p = t.run(['h2load', '--h1', '-n', str(n), '-c', str(connections), '-t', '1',
               nginx.url + '/s/1k.txt'])
    m = re.search(r'(\d+) done, (\d+) succeeded, (\d+) failed', p.stdout)
    if not m:
        raise Skip(f'h2load: {p.stdout} {p.stderr}')
    t.equal(m.groups(), (str(n), str(n), '0'), 'done, succeeded, failed')
    return p.stdout


@test
def exact_200000(t):
    """200,000 requests over 16 connections: as many spans, each exchange once"""
    nginx = Nginx(t, log=False)
    nginx_files(nginx)
    z = Zctrace(t, '--port', nginx.port)
    h2load(t, nginx, REQUESTS, 16)
    z.stop()
    seen = collections.defaultdict(set)
    other = spans = 0
    with open(z.out_path, encoding='utf-8') as f:
        for line in f:
            if '"type":"span"' not in line:
                continue
            spans += 1
            m = re.search(r'"conn":(\d+),"seq":(\d+)', line)
            seen[m.group(1)].add(int(m.group(2)))
            good = '"kind":"server"' in line and '"path":"/s/1k.txt"' in line and \
                '"status":200' in line and '"resp_body_bytes":1024' in line
            other += not good or '"incomplete"' in line
    lost = z.end.get('lost_events')
    t.equal(z.end.get('spans'), spans, 'spans of the end record')
    if lost:
        t.check(REQUESTS - lost <= spans <= REQUESTS,
                f'{spans} spans, though {lost} events were lost')
        t.check([n for n in z.notes if n['note'] == 'lost'], 'losses without a note')
        return
    t.equal(spans, REQUESTS, 'spans')
    t.equal(other, 0, 'spans that differ or are incomplete')
    t.equal(len(seen), 16, 'connections')
    t.equal(sum(len(s) for s in seen.values()), REQUESTS, 'different exchanges')
    t.check(all(max(s) == len(s) - 1 for s in seen.values()), 'ordinals without gaps')


def mixed_nginx(t, binary=None, threads=6, n=80):
    """The mixed load through nginx, once traced by its port; (nginx, exchanges, zctrace)."""
    backend = Target(t, 'http')
    nginx = Nginx(t, NGINX_SERVER.format(dir=t.path('nginx'), backend=backend.port))
    nginx_files(nginx)
    z = Zctrace(t, '--port', nginx.port, **({'binary': binary} if binary else {}))
    exchanges = mixed(t, nginx.addr, threads, n)
    big = Conn(nginx.addr)  # sendfile, several times the socket's buffer
    exchanges += [big.get('/s/5m.txt') for _ in range(4)]
    exchanges.append(big.get('/s/5m.txt', 'HEAD'))
    big.close()
    rows = nginx.log(len(exchanges))
    z.stop()
    return nginx, exchanges, rows, z


def check_log(t, rows, found):
    """Each line of nginx's log against the span of that request."""
    connections = collections.defaultdict(set)
    for r in rows:
        s = found.get(r['id'])
        if not s:
            continue
        target = s['path'] + '?' + s['query']
        want = (r['method'], r['target'], r['status'], r['req_bytes'], r['resp_bytes'],
                r['ordinal'] - 1)
        t.equal((s['method'], target, s['status'], s['req_bytes'], s['resp_bytes'], s['seq']), want,
                f'log line of {r["id"]}')
        if r['status'] != 304 and '/chunked/' not in target and '/gz/' not in target:
            t.equal(s['resp_body_bytes'], r['resp_body_bytes'], f'body_bytes_sent of {target}')
        connections[s['conn']].add(r['connection'])
    t.check(all(len(c) == 1 for c in connections.values()), 'a connection id for each connection')
    t.equal(len(connections), len({r['connection'] for r in rows}), 'connections')


@test
def mixed_load(t):
    """mixed load: nginx's log line by line, the client's octet counts, the calls downstream"""
    nginx, exchanges, rows, z = mixed_nginx(t)
    spans = z.spans
    found = compare_all(t, spans, exchanges)
    t.equal(len(rows), len(exchanges), 'lines in the log')
    check_log(t, rows, found)
    t.equal({s['pid'] for s in found.values()} - set(nginx.workers()), set(),
            'pids other than nginx')
    t.equal({s['comm'] for s in found.values()}, {'nginx'}, 'comm')
    t.equal({s['server_port'] for s in found.values()}, {nginx.port}, 'server port')
    for x in exchanges:
        error = found.get(x.id, {}).get('error')
        t.equal(error, 'status' if x.status >= 500 else None, f'error of {x.path}')
    downstream = {query_id(s): s for s in spans if s['kind'] == 'client'}
    asked = {x.id: x for x in exchanges if x.path.startswith('/up/')}
    t.equal(set(downstream), set(asked), 'calls downstream')
    for name, s in downstream.items():
        t.equal((s['status'], s['method'], s['path']),
                (asked[name].status, asked[name].method, asked[name].path), f'call {name}')
        t.check('incomplete' not in s, f'call {name}: incomplete {s.get("incomplete")}')
        outer = found[name]
        t.check(outer['inner_ns'] >= s['inner_ns'], f'call {name}: longer than what it is part of')
    t.equal(z.end.get('spans'), len(spans), 'spans of the end record')
    t.equal((z.end.get('lost_events'), z.end.get('unparsed_bytes')), (0, 0), 'lost, unparsed')


@test
def mixed_load_asan(t):
    """the mixed load, smaller, with the sanitizers"""
    nginx, exchanges, rows, z = mixed_nginx(t, ZCTRACE_ASAN, threads=3, n=40)
    check_log(t, rows, compare_all(t, z.spans, exchanges))


@test
def many_connections(t):
    """300 connections of one exchange each; 300 open at once, all asking before one is answered"""
    nginx = Nginx(t)
    nginx_files(nginx)
    z = Zctrace(t, '--port', nginx.port)
    exchanges = []
    for _ in range(300):
        c = Conn(nginx.addr)
        exchanges.append(c.get('/s/1k.txt'))
        c.close()
    conns = [Conn(nginx.addr) for _ in range(300)]
    for _ in range(2):
        for c in conns:
            c.request('GET', '/s/1k.txt')
        exchanges += [c.response() for c in conns]
    for i in range(0, 300, 20):
        for c in conns[i:i + 20]:
            c.request('GET', '/s/100k.txt')
        exchanges += [c.response() for c in conns[i:i + 20]]
    for c in conns:
        c.close()
    z.stop()
    compare_all(t, z.spans, exchanges)


if __name__ == '__main__':
    sys.exit(main())
