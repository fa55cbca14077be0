#!/usr/bin/env python3
"""Captures that tcpdump takes of real servers: what zctrace reads in them, and what tshark does."""
import collections
import os
import sys
import time

from client import Conn, get
from lib import ZCTRACE_ASAN, free_port, main, need, replay, test, wait_port
from load import nginx_files
from servers import Haproxy, Nginx, Node, Target
from sniff import Tcpdump, tshark_http


def counted(items):
    return collections.Counter(items)


def agree(t, path, exchanges, port, lengths=True):
    """zctrace, tshark and the client tell of the same requests, statuses and content lengths."""
    args = ['-r', path, '--header', 'Content-Length', '-o', 'json']
    spans, notes = replay(t, path, '--header', 'Content-Length')
    spans = [s for s in spans if s.get('server_port') == port]
    requests, responses = tshark_http(t, path, port)
    asked = counted(f'{s["method"]} {s["path"]}' + ('?' + s['query'] if s.get('query') else '')
                    for s in spans if 'method' in s)
    t.equal(asked, counted(r['method'] + ' ' + r['uri'] for r in requests),
            'requests, as tshark sees them')
    t.equal(counted(str(s['status']) for s in spans if 'status' in s),
            counted(r['code'] for r in responses),
            'statuses, as tshark sees them')
    if exchanges is not None:
        t.equal(asked, counted(f'{x.method} {x.path}?{x.query}' for x in exchanges),
                'requests of the client')
    if lengths:
        t.equal(counted((str(s.get('status')), header(s, 'resp_headers')) for s in spans
                        if 'status' in s),
                counted((r['code'], r['length']) for r in responses), 'Content-Length of responses')
        t.equal(counted((s['method'], header(s, 'req_headers')) for s in spans if 'method' in s),
                counted((r['method'], r['length']) for r in requests), 'Content-Length of requests')
    p = t.run([ZCTRACE_ASAN, *args])
    t.equal(p.returncode, 0, f'with sanitizers: {p.stderr[:2000]}')
    return spans, notes


def header(span, which):
    """The value of the Content-Length that the span carries, in whatever form."""
    fields = span.get(which) or {}
    items = fields.items() if isinstance(fields, dict) else [tuple(f) for f in fields]
    for name, value in items:
        if name.lower() == 'content-length':
            return value if isinstance(value, str) else value[0]
    return None


def exact(t, spans, exchanges):
    """Octet counts too: nothing is missing in the capture."""
    by_target = {s['path'] + '?' + s['query']: s for s in spans}
    for x in exchanges:
        s = by_target.get(x.path + '?' + x.query)
        if s:
            t.equal((s.get('req_bytes'), s.get('resp_bytes'), s.get('req_body_bytes'),
                     s.get('resp_body_bytes'),
                     s.get('client_port'), s.get('incomplete')),
                    (x.req_bytes, x.resp_bytes, x.req_body_bytes, x.resp_body_bytes, x.client_port,
                     None),
                    f'octets of {x.method} {x.path}')


def exchange_some(addr, paths, methods=('GET',), **options):
    c, out = Conn(addr), []
    for p in paths:
        for m in methods:
            out.append(c.get(p, m, **options))
    c.close()
    return out


@test
def python_plain(t):
    """1: python -m http.server, a connection for each request"""
    www = t.path('www')
    t.file('www/a.txt', b'a' * 3000)
    port = free_port()
    with open(os.devnull, 'wb') as null:
        t.start([sys.executable, '-m', 'http.server', str(port), '--bind', '127.0.0.1',
                 '--directory', www],
                stderr=null, stdout=null)
    wait_port(port)
    dump = Tcpdump(t, 'a.pcap', expression=f'tcp port {port}')
    exchanges = [get(('127.0.0.1', port), p) for p in ('/a.txt', '/', '/none') * 3]
    spans, _ = agree(t, dump.stop(), exchanges, port)
    exact(t, spans, exchanges)


@test
def nginx_keep_alive(t):
    """2: nginx, keep-alive, HEAD, errors, redirects"""
    nginx = Nginx(t, 'location = /moved { return 301 /s/1k.txt; } location = /e { return 503; }')
    nginx_files(nginx)
    dump = Tcpdump(t, 'a.pcap', expression=f'tcp port {nginx.port}')
    exchanges = [x for _ in range(3) for x in exchange_some(
        nginx.addr, ['/s/1k.txt', '/s/100k.txt', '/moved', '/none', '/s/0.txt', '/e'],
        ('GET', 'HEAD'))]
    spans, _ = agree(t, dump.stop(), exchanges, nginx.port)
    exact(t, spans, exchanges)


@test
def node_chunked(t):
    """3: a Node server, chunked responses and chunked requests"""
    node = Node(t)
    dump = Tcpdump(t, 'a.pcap', expression=f'tcp port {node.port}')
    exchanges = exchange_some(node.addr, ['/chunked/10', '/chunked/50000', '/chunked/0',
                                          '/status/404'])
    exchanges += exchange_some(node.addr, ['/p'] * 3, ('PUT',), chunks=[b'n' * 3000] * 5)
    exchanges += exchange_some(node.addr, ['/p'] * 3, ('POST',), body=b'n' * 30000)
    spans, _ = agree(t, dump.stop(), exchanges, node.port)
    exact(t, spans, exchanges)


@test
def haproxy_both_sides(t):
    """4: haproxy before a Node server: both connections of each exchange"""
    node = Node(t)
    proxy = Haproxy(t, f'127.0.0.1:{node.port}')
    dump = Tcpdump(t, 'a.pcap', expression=f'tcp port {proxy.port} or tcp port {node.port}')
    exchanges = exchange_some(proxy.addr, ['/size/10', '/chunked/5000', '/status/500',
                                           '/size/100000'],
                              ('GET', 'HEAD'))
    path = dump.stop()
    spans, _ = agree(t, path, exchanges, proxy.port)
    exact(t, spans, exchanges)
    agree(t, path, exchanges, node.port)


@test
def head_only(t):
    """5: nginx, HEAD and 304 alone, with lengths of content that does not follow"""
    nginx = Nginx(t)
    nginx_files(nginx)
    dump = Tcpdump(t, 'a.pcap', expression=f'tcp port {nginx.port}')
    exchanges = exchange_some(nginx.addr, ['/s/100k.txt', '/s/1k.txt', '/s/5m.txt'] * 3, ('HEAD',))
    exchanges += exchange_some(nginx.addr, ['/s/1k.txt'] * 3, fields=[('If-None-Match', '*')])
    spans, _ = agree(t, dump.stop(), exchanges, nginx.port)
    exact(t, spans, exchanges)


@test
def small_snaplen(t):
    """6: large bodies, of each packet the first 400 octets: content is counted, not seen"""
    nginx = Nginx(t)
    nginx_files(nginx)
    dump = Tcpdump(t, 'a.pcap', '-s', '400', expression=f'tcp port {nginx.port}')
    exchanges = [get(nginx.addr, p) for p in ('/s/100k.txt', '/s/5m.txt', '/s/0.txt') * 2]
    path = dump.stop()
    # tshark does not put together what is cut; it is asked for heads as they come in packets
    spans, _ = replay(t, path)
    requests, responses = tshark_http(t, path, nginx.port, '-o', 'http.desegment_body:FALSE')
    t.equal(counted(s['path'] for s in spans), counted(r['uri'].split('?')[0] for r in requests),
            'requests')
    t.equal(counted(str(s['status']) for s in spans), counted(r['code'] for r in responses),
            'statuses')
    exact(t, spans, exchanges)


@test
def ipv6(t):
    """7: IPv6"""
    nginx = Nginx(t)
    nginx_files(nginx)
    dump = Tcpdump(t, 'a.pcap', expression=f'ip6 and tcp port {nginx.port}')
    exchanges = exchange_some(('::1', nginx.port), ['/s/1k.txt', '/none', '/s/100k.txt'])
    spans, _ = agree(t, dump.stop(), exchanges, nginx.port)
    exact(t, spans, exchanges)
    t.equal({s['server_addr'] for s in spans}, {'::1'}, 'address')


def cooked(t, kind):
    server = Target(t, 'http')
    dump = Tcpdump(t, 'a.pcap', '-y', kind, interface='any', expression=f'tcp port {server.port}')
    exchanges = exchange_some(server.addr, ['/size/10', '/chunked/3000', '/status/404',
                                            '/size/90000'])
    spans, _ = agree(t, dump.stop(), exchanges, server.port)
    # on loopback "any" shows each packet as it leaves and as it arrives
    t.equal(len(spans), len(exchanges), 'spans')
    exact(t, spans, exchanges)


@test
def cooked_1(t):
    """8: -i any, Linux cooked v1"""
    cooked(t, 'LINUX_SLL')


@test
def cooked_2(t):
    """9: -i any, Linux cooked v2"""
    cooked(t, 'LINUX_SLL2')


@test
def begun_in_the_middle(t):
    """10: the capture begins while connections are open and a response is on its way"""
    nginx = Nginx(t)
    nginx_files(nginx)
    open_one, busy = Conn(nginx.addr), Conn(nginx.addr, rcvbuf=16384)
    open_one.get('/s/1k.txt')
    busy.request('GET', '/s/5m.txt')
    time.sleep(0.1)
    dump = Tcpdump(t, 'a.pcap', expression=f'tcp port {nginx.port}')
    busy.response()
    exchanges = [c.get(p) for c in (open_one, busy) for p in ('/s/1k.txt', '/none', '/s/100k.txt')]
    time.sleep(1.2) # of a connection that was joined a pause is no proof, but 32 exchanges are
    for _ in range(34):
        certain = [c.get('/s/1k.txt') for c in (open_one, busy)]
        exchanges += certain
    spans, _ = replay(t, dump.stop())
    whole = {s['path'] + '?' + s['query']: s for s in spans
             if set(s.get('incomplete', [])) <= {'attached-late'}}
    t.equal(set(whole), {x.path + '?' + x.query for x in exchanges}, 'whole exchanges')
    t.equal([whole[x.path + '?' + x.query].pop('incomplete', None) for x in certain], [None, None],
            'no doubt')
    for s in whole.values():
        s.pop('incomplete', None)
    exact(t, list(whole.values()), exchanges)
    t.check(len(spans) <= len(exchanges) + 1, f'spans too many: {len(spans)}')


@test
def pipelined(t):
    """11: pipelined requests, several in a packet"""
    nginx = Nginx(t)
    nginx_files(nginx)
    dump = Tcpdump(t, 'a.pcap', expression=f'tcp port {nginx.port}')
    c = Conn(nginx.addr)
    for p in ('/s/1k.txt', '/none', '/s/0.txt', '/s/100k.txt', '/s/1k.txt'):
        c.request('GET', p)
    exchanges = [c.response() for _ in range(5)]
    c.close()
    spans, _ = agree(t, dump.stop(), exchanges, nginx.port, lengths=False)
    exact(t, spans, exchanges)
    t.equal([s['path'] for s in sorted(spans, key=lambda s: s['seq'])], [x.path for x in exchanges],
            'order')


@test
def pcapng_from_tshark(t):
    """12: the same packets as pcapng, and in nanoseconds"""
    need('editcap')
    server = Target(t, 'http')
    dump = Tcpdump(t, 'a.pcap', '--nano', expression=f'tcp port {server.port}')
    exchanges = exchange_some(server.addr, ['/size/10', '/chunked/3000', '/status/404'])
    path = dump.stop()
    spans, _ = agree(t, path, exchanges, server.port)
    exact(t, spans, exchanges)
    ng = t.path('b.pcapng')
    t.equal(t.run(['editcap', '-F', 'pcapng', path, ng]).returncode, 0, 'editcap')
    again, _ = agree(t, ng, exchanges, server.port)

    def without_ids(rows):
        return [{k: v for k, v in s.items() if k not in ('conn', 'trace_id', 'span_id')}
                for s in rows]
    t.equal(without_ids(again), without_ids(spans), 'spans of the pcapng')


@test
def disordered(t):
    """13: a capture whose packets are shuffled a little and doubled: the same spans"""
    need('editcap', 'mergecap')
    nginx = Nginx(t)
    nginx_files(nginx)
    dump = Tcpdump(t, 'a.pcap', expression=f'tcp port {nginx.port}')
    exchanges = exchange_some(nginx.addr, ['/s/100k.txt', '/none', '/s/1k.txt', '/s/100k.txt'] * 2)
    path = dump.stop()
    spans, _ = agree(t, path, exchanges, nginx.port)
    twice = t.path('twice.pcap')
    shifted = t.path('shifted.pcap')
    t.run(['editcap', '-t', '0.00005', path, shifted])
    t.equal(t.run(['mergecap', '-F', 'pcap', '-w', twice, path, shifted]).returncode, 0, 'mergecap')
    again, _ = replay(t, twice)
    exact(t, again, exchanges)
    t.equal(len(again), len(spans), 'spans with every packet twice')


if __name__ == '__main__':
    sys.exit(main(needs_bpf=False))
