#!/usr/bin/env python3
"""A protocol that does not begin with its connection: behind a PROXY header, in the tunnel of a
CONNECT."""
import json
import os
import socket
import ssl
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'live')]

from capture import OK, Conversation, Packets, get  # noqa: E402
from lib import ZCTRACE, ZCTRACE_ASAN, main, test  # noqa: E402

V1 = b'PROXY TCP4 203.0.113.7 198.51.100.9 51234 80\r\n'
V2 = b'\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c' + \
    socket.inet_aton('203.0.113.7') + socket.inet_aton('198.51.100.9') + \
    struct.pack('>HH', 51234, 80)
CONNECT = b'CONNECT inside.test:443 HTTP/1.1\r\nHost: inside.test:443\r\n\r\n'
GRANTED = b'HTTP/1.1 200 Connection established\r\n\r\n'
ALERT = b'\x15\3\3\0\2\2\x28' # handshake_failure


def hello(name):
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(i, o, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return o.read()


def frame(kind, flags, stream, octets):
    return struct.pack('>I', len(octets))[1:] + bytes([kind, flags]) + struct.pack('>I',
                                                                                   stream) + octets


def literal(name, value):
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


H2 = (b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0, b'') +
      frame(1, 5, 1, literal(b':method', b'GET') +
      literal(b':scheme', b'http') + literal(b':path', b'/in') + literal(b':authority',
                                                                         b'inside.test')),
      frame(4, 0, 0, b'') + frame(1, 5, 1, literal(b':status', b'200')))
H1 = get('/in'), OK
TLS = hello('inside.test'), ALERT
WANT = {'http/1.1': ('/in', 200, None), 'h2': ('/in', 200, None), 'tls': (None, None, 'handshake')}


def shown(t, packets, *args):
    path = packets.pcap(t.path('c.pcap'))
    for binary in (ZCTRACE_ASAN, ZCTRACE):
        p = t.run([binary, '-r', path, '-o', 'json', *args])
        t.equal(p.returncode, 0, f'exit status: {p.stderr}')
    t.check('0 bytes not understood' in p.stderr, p.stderr)
    return [s for s in map(json.loads, p.stdout.splitlines()) if s['type'] == 'span']


def facts(span):
    return span['protocol'], (span.get('path'), span.get('status'), span.get('error'))


@test
def proxy_header(t):
    """1: PROXY headers and first bytes, cut anywhere"""
    for header in (V1, V2, b'PROXY UNKNOWN\r\n', b'\r\n\r\n\0\r\nQUIT\n\x20\0\0\0',
                   V2[:14] + b'\0\x14' + V2[16:] + b'\4\0\5extra', V2 + V1):
        for protocol, (request, response) in (('http/1.1', H1), ('h2', H2), ('tls', TLS)):
            both = header + request
            for cut in {0, 1, 5, 6, 13, len(header) - 1, len(header), len(header) + 1,
                        len(header) + 9}:
                p = Packets()
                c = Conversation(p)
                c.send(0, both[:cut])
                c.send(0, both[cut:])
                c.send(1, response)
                c.end()
                spans = shown(t, p)
                t.equal([facts(s) for s in spans], [(protocol, WANT[protocol])],
                        f'{header} and {protocol} cut at {cut}')
                t.equal([s.get('incomplete') for s in spans], [None],
                        f'{header} and {protocol} cut at {cut}: doubts')
                t.equal(spans[0]['req_bytes'], len(request),
                        f'{protocol}: size') if protocol != 'h2' else None
    p = Packets() # a method that begins like it
    c = Conversation(p)
    c.exchange(b'PROXYCHECK / HTTP/1.1\r\n\r\n', OK)
    t.equal([s['method'] for s in shown(t, p)], ['PROXYCHECK'], 'a method')


@test
def recorded(t):
    """2: a recording of it shows the same"""
    for header in (V1, V2, V1 + V2):
        p = Packets()
        c = Conversation(p)
        c.exchange(header + get('/in'), OK)
        c.end()
        shown(t, p, '-w', t.path('r.pcapng'))
        q = t.run([ZCTRACE, '-r', t.path('r.pcapng'), '-o', 'json'])
        spans = [s for s in map(json.loads, q.stdout.splitlines()) if s['type'] == 'span']
        t.equal([facts(s) for s in spans], [('http/1.1', WANT['http/1.1'])], q.stderr)


@test
def tunnel(t):
    """3: what goes through a tunnel is decoded, and linked to its CONNECT"""
    for protocol, (request, response) in (('http/1.1', H1), ('h2', H2), ('tls', TLS)):
        for together in (False, True): # the answer and what is first in the tunnel, in one segment
            p = Packets()
            c = Conversation(p, port=3128)
            c.send(0, CONNECT)
            if together and protocol == 'h2':
                c.send(1, GRANTED + response[:9])
                c.send(0, request)
                c.send(1, response[9:])
            else:
                c.send(1, GRANTED)
                c.exchange(request, response)
            c.end()
            outer, inner = shown(t, p)
            t.equal((outer['method'], outer['status'], 'parent_span_id' in outer),
                    ('CONNECT', 200, False), 'CONNECT')
            t.equal(facts(inner), (protocol, WANT[protocol]), 'what is inside')
            t.equal((inner['trace_id'], inner.get('parent_span_id'), inner.get('link')),
                    (outer['trace_id'], outer['span_id'], 'tunnel'), 'linked')
            t.equal(inner.get('incomplete'), None, 'no doubt')
            if protocol == 'tls':
                t.equal((inner['tls_sni'], inner['req_bytes'], inner['resp_bytes']),
                        ('inside.test', len(request), len(response)), 'its sizes')


@test
def tunnel_in_tunnel(t):
    """4: a CONNECT through a CONNECT; one that is refused, and what follows it"""
    p = Packets()
    c = Conversation(p, port=3128)
    c.exchange(CONNECT, GRANTED)
    c.exchange(CONNECT, GRANTED)
    c.exchange(*H1)
    c.exchange(get('/more'), OK)
    spans = shown(t, p)
    t.equal([s['method'] for s in spans], ['CONNECT', 'CONNECT', 'GET', 'GET'], 'spans')
    t.equal([s.get('parent_span_id') for s in spans],
            [None, spans[0]['span_id'], spans[1]['span_id'], spans[1]['span_id']], 'parents')
    p = Packets()
    c = Conversation(p, port=3128)
    c.exchange(CONNECT, b'HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n')
    c.exchange(*H1)
    t.equal([(s['method'], s['status'], s.get('link')) for s in shown(t, p)],
            [('CONNECT', 407, None), ('GET', 200, None)], 'refused')
    traced = get('/in')[:-2] + b'traceparent: 00-' + b'ab' * 16 + b'-' + b'cd' * 8 + b'-01\r\n\r\n'
    p = Packets()
    c = Conversation(p, port=3128)
    c.exchange(CONNECT, GRANTED)
    c.exchange(traced, OK)
    t.equal(shown(t, p)[1]['link'], 'traceparent', 'a context of its own comes first')


@test
def tunnel_unknown(t):
    """5: what is not known inside of a tunnel is counted, and no span"""
    p = Packets()
    c = Conversation(p, port=3128)
    c.exchange(CONNECT, GRANTED)
    c.exchange(b'\0\1\2 something \xff' * 9, b'else' * 7)
    c.end()
    for args in ([], ['-w', t.path('r.pcapng')]):
        q = t.run([ZCTRACE_ASAN, '-r', p.pcap(t.path('c.pcap')), '-o', 'json', *args])
        spans = [s for s in map(json.loads, q.stdout.splitlines()) if s['type'] == 'span']
        t.equal([s['method'] for s in spans], ['CONNECT'], 'spans')
        t.check(f'{9 * 15 + 28} bytes not understood' in q.stderr, q.stderr)


sys.exit(main(needs_bpf=False))
