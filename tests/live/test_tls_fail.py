#!/usr/bin/env python3
"""What is left to show where there is no cleartext: handshakes that fail, and libraries not
known."""
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
import warnings

from lib import HERE, Zctrace, free_port, main, need, test, wait_port
from tls_targets import (NginxTls, Peer, RawTls, certs, context, openssl, ports, python_server,
                         standard_names)


def attempt(addr, ctx, sni='localhost'):
    """Shakes hands, which must fail; returns the client's port and its error."""
    s = socket.create_connection(addr, 5)
    port = s.getsockname()[1]
    try:
        with ctx.wrap_socket(s, server_hostname=sni) as tls:
            tls.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
            tls.recv(1)
    except (ssl.SSLError, ConnectionError) as e:
        return port, str(e)
    finally:
        s.close()
    raise AssertionError('a handshake that should fail did not')


def offers_of(version, ciphers=None, alpn=('http/1.1',), ca=None):
    ctx = context(version, alpn, ca)
    if ciphers:
        ctx.set_ciphers(ciphers)
    return ctx


def failures(t, server_options, cases, kind='server'):
    """cases: [(name, context, alert, who sent it)]; one span with error "handshake" for each."""
    nginx = NginxTls(t, server_options)
    z = Zctrace(t, '--port', nginx.port)
    want = {}
    for name, ctx, alert, sender in cases:
        port, _ = attempt(nginx.addr, ctx)
        want[port] = (name, alert, sender)
    z.wait_spans(len(cases))
    z.stop()
    t.equal(len(z.spans), len(cases), f'spans: {[s["client_port"] for s in z.spans]}')
    for s in z.spans:
        name, alert, sender = want.pop(s.get('client_port'), ('?', None, None))
        got = (s['protocol'], s['kind'], s.get('error'), s.get('tls_alert'),
               s.get('tls_alert_from'), s.get('tls_sni'),
               s.get('server_port'))
        t.equal(got, ('tls', kind, 'handshake', alert, sender, 'localhost', nginx.port), name)
        t.check('status' not in s and 'method' not in s, f'{name}: {s}')
        t.between(1, s.get('duration_ns'), 2e9, f'{name}: duration')
        t.equal(s['tls'], 'openssl', f'{name}: tls')
        t.check(s['pid'] in nginx.workers(), f'{name}: pid {s["pid"]}')
    for name, _, _ in want.values():
        t.check(False, f'{name}: no span')


@test
def client_refuses(t):
    """a client that does not know the CA, TLS 1.2 (alert in the clear) and 1.3 (encrypted)"""
    failures(t, '', [(f'unknown CA, TLS {v}', offers_of(v, ca=certs().other), 'unknown_ca',
                      'client') for v in ('1.2', '1.3')])


@test
def server_refuses(t):
    """no common version, cipher or protocol: the server's alert"""
    failures(t, 'ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256;', [
        ('no common cipher', offers_of('1.2', 'ECDHE-RSA-AES256-GCM-SHA384'), 'handshake_failure',
         'server'),
        ('no common protocol', offers_of('1.2', alpn=['nonsense']), 'no_application_protocol',
         'server'),
        ('no common protocol, TLS 1.3', offers_of('1.3', alpn=['nonsense']),
         'no_application_protocol', 'server')])


@test
def version_refused(t):
    """a client of TLS 1.1, and a server that asks for 1.2 at least"""
    server = python_server(t, 'threads')
    ctx = context()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        ctx.minimum_version = ctx.maximum_version = ssl.TLSVersion.TLSv1_1
    ctx.set_ciphers('ALL:@SECLEVEL=0')
    z = Zctrace(t, '--port', server.port)
    port, why = attempt(server.addr, ctx)
    z.wait_spans(1)
    z.stop()
    got = [(s['protocol'], s.get('error'), s.get('tls_alert'), s.get('tls_alert_from'),
            s.get('client_port'), s.get('tls_sni'))
           for s in z.spans]
    t.equal(got, [('tls', 'handshake', 'protocol_version', 'server', port, 'localhost')],
            f'spans (client: {why})')


@test
def client_side(t):
    """curl as COMMAND that does not know the CA: a call that failed, with the alert that curl
    sent"""
    need('curl')
    nginx = NginxTls(t)
    for version in ('1.2', '1.3'):
        z = Zctrace(t, '--', 'curl', '-s', '--cacert', certs().other, f'--tlsv{version}',
                    '--tls-max', version,
                    f'{nginx.url}/index.html', wait=False)
        t.equal(z.wait(), 60, 'exit status of curl')
        got = [(s['protocol'], s['kind'], s.get('error'), s.get('tls_alert'),
                s.get('tls_alert_from'), s.get('tls_sni'),
                s.get('comm'), s.get('server_port')) for s in z.spans]
        t.equal(got, [('tls', 'client', 'handshake', 'unknown_ca', 'client', 'localhost', 'curl',
                       nginx.port)],
                f'TLS {version}')


@test
def ended_in_handshake(t):
    """a client that says hello and leaves: closed or reset; one that leaves without a word:
    nothing"""
    server = NginxTls(t)
    z = Zctrace(t, '--port', server.port)
    silent = socket.create_connection(server.addr)
    silent.close()
    c = RawTls(server.addr, context(), handshake=False)
    with contextlib.suppress(ssl.SSLWantReadError):
        c.tls.do_handshake()
    c.flush()
    time.sleep(0.1)
    c.s.close()
    z.wait_spans(1)
    time.sleep(0.1)
    z.stop()
    got = [(s['protocol'], s.get('client_port'), s.get('tls_sni'), s.get('req_bytes'))
           for s in z.spans]
    t.equal(got, [('tls', c.port, 'localhost', c.sent)], 'spans')
    t.check({s.get('error') for s in z.spans} <= {'closed', 'reset', 'handshake'},
            f'errors: {z.spans}')
    t.check(not any('tls_alert' in s for s in z.spans), f'an alert that nobody sent: {z.spans}')


def encrypted(t, z, server, exchanges):
    """Connections by RawTls with some requests each; one span each, with all that is on the
    wire."""
    known = {}
    for version in ('1.2', '1.3'):
        c = RawTls(server.addr, context(version))
        for path, length in exchanges:
            c.until(c.tls.write, f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
            got = b''
            while b'\r\n\r\n' not in got or len(got.split(b'\r\n\r\n', 1)[1]) < length:
                got += c.until(c.tls.read, 65536)
        cipher = standard_names().get(c.tls.cipher()[0])
        c.close()
        known[c.port] = (version, cipher, c.sent, c.received)
    z.wait_spans(len(known))
    z.stop()
    got = {s.get('client_port'): (s.get('tls_version'), s.get('tls_cipher'), s.get('req_bytes'),
                                  s.get('resp_bytes'))
           for s in z.spans}
    t.equal(got, known, 'version, cipher and octets of each connection')
    t.equal(len(z.spans), len(known), 'spans')
    t.equal({(s['protocol'], s['tls'], s['kind'], s.get('tls_sni'), s['pid'], s.get('error'))
             for s in z.spans},
            {('tls', 'unknown', 'server', 'localhost', server.pid, None)},
            'what they have in common')
    t.check(all(s.get('duration_ns', 0) > 0 and s.get('handshake_ns', 0) > 0 for s in z.spans),
            'times')
    ports(t, z.spans, server.port)
    for f in ('method', 'path', 'status', 'query'):
        t.check(not any(f in s for s in z.spans), f'{f} of what nobody can read')


@test
def java(t):
    """Java's own TLS: a span for each connection, with name, version, octets and times"""
    need('java', 'javac')
    store = t.path('keys.p12')
    openssl('pkcs12', '-export', '-in', certs().pair()[0], '-inkey', certs().pair()[1], '-passout',
            'pass:secret', '-out', store)
    server = Peer(t, ['java', os.path.join(HERE, 'HttpsEdge.java'), store, 'secret'])
    z = Zctrace(t, '--port', server.port)
    encrypted(t, z, server, [('/size/10', 10), ('/size/50000', 50000), ('/size/1', 1)])


@test
def not_http(t):
    """TLS that carries no protocol that is known: one span of the connection"""
    need('openssl')
    port = free_port()
    pem, key = certs().pair()
    server = t.start(['openssl', 's_server', '-accept', f'127.0.0.1:{port}', '-cert', pem, '-key',
                      key, '-rev', '-quiet'],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    z = Zctrace(t, '--port', port)
    c = RawTls(('127.0.0.1', port), context(alpn=None))
    t.equal(c.exchange(b'abc\n', 4), b'cba\n', 'the answer')
    c.close()
    z.wait_spans(1)
    z.stop()
    got = [(s['protocol'], s.get('client_port'), s.get('tls_sni'), s.get('tls_version'), s['pid'],
            s.get('error'),
            s.get('req_bytes'), s.get('resp_bytes')) for s in z.spans]
    t.equal(got, [('tls', c.port, 'localhost', '1.3', server.pid, None, c.sent, c.received)],
            'spans')
    print(f'# shows TLS without a known protocol: tls is {[s["tls"] for s in z.spans]}')


if __name__ == '__main__':
    sys.exit(main())
