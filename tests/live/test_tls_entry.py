#!/usr/bin/env python3
"""Probes behind a function's first instruction: OpenSSL as distributions build it that mark the
targets of jumps (endbr64), and where several functions of one call are probed."""
import glob
import os
import sys

from client import compare_all
from disasm import Binary
from lib import HERE, ROOT, Skip, Zctrace, main, need, test
from tls_targets import Peer, TlsConn, certs, check_tls, context, ports

WRAPPED = ('SSL_read', 'SSL_read_ex', 'SSL_write', 'SSL_write_ex', 'SSL_do_handshake', 'SSL_accept',
           'SSL_connect',
           'SSL_free')
CALLS = WRAPPED[:4]
SCAN = os.path.join(ROOT, 'build', 'o', 'tlsbin', 'scan')


def build(t, *argv):
    p = t.run(argv)
    if p.returncode:
        raise Skip(f'{argv[0]} does not work here: {p.stderr.strip()[-200:]}')


def inner_library(t):
    """OpenSSL's archives, in which what is wrapped has other names."""
    need('cc', 'objcopy')
    found = glob.glob('/usr/lib/*-linux-gnu/libssl.a') + glob.glob('/usr/lib64/libssl.a')
    if not found:
        raise Skip('no static OpenSSL here')
    out = t.path('libinner.a')
    build(t, 'objcopy', *[f'--redefine-sym={n}=inner_{n}' for n in WRAPPED], found[0], out)
    return out, found[0].replace('libssl', 'libcrypto')


def wrapper(t, name, *flags, inner=()):
    """libNAME.so, which has all of OpenSSL in it (inner) or needs it, and the server that uses
    it."""
    need('cc')
    library = t.path(f'lib{name}.so')
    build(t, 'cc', '-w', '-shared', '-fPIC', '-fcf-protection=full', '-s', *flags, '-o', library,
          os.path.join(HERE, 'tls_wrap.c'),
          *(['-DINNER', '-Wl,--whole-archive', *inner, '-Wl,--no-whole-archive'] if inner else []),
          '-ldl', '-lpthread')
    program = t.path(f'server-{name}')
    build(t, 'cc', '-O1', '-o', program, os.path.join(HERE, 'tls_edge.c'), f'-L{t.tmp}',
          f'-l{name}',
          *([] if inner else ['-lssl', '-lcrypto']), '-lpthread', f'-Wl,-rpath,{t.tmp}')
    return library, program


def places(t, library):
    """How far behind each function's beginning the scanner wants its probe, after a comparison with
    objdump."""
    out = t.run([SCAN, library]).stdout
    points = {int(line.split()[1], 16) for line in out.splitlines() if line.startswith('point ')}
    b = Binary(library, dynamic=True)
    t.check(b.code(b.va['SSL_read'], 4)[0].text == 'endbr64', 'SSL_read begins with endbr64')
    want = {n: b.offset(b.cheap(b.va[n]) or b.va[n]) for n in CALLS}
    t.check(set(want.values()) <= points, f'points {sorted(points)}, by objdump {want}')
    return [want[n] - b.first(n) for n in CALLS]


def serve(t, program, mode, connections=3):
    """Requests to the server, each of which must be shown once and as the client knows it."""
    server = Peer(t, [program, *certs().pair(), mode])
    z = Zctrace(t, '--port', server.port)
    exchanges = []
    for i in range(connections):
        c = TlsConn(server.addr, context(('1.2', '1.3')[i % 2]))
        exchanges += [c.get(f'/size/{n}') for n in (0, 10, 3000, 100000)]
        exchanges.append(c.get('/echo', 'POST', body=b'b' * 50000))
        for _ in range(3):
            c.request('GET', '/size/5')
        exchanges += [c.response() for _ in range(3)]
        c.close()
    t.equal({x.status for x in exchanges}, {200}, f'{mode}: statuses')
    z.wait_spans(len(exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')
    ports(t, z.spans, server.port)
    t.equal((z.end.get('lost_events'), z.end.get('unparsed_bytes')), (0, 0),
            f'{mode}: lost, unparsed')


def alone(t, name, behind, *flags):
    """Only the wrapper has names, so all that is shown comes from probes in it."""
    library, program = wrapper(t, name, *flags, inner=inner_library(t))
    t.equal(places(t, library), [behind] * len(CALLS), 'octets behind the beginning')
    for mode in ('plain', 'ex'):
        serve(t, program, mode)


@test
def push(t):
    """endbr64; push: probes and return probes between the two"""
    alone(t, 'push', 4, '-O0')


@test
def jump(t):
    """endbr64; jmp to another function: probes and return probes between the two"""
    alone(t, 'jump', 4, '-O2')


@test
def other(t):
    """endbr64 and an instruction that is not emulated: probes at the beginning"""
    alone(t, 'other', 0, '-O1', '-fno-optimize-sibling-calls')


@test
def nested(t):
    """a library whose SSL_read calls that of OpenSSL, both probed: each request once"""
    library, program = wrapper(t, 'nested', '-O0')
    t.equal(places(t, library), [4] * len(CALLS), 'octets behind the beginning')
    for mode in ('plain', 'ex'):
        serve(t, program, mode)


if __name__ == '__main__':
    sys.exit(main())
