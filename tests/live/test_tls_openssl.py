#!/usr/bin/env python3
"""OpenSSL as shared library: nginx, haproxy, Apache, curl, wrk, h2load over TLS, without a key."""
import collections
import re
import sys

from client import compare_all
from h2tools import h2load
from lib import Zctrace, by_id, main, need, query_id, test
from load import NGINX_SERVER, exercise, mixed, nginx_files
from servers import Node, Target
from tls_targets import (CURL, Apache, HaproxyTls, NginxTls, Part, TlsConn, certs, check_tls,
                         compare_known,
                         connector, context, known_curl, ports, records_among)


def both_versions(alpn='http/1.1'):
    return connector(context('1.2', [alpn]), context('1.3', [alpn]))


def quiet_end(t, z):
    t.equal((z.end.get('lost_events'), z.end.get('unparsed_bytes')), (0, 0), 'lost, unparsed')


def nginx_mixed(t, family):
    """The mixed load through nginx by TLS 1.2 and 1.3; (nginx, exchanges, zctrace)."""
    backend = Target(t, 'http')
    nginx = NginxTls(t, NGINX_SERVER.format(dir=t.path('nginx'), backend=backend.port), cert=family)
    nginx_files(nginx)
    connect = both_versions()
    z = Zctrace(t, '--port', nginx.port)
    exchanges = mixed(t, nginx.addr, 4, 50, connect=connect)
    big = connect(nginx.addr)
    exchanges += [big.get('/s/5m.txt') for _ in range(3)]
    exchanges.append(big.get('/s/5m.txt', 'HEAD'))
    big.close()
    z.wait_spans(len(exchanges) + sum(x.path.startswith('/up/') for x in exchanges))
    return nginx, exchanges, z.stop()


@test
def nginx_http1(t):
    """nginx, HTTP/1.1 by TLS 1.2 and 1.3: the client's octet counts, nginx's log, calls
    downstream"""
    nginx, exchanges, z = nginx_mixed(t, 'rsa')
    spans = z.spans
    found = compare_all(t, spans, exchanges)
    mine = [s for s in spans if s['kind'] == 'server']
    check_tls(t, mine, 'openssl')
    ports(t, mine, nginx.port)
    t.equal({s['tls_version'] for s in mine if 'tls_version' in s}, {'1.2', '1.3'}, 'versions')
    t.equal({s['pid'] for s in mine} - set(nginx.workers()), set(), 'pids other than nginx')
    log = collections.Counter((r['port'], r['version'], r['cipher'], r['sni'], r['method'],
                               r['target'],
                               r['status'], r['req_bytes'], r['resp_bytes'])
                              for r in nginx.tls_rows(len(exchanges)))
    got = collections.Counter((s.get('client_port'), s.get('tls_version'), s.get('tls_cipher'),
                               s.get('tls_sni'),
                               s['method'], s['path'] + '?' + s['query'], s.get('status'),
                               s.get('req_bytes'),
                               s.get('resp_bytes')) for s in mine)
    t.equal((got - log, log - got), (collections.Counter(), collections.Counter()), 'spans and log')
    down = by_id(spans, 'client')
    t.equal(set(down), {x.id for x in exchanges if x.path.startswith('/up/')}, 'calls downstream')
    for name, s in down.items():
        t.equal((s['tls'], s['method'], s['path']),
                (False, found[name]['method'], found[name]['path']), f'call {name}')
    quiet_end(t, z)


@test
def nginx_ecdsa(t):
    """nginx with an ECDSA certificate, by IPv4 and IPv6; each TLS 1.2 cipher by its standard's
    name"""
    nginx = NginxTls(t, cert='ec')
    z = Zctrace(t, '--port', nginx.port)
    exchanges = []
    for name in ('ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384',
                 'ECDHE-ECDSA-CHACHA20-POLY1305'):
        ctx = context('1.2')
        ctx.set_ciphers(name)
        for host in ('127.0.0.1', '::1'):
            c = TlsConn((host, nginx.port), ctx)
            exchanges += [c.get('/index.html') for _ in range(2)]
            t.equal(c.cipher, nginx.tls_rows(len(exchanges))[-1]['cipher'],
                    'cipher of client and server')
            c.close()
    z.wait_spans(len(exchanges))
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')
    t.equal(collections.Counter(s.get('client_addr') for s in found.values()),
            {'127.0.0.1': 6, '::1': 6}, 'addresses')


@test
def nginx_resumed(t):
    """resumed sessions of TLS 1.2 and 1.3: seen as others are"""
    nginx = NginxTls(t)
    z = Zctrace(t, '--port', nginx.port)
    exchanges, resumed = [], 0
    for version in ('1.2', '1.3'):
        ctx, session = context(version), None
        for _ in range(4):
            c = TlsConn(nginx.addr, _Resuming(ctx, session))
            exchanges.append(c.get('/index.html'))
            session, resumed = c.s.session, resumed + c.s.session_reused
            c.close()
    z.wait_spans(8)
    z.stop()
    t.equal(resumed, 6, 'resumed sessions')
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')


class _Resuming:
    """A context whose sockets resume a session."""

    def __init__(self, ctx, session):
        self.ctx, self.session = ctx, session

    def wrap_socket(self, s, server_hostname):
        return self.ctx.wrap_socket(s, server_hostname=server_hostname, session=self.session)


@test
def nginx_http2(t):
    """nginx, HTTP/2 by ALPN, under h2load and curl: nginx's log with each client's port"""
    need('curl')
    nginx = NginxTls(t, 'location = /e { return 503; }')
    for i, size in enumerate((0, 10, 5000, 300000)):
        nginx.file(f'f{i}', b'n' * size)
    z = Zctrace(t, '--port', nginx.port)
    url = nginx.url
    h2load(t, [f'{url}/f{i}?q={i}' for i in range(4)] + [f'{url}/none', f'{url}/e'], 1200, 4, 10)
    p = t.run(['curl', '-sS', '--cacert', certs().ca, '--http2', '--tls-max', '1.2', '-o',
               '/dev/null', '-w', CURL,
               '-d', 'x=1', f'{url}/f1?curl=1'])
    t.equal(known_curl(p.stdout)['version'], '2', 'curl --http2')
    spans = z.wait_spans(1201)
    z.stop()
    rows = nginx.tls_rows(1201)
    want = collections.Counter((r['method'], r['target'], r['status'], r['received'], r['port'])
                               for r in rows)
    got = collections.Counter((s['method'], s['path'] + ('?' + s['query'] if 'query' in s else ''),
                               s.get('status'),
                               s.get('resp_body_bytes'), s.get('client_port')) for s in spans)
    t.equal(got - want, collections.Counter(), 'spans that are not in the log')
    t.equal(want - got, collections.Counter(), 'log entries without a span')
    t.equal({s['protocol'] for s in spans}, {'h2'}, 'protocol')
    check_tls(t, spans, 'openssl', {r['port']: r for r in rows})
    ports(t, spans, nginx.port)
    t.equal({s['tls_version'] for s in spans if 'tls_version' in s}, {'1.2', '1.3'}, 'versions')


def haproxy_behind(t, backend, listening):
    """Both HTTP/1.1 and HTTP/2 through haproxy; its log, its server spans, its calls."""
    proxy = HaproxyTls(t, backend)
    z = Zctrace(t, '--port', proxy.port)
    exchanges = exercise(t, proxy.addr, connect=both_versions())
    told = []
    for i in range(3):
        p = t.run(['curl', '-sS', '--cacert', certs().ca, '--http2', '-H', f'X-Id: h{i}', '-o',
                   '/dev/null', '-w', CURL,
                   f'{proxy.url}/size/{i * 20000}?id=h{i}'])
        told.append(known_curl(p.stdout))
    log = proxy.log(len(exchanges) + 3)
    spans = z.wait_spans(2 * len(exchanges) + 6)
    z.stop()
    over_h2 = [s for s in spans if s['protocol'] == 'h2']
    found = compare_all(t, [s for s in spans if s not in over_h2], exchanges)
    mine = [s for s in spans if s['kind'] == 'server']
    check_tls(t, mine, 'openssl', {**TlsConn.known,
                                   **{k['port']: {'sni': 'localhost'} for k in told}})
    compare_known(t, over_h2, [dict(k, id=f'h{i}', method='GET', path=f'/size/{i * 20000}',
                                    stream=1)
                               for i, k in enumerate(told)])
    for s in mine:
        row = log.get(query_id(s))
        if t.check(row, f'{query_id(s)}: not in the log'):
            t.equal([s['method'], s['path'] + '?' + s['query'], str(s.get('status')),
                     str(s.get('client_port'))],
                    [row[1], row[2].replace(proxy.url, ''), row[3], row[6]],
                    f'log line of {query_id(s)}')
    calls = by_id(spans, 'client')
    t.equal(set(calls), {x.id for x in exchanges} | {'h0', 'h1', 'h2'}, 'calls to the backend')
    for name, s in calls.items():
        t.equal((s.get('server_port'), s['pid'], str(s.get('client_port'))),
                (listening, proxy.pid, log[name][10]),
                f'call of {name}')
    for name, s in found.items():
        c = calls.get(name, {})
        t.equal((c.get('status'), c.get('method'), c.get('resp_body_bytes')),
                (s.get('status'), s['method'], s.get('resp_body_bytes')), f'call of {name}')
    return calls.values()


@test
def haproxy(t):
    """haproxy terminates TLS before a Node server in cleartext"""
    backend = Node(t)
    calls = haproxy_behind(t, f'127.0.0.1:{backend.port}', backend.port)
    t.equal({s['tls'] for s in calls}, {False}, 'tls of the calls')


@test
def haproxy_originates(t):
    """haproxy terminates TLS and speaks TLS to nginx, which proxies to a Python server"""
    inner = Target(t, 'http')
    nginx = NginxTls(t, f'location / {{ proxy_pass http://127.0.0.1:{inner.port}; '
                        'proxy_http_version 1.1; '
                     'proxy_buffering off; }')
    calls = haproxy_behind(t, f'127.0.0.1:{nginx.port} ssl verify required ca-file {certs().ca} '
                           'sni str(localhost) ssl-min-ver TLSv1.2', nginx.port)
    rows = nginx.tls_rows(len(calls))
    t.equal({s['tls'] for s in calls}, {'openssl'}, 'tls of the calls')
    check_tls(t, calls, 'openssl', {r['port']: r for r in rows})


@test
def nginx_originates(t):
    """nginx before another nginx, TLS on both sides, connections upstream that are kept"""
    inner = NginxTls(t, 'location /in { return 200 "inner"; }')
    outer = NginxTls(Part(t, 'outer'), f'location / {{ proxy_pass https://up; proxy_http_version '
                                       '1.1; proxy_ssl_name localhost; '
                     'proxy_ssl_server_name on; proxy_set_header Connection ""; proxy_ssl_verify '
                     'on; '
                     f'proxy_ssl_trusted_certificate {certs().ca}; }}',
                     f'upstream up {{ server 127.0.0.1:{inner.port}; keepalive 8; }}')
    z = Zctrace(t, '--port', outer.port)
    connect = both_versions()
    conns, exchanges = [connect(outer.addr) for _ in range(8)], []
    for path in ('/in', '/index.html', '/none') * 4:
        for c in conns:
            c.request('GET', path)
        exchanges += [c.response() for c in conns]
    for c in conns:
        c.close()
    spans = z.wait_spans(2 * len(exchanges))
    z.stop()
    found, calls = compare_all(t, spans, exchanges), by_id(spans, 'client')
    check_tls(t, found.values(), 'openssl')
    rows = inner.tls_rows(len(exchanges))
    port = {r['target'].split('id=')[1]: r['port'] for r in rows}
    t.equal({n: (s.get('path'), s.get('status'), s.get('client_port'), s.get('server_port')) for n,
             s in calls.items()},
            {x.id: (x.path, x.status, port[x.id], inner.port) for x in exchanges}, 'calls')
    check_tls(t, calls.values(), 'openssl', {r['port']: r for r in rows})


@test
def apache(t):
    """Apache with mod_ssl, HTTP/1.1 and HTTP/2: its log, curl's figures"""
    need('curl')
    server = Apache(t)
    for name, n in (('a', 5), ('b', 200000), ('c', 3000000)):
        server.file(name, b'q' * n)
    z = Zctrace(t, '--port', server.port)
    known, names = [], ['index.html', 'a', 'b', 'c', 'none'] * 2
    for i, name in enumerate(names):
        p = t.run(['curl', '-sS', '--cacert', certs().ca, ['--http1.1', '--http2'][i % 2],
                   '--tls-max', ['1.2', '1.3'][i // 5],
                   '-H', f'X-Id: p{i}', '-o', '/dev/null', '-w', CURL,
                   f'{server.url}/{name}?id=p{i}'])
        known.append(dict(known_curl(p.stdout), id=f'p{i}', method='GET', path=f'/{name}'))
    connect = both_versions()
    c = connect(server.addr)
    exchanges = [c.get('/' + name) for name in ['a', 'b', 'none'] * 5]
    c.close()
    rows = server.rows(len(known) + len(exchanges))
    spans = z.wait_spans(len(rows))
    z.stop()
    ids = {x.id for x in exchanges}
    compare_all(t, [s for s in spans if query_id(s) in ids], exchanges)
    for version, protocol in (('1.1', 'http/1.1'), ('2', 'h2')):
        part = [k for k in known if k['version'] == version]
        t.equal(len(part), 5, f'curl by {protocol}')
        names = {k['id'] for k in part}
        compare_known(t, [s for s in spans if query_id(s) in names], part, protocol=protocol)
    check_tls(t, spans, 'openssl', {**TlsConn.known, **{k['port']: dict(
        sni='localhost', version=['1.2', '1.3'][i // 5], alpn=['http/1.1', 'h2'][i % 2])
        for i, k in enumerate(known)}})
    t.equal(sorted((r[0], r[1], r[2], r[3], r[4]) for r in rows),
            sorted((query_id(s), s['method'], s['path'] + '?' + s['query'], str(s.get('status')),
                    str(s.get('client_port'))) for s in spans), 'the log')
    t.equal({s['pid'] for s in spans} - set(server.pids()), set(),
            'pids other than those of Apache')


@test
def curl_client(t):
    """curl as COMMAND over TLS: its own figures, by HTTP/1.1 and HTTP/2, TLS 1.2 and 1.3"""
    need('curl')
    backend = Target(t, 'http')
    nginx = NginxTls(t, NGINX_SERVER.format(dir=t.path('nginx'), backend=backend.port))
    nginx_files(nginx)
    upload = ['--data-binary', '@' + t.file('upload', b'u' * 300000), '-H', 'Expect:']
    gets, posts = ['/s/1k.txt', '/s/100k.txt', '/s/none.txt'], ['/up/echo', '/up/a', '/up/b']
    for args, paths in ((['--http1.1', '--tls-max', '1.2'], gets), (['--http1.1'], gets),
                        (['--http1.1', *upload], posts),
                        (['--http2', '--tls-max', '1.2'], gets), (['--http2'], gets),
                        (['--http2', *upload], posts)):
        urls = [x for path in paths for x in ('-o', '/dev/null', nginx.url + path)]
        z = Zctrace(t, '--', 'curl', '-sS', '--cacert', certs().ca, '-w', '%{stderr}' + CURL, *args,
                    *urls, wait=False)
        t.equal(z.wait(), 0, 'exit status')
        told = [known_curl(x) for x in z.err().splitlines() if x.startswith('{"version"')]
        spans = sorted((s for s in z.spans if s['kind'] == 'client'), key=lambda s: s['time'])
        what = ' '.join(args[:3])
        if t.equal((len(told), len(spans), len(z.spans)), (3, 3, 3), f'{what}: transfers, spans'):
            check_curl(t, what, paths, told, spans)
        check_tls(t, spans, 'openssl', {r['port']: r for r in nginx.tls_rows()})
        ports(t, spans, nginx.port)


def check_curl(t, what, paths, told, spans):
    for k, s, path in zip(told, spans, paths):
        want = ('http/1.1' if 'http1.1' in what else 'h2', path, k['status'], k['received'],
                k['sent'], k['port'], 'curl')
        got = (s['protocol'], s['path'], s.get('status'), s.get('resp_body_bytes'),
               s.get('req_body_bytes'),
               s.get('client_port'), s.get('comm'))
        t.equal(got, want, f'{what} {path}: as curl tells')
        t.check(s.get('duration_ns', 1 << 60) <= k['total'] * 1e9 + 1e6,
                f'{what}: {s.get("duration_ns")} > {k["total"]} s')
    shaken = (told[0]['shaken'] - told[0]['begun']) * 1e9
    t.between(1, spans[0].get('handshake_ns'), shaken + 1e6,
              f'{what}: handshake_ns, to curl {shaken}')


@test
def wrk_client(t):
    """wrk as COMMAND and nginx at once: both ends of every exchange, and nginx's log"""
    need('wrk')
    nginx = NginxTls(t)
    server = Zctrace(t, '--port', nginx.port)
    z = Zctrace(t, '--', 'wrk', '-t2', '-c8', '-d1s', nginx.url + '/index.html', wait=False)
    t.equal(z.wait(), 0, 'exit status')
    counted = int(re.search(r'(\d+) requests in',
                            z.out()).group(1)) if 'requests in' in z.out() else None
    rows = nginx.tls_rows(counted or 1)
    server.wait_spans(len(rows))
    server.stop()
    t.check(counted and counted > 100, f'wrk: {z.out()[-500:]}')
    log = collections.Counter(r['port'] for r in rows)
    by_port = {r['port']: r for r in rows}
    ends = [s for s in server.spans if s['kind'] == 'server']
    t.equal(collections.Counter(s.get('client_port') for s in ends), log, 'server spans by port')
    check_tls(t, ends, 'openssl', by_port)
    calls = [s for s in records_among(z) if s['kind'] == 'client' and s.get('status')]
    t.between(counted, len(calls), len(rows),
              'calls that were answered, wrk\'s count and the log\'s')
    t.equal(collections.Counter(s.get('client_port') for s in calls) - log, collections.Counter(),
            'calls by port')
    check_tls(t, calls, 'openssl', by_port)
    t.equal({(s['status'], s['resp_body_bytes']) for s in ends + calls}, {(200, 612)},
            'status, content')


@test
def h2load_client(t):
    """h2load as COMMAND over TLS: 2,000 streams, each one's status and content"""
    need('h2load')
    nginx = NginxTls(t)
    for i, size in enumerate((1, 700, 40000)):
        nginx.file(f'f{i}', b'n' * size)
    z = Zctrace(t, '--', 'h2load', '-n', '2000', '-c', '4', '-m', '8', '-t', '1',
                *[f'{nginx.url}/f{i}' for i in range(3)], wait=False)
    t.equal(z.wait(), 0, 'exit status')
    t.check('2000 succeeded' in z.out(), f'h2load: {z.out()[-800:]}')
    spans = [s for s in records_among(z) if s['kind'] == 'client']
    rows = nginx.tls_rows(2000)
    want = collections.Counter((r['target'], r['status'], r['received'], r['port']) for r in rows)
    got = collections.Counter((s.get('path'), s.get('status'), s.get('resp_body_bytes'),
                               s.get('client_port')) for s in spans)
    t.equal((got - want, want - got), (collections.Counter(), collections.Counter()),
            'spans and log')
    t.equal({s['protocol'] for s in spans}, {'h2'}, 'protocol')
    check_tls(t, spans, 'openssl', {r['port']: r for r in rows})


@test
def many_50000(t):
    """50,000 requests over 64 connections: none lost, and every one has its own connection's
    port"""
    nginx = NginxTls(t)
    z = Zctrace(t, '--port', nginx.port)
    p = t.run(['h2load', '--h1', '-n', '50000', '-c', '64', '-t', '1', nginx.url + '/index.html'])
    m = re.search(r'(\d+) succeeded', p.stdout)
    t.equal(m and m.group(1), '50000', 'h2load')
    rows = nginx.tls_rows(50000)
    z.wait_spans(50000, 15)
    z.stop()
    spans = [s for s in z.spans if s['kind'] == 'server']
    lost = z.end.get('lost_events')
    t.equal((len(spans), lost), (50000, 0), 'spans, events lost')
    log, got = collections.Counter(r['port']
                                   for r in rows), collections.Counter(s.get('client_port')
                                                                       for s in spans)
    t.equal(len(log), 64, 'connections in the log')
    t.equal(got, log, 'spans by port')
    t.equal({(s['path'], s.get('status'), s.get('resp_body_bytes'), s['tls']) for s in spans},
            {('/index.html', 200, 612, 'openssl')}, 'what differs')
    t.equal(collections.Counter(tuple(s.get('incomplete', ())) for s in spans), {(): 50000},
            'incomplete')
    seqs = collections.defaultdict(set)
    for s in spans:
        seqs[s.get('client_port')].add(s['seq'])
    t.check(all(x == set(range(log[p])) for p, x in seqs.items()),
            'ordinals from 0 without gaps on each connection')


if __name__ == '__main__':
    sys.exit(main())
