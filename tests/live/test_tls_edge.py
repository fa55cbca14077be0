#!/usr/bin/env python3
"""OpenSSL used in unusual ways: nothing is counted twice, nothing is missed."""
import json
import os
import sys
import time

from client import compare_all
from lib import Skip, Zctrace, compile_c, main, need, test
from load import nginx_files
from tls_targets import (NginxTls, Peer, RawTls, TlsConn, certs, check_tls, compare_known, context,
                         ports)


def edge(t, mode, *prefix, program=None, **options):
    program = program or compile_c(t, 'tls_edge.c', '-lssl', '-lcrypto')
    return Peer(t, [*prefix, program, *certs().pair(), mode], **options)


def in_turn(t, mode, version=None, connections=4, sizes=(0, 10, 3000, 100000)):
    """Connections one after the other; each span as the client knows it. Returns how often what
    the mode is for has happened on each."""
    server = edge(t, mode)
    z = Zctrace(t, '--port', server.port)
    exchanges = []
    for _ in range(connections):
        c = TlsConn(server.addr, context(version))
        exchanges += [c.get(f'/size/{n}') for n in sizes]
        exchanges.append(c.get('/echo', 'POST', body=b'b' * 50000))
        for _ in range(3):
            c.request('GET', '/size/5')
        exchanges += [c.response() for _ in range(3)]
        c.close()
    t.equal({x.status for x in exchanges}, {200}, 'statuses')
    z.wait_spans(len(exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')
    ports(t, z.spans, server.port)
    t.equal((z.end.get('lost_events'), z.end.get('unparsed_bytes')), (0, 0), 'lost, unparsed')
    return [r['happened'] for r in server.told(1 + connections)[1:]]


@test
def plain(t):
    """SSL_read and SSL_write, a connection after the other with SSL objects at one address"""
    in_turn(t, 'plain', connections=12)


@test
def ex(t):
    """SSL_read_ex and SSL_write_ex"""
    in_turn(t, 'ex')


@test
def peek(t):
    """SSL_peek and SSL_peek_ex before each SSL_read: nothing is counted twice"""
    in_turn(t, 'peek')


@test
def renegotiation(t):
    """TLS 1.2 that negotiates anew after each response"""
    t.equal(in_turn(t, 'renegotiate', '1.2'), [8] * 4, 'new handshakes on each connection')


@test
def key_update(t):
    """TLS 1.3 with new keys after each response"""
    t.equal(in_turn(t, 'update', '1.3'), [8] * 4, 'new keys on each connection')


@test
def cleared(t):
    """one SSL object for one connection after the other (SSL_clear)"""
    in_turn(t, 'clear')


def slowly(t, mode):
    """Large responses to a client that reads slowly, so that writes must be tried again."""
    server = edge(t, mode)
    z = Zctrace(t, '--port', server.port)
    exchanges = []
    c = TlsConn(server.addr, context(), rcvbuf=8192)
    for n in (3_000_000, 10, 1_000_000):
        c.request('GET', f'/size/{n}')
        time.sleep(0.1)
        exchanges.append(c.response())
    c.close()
    z.wait_spans(3)
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')
    t.check(server.told(2)[1]['happened'] > 3, f'writes tried again: {server.told()}')


@test
def moving_buffer(t):
    """a write that is tried again from another buffer counts once"""
    slowly(t, 'moving')


@test
def partial_writes(t):
    """writes that take a part of what they are given"""
    slowly(t, 'partial')


@test
def half_close(t):
    """a client that closes its half after the request; a response without framing"""
    server = edge(t, 'close')
    z = Zctrace(t, '--port', server.port)
    known = []
    for i, version in enumerate(('1.2', '1.3')):
        c = RawTls(server.addr, context(version))
        c.until(c.tls.write,
                f'GET /size/5000?id=half{i} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
        c.half_close()
        got = b''
        while piece := c.until(c.tls.read, 65536):
            got += piece
        c.s.close()
        t.equal(len(got), 19 + 5000, 'octets of the response')
        known.append(dict(id=f'half{i}', method='GET', path='/size/5000', status=200, sent=0,
                          received=5000, port=c.port,
                          version=version, sni='localhost'))
    z.wait_spans(2)
    z.stop()
    compare_known(t, z.spans, known)
    check_tls(t, z.spans, 'openssl', {k['port']: k for k in known})


@test
def early_data(t):
    """a request in early data (TLS 1.3, 0-RTT) and one after it: each once"""
    server = edge(t, 'early')
    session = t.path('session')
    z = Zctrace(t, '--port', server.port)
    client = (f'openssl s_client -connect 127.0.0.1:{server.port} -CAfile {certs().ca} '
              '-servername localhost -tls1_3 -quiet -no_ign_eof')
    first = t.file('first', 'GET /size/10?id=e0 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    t.run(['sh', '-c', f'(cat {first}; sleep 0.4) | {client} -sess_out {session}'])
    early = t.file('early', 'POST /echo?id=e1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: '
                            '300\r\n\r\n' + 'e' * 300)
    late = t.file('late', 'GET /size/77?id=e2 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    p = t.run(['sh', '-c', f'(sleep 0.2; cat {late}; sleep 0.4) | {client} -sess_in {session} '
                           f'-early_data {early}'])
    told = [r['early'] for r in server.told(3)[1:]]
    z.wait_spans(3)
    z.stop()
    t.equal(told, [0, os.path.getsize(early)],
            f'octets of early data that the server read {p.stderr[-300:]}')
    got = [(s.get('query'), s['method'], s.get('path'), s.get('status'), s.get('req_body_bytes'),
            s.get('resp_body_bytes'),
            s['seq'], s['tls'], s.get('tls_version'), s.get('tls_sni'))
           for s in sorted(z.spans, key=lambda s: s['time'])]
    tls = ('openssl', '1.3', 'localhost')
    t.equal(got, [('id=e0', 'GET', '/size/10', 200, 0, 10, 0, *tls),
                  ('id=e1', 'POST', '/echo', 200, 300, 4, 0, *tls),
                  ('id=e2', 'GET', '/size/77', 200, 0, 77, 1, *tls)], 'spans')
    t.check(not any('incomplete' in s for s in z.spans), 'incomplete spans')
    ports(t, z.spans, server.port)


@test
def established_before(t):
    """connections that were there before attaching, one in the middle of a response"""
    nginx = NginxTls(t)
    nginx_files(nginx)
    idle = [TlsConn(nginx.addr, context(v)) for v in ('1.2', '1.3') * 5]
    for c in idle:
        c.get('/s/1k.txt')
    busy = TlsConn(nginx.addr, context(), rcvbuf=8192)
    unseen = busy.request('GET', '/s/5m.txt')
    time.sleep(0.1)
    z = Zctrace(t, '--port', nginx.port)
    busy.response()
    exchanges = [busy.get('/s/100k.txt') for _ in range(2)]
    for path in ('/s/1k.txt', '/none', '/s/100k.txt'):
        for c in idle:
            exchanges.append(c.get(path))
    for c in (*idle, busy):
        c.close()
    z.wait_spans(len(exchanges))
    z.stop()
    spans = [s for s in z.spans if s.get('query') and s['query'] != unseen.query]
    compare_known(t, spans, [dict(id=x.id, method='GET', path=x.path, status=x.status, sent=0,
                                  port=x.client_port,
                                  received=x.resp_body_bytes) for x in exchanges])
    t.equal({s['tls'] for s in spans}, {'openssl'}, 'tls')
    ports(t, spans, nginx.port)
    for s in z.spans:
        t.check(s in spans or {'attached-late', 'request-not-seen'} & set(s.get('incomplete', [])),
                f'a span of the response that was under way, not said to be so: {s}')


@test
def kernel_tls(t):
    """nginx with kTLS: each octet counts once"""
    with open('/proc/sys/net/ipv4/tcp_available_ulp', encoding='ascii') as f:
        if 'tls' not in f.read().split():
            raise Skip('this kernel has no TLS of its own')
    nginx = NginxTls(t, 'ssl_conf_command Options KTLS;')
    nginx_files(nginx)
    z = Zctrace(t, '--port', nginx.port)
    exchanges = []
    for version in ('1.2', '1.3'):
        c = TlsConn(nginx.addr, context(version))
        exchanges += [c.get(f'/s/{n}.txt') for n in ('1k', '5m', '0', '100k')]
        c.close()
    z.wait_spans(len(exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')


def static_program(t, strip):
    program = compile_c(t, 'tls_edge.c', '-static', '-lssl', '-lcrypto')
    if strip:
        need('strip')
        t.run(['cp', program, program + '-full'])
        t.run(['strip', program])
    return program


def three(t, server, *args):
    """Three exchanges on each of two connections; (exchanges, connections, zctrace)."""
    z = Zctrace(t, '--port', server.port, *args)
    exchanges, conns = [], [TlsConn(server.addr, context('1.2'))]
    exchanges += [conns[0].get(f'/size/{n}') for n in (1, 20, 30000)]
    conns[0].close()
    conns.append(TlsConn(server.addr, context('1.3')))
    exchanges += [conns[1].get(f'/size/{n}') for n in (1, 20, 30000)]
    conns[1].close()
    time.sleep(0.3)
    return exchanges, conns, z.stop()


@test
def static_with_symbols(t):
    """OpenSSL linked into a program, with symbols"""
    server = edge(t, 'plain', program=static_program(t, False))
    exchanges, _, z = three(t, server)
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')


@test
def static_stripped(t):
    """OpenSSL linked into a stripped program: found, or each connection is shown as encrypted"""
    server = edge(t, 'plain', program=static_program(t, True))
    exchanges, conns, z = three(t, server)
    found = [s for s in z.spans if s['protocol'] == 'http/1.1']
    print(f'# shows static, stripped OpenSSL: {"found" if found else "encrypted connections only"}')
    if found:
        compare_all(t, z.spans, exchanges)
        check_tls(t, z.spans, 'openssl')
        return
    got = sorted((s['protocol'], s.get('client_port'), s.get('tls_sni'), s.get('tls_version'))
                 for s in z.spans)
    t.equal(got, sorted(('tls', c.port, 'localhost', c.version) for c in conns), 'spans')
    t.check({s['tls'] for s in z.spans} <= {'unknown', 'openssl'},
            f'tls: {({s["tls"] for s in z.spans})}')
    t.check('tls' in z.err().lower() or [n for n in z.notes if 'tls' in json.dumps(n).lower()],
            'nobody says that its TLS library cannot be seen')


@test
def given_symbols(t):
    """the same with --tls-symbol"""
    need('nm')
    program = static_program(t, True)
    rows = {r.split()[2]: r.split()[0] for r in t.run(['nm', program + '-full']).stdout.splitlines()
            if len(r.split()) == 3}
    server = edge(t, 'plain', program=program)
    given = [x for f in ('SSL_read', 'SSL_write', 'SSL_free', 'SSL_do_handshake')
             for x in ('--tls-symbol', f'openssl:{f}=0x{rows[f]}')]
    exchanges, _, z = three(t, server, *given)
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')


if __name__ == '__main__':
    sys.exit(main())
