#!/usr/bin/env python3
"""What can be told of TLS without its plaintext: whole connections, and handshakes that fail."""
import os
import socket
import ssl
import struct
import sys
import threading
import time

from lib import Zctrace, free_port, main, need, replay, test, wait_port
from servers import Nginx

SERVER = '''server {{ listen 127.0.0.1:{port} ssl; root {dir};
  ssl_certificate {cert}; ssl_certificate_key {key};
ssl_protocols {protocols}; }}'''


def server(t, protocols='TLSv1.2 TLSv1.3'):
    """nginx with TLS; returns its port."""
    need('openssl')
    cert, key, port = t.path('cert'), t.path('key'), free_port()
    p = t.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
               '-nodes', '-keyout',
               key, '-out', cert, '-subj', '/CN=server.example'])
    t.equal(p.returncode, 0, f'openssl: {p.stderr}')
    os.chmod(key, 0o644)
    Nginx(t, http=SERVER.format(port=port, dir=t.path('nginx/www'), cert=cert, key=key,
                                protocols=protocols))
    wait_port(port)
    return port


class Client:
    """A client that does its own input and output, and so knows each octet of it."""

    def __init__(self, port, name, version=None):
        self.s = socket.create_connection(('127.0.0.1', port))
        self.port, self.name = self.s.getsockname()[1], name
        self.sent = self.received = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(['http/1.1'])
        if version:
            context.minimum_version = context.maximum_version = version
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_hostname=name)
        begun = time.monotonic()
        self.call(self.tls.do_handshake)
        self.took = time.monotonic() - begun
        self.version = self.tls.version()
        self.cipher = self.tls.cipher()[0]

    def push(self):
        data = self.out.read()
        self.sent += len(data)
        self.s.sendall(data)

    def call(self, f, *args):
        while True:
            try:
                result = f(*args)
                self.push()
                return result
            except ssl.SSLWantReadError:
                self.push()
                data = self.s.recv(65536)
                self.received += len(data)
                if not data:
                    raise EOFError from None
                self.into.write(data)

    def get(self, path):
        self.call(self.tls.write,
                  f'GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'.encode())
        try:
            while self.call(self.tls.read, 65536):
                pass
        except (EOFError, ssl.SSLError):
            pass

    def close(self):
        """To the last octet of the server."""
        while True:
            data = self.s.recv(65536)
            self.received += len(data)
            if not data:
                break
        self.s.close()


def converse(port, count, threads):
    """Many connections at a time, each with a name of its own; returns them."""
    clients, lock = [], threading.Lock()

    def run(which):
        for i in range(count // threads):
            version = (None, ssl.TLSVersion.TLSv1_2)[(which + i) % 2]
            c = Client(port, f'c{which}-{i}.example', version)
            c.get(f'/{(which + i) % 3}.bin')
            c.close()
            with lock:
                clients.append(c)
    workers = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return clients


NAMES = {'TLS_AES_256_GCM_SHA384': 'TLS_AES_256_GCM_SHA384',
         'ECDHE-ECDSA-AES256-GCM-SHA384': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'}


@test
def whole_connections(t):
    """600 encrypted connections on 24 threads: name, version, cipher and octets of each, as the
    client knows them"""
    port = server(t)
    for i, n in enumerate((10, 20000, 300000)):
        t.file(f'nginx/www/{i}.bin', b'x' * n)
    z = Zctrace(t, '-i', 'lo', '--port', port)
    clients = converse(port, 600, 24)
    t.equal(len(clients), 600, 'connections of the client')
    z.wait_spans(len(clients))
    z.stop()
    spans = {s['client_port']: s for s in z.spans if 'tls_sni' in s}
    lost = z.end.get('lost_events')  # packets that a crowded machine did not take in time
    t.check(len(spans) == len(clients) or lost, f'{len(spans)} spans')
    t.check(len(spans) >= len(clients) // 2, f'{len(spans)} spans, {lost} packets lost')
    for c in clients:
        s = spans.get(c.port, {})
        if lost and (not s or s.get('incomplete')):
            continue
        want = {'protocol': 'tls', 'tls': 'unknown', 'tls_sni': c.name, 'host': c.name,
                'server_port': port,
                'tls_version': c.version.removeprefix('TLSv'), 'tls_cipher': NAMES[c.cipher],
                'req_bytes': c.sent,
                'resp_bytes': c.received, 'error': None, 'incomplete': None,
                'tls_alpn': 'http/1.1' if c.version == 'TLSv1.2' else None}
        t.equal({k: s.get(k) for k in want}, want, f'connection {c.port}')
        t.between(1, s.get('handshake_ns', 0), c.took * 1e9, f'handshake of {c.port}')


def fails(t, port, how):
    """A client whose handshake fails in one of several ways; returns its port."""
    context = ssl.create_default_context()
    if how == 'version':
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    s = socket.create_connection(('127.0.0.1', port))
    name = s.getsockname()[1]
    if how in ('closed', 'reset'):
        out = ssl.MemoryBIO()
        tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=f'{how}.example')
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            s.sendall(out.read())
        s.recv(65536)
        if how == 'reset':
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        s.close()
        return name
    try:
        context.wrap_socket(s, server_hostname=f'{how}.example')
        t.check(False, f'{how}: the handshake succeeds')
    except ssl.SSLError:
        s.close()
    return name


@test
def failed_handshakes(t):
    """handshakes that fail are spans of both ends: whose alert, which, or how the connection
    ended"""
    port = server(t, 'TLSv1.2')
    want = {'authority': ('handshake', 'unknown_ca', 'client', '1.2'),
            'version': ('handshake', 'protocol_version', 'server', None),
            'closed': ('closed', None, None, '1.2'),
            'reset': ('reset', None, None, '1.2')}
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', t.path('recording'))
    ports = {fails(t, port, how): how for how in want for _ in range(5)}
    z.wait_spans(2 * len(ports))
    z.stop()
    for spans in z.spans, replay(t, t.path('recording'))[0]:
        for kind in 'server', 'client':
            of_kind = {s['client_port']: s for s in spans if s['kind'] == kind}
            t.equal(sorted(of_kind), sorted(ports), f'{kind} spans')
            for p, how in ports.items():
                s = of_kind.get(p, {})
                got = tuple(s.get(k) for k in ('error', 'tls_alert', 'tls_alert_from',
                                               'tls_version'))
                t.equal(got, want[how], f'{kind} span of {how}')
                t.equal((s.get('protocol'), s.get('tls_sni')), ('tls', f'{how}.example'),
                        f'{kind} span of {how}')
                if kind == 'client':
                    t.equal(s.get('pid'), os.getpid(), 'process of the client')


# RFC 8448 section 3, as records: TLS by nobody's library
CLIENT_HELLO = bytes.fromhex(
    '16030100c4010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece700'
    '0006130113031302010000910000000b0009000006736572766572ff01000100000a00140012001d00170018'
    '00190100010101020103010400230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c0'
    '6e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e0403050306030203080408050806040105'
    '01060102010402050206020202002d00020101001c00024001')
SERVER_HELLO = bytes.fromhex(
    '160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800'
    '130100002e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f'
    '0f002b00020304')


def record(n):
    return b'\x17\3\3' + struct.pack('>H', n) + os.urandom(n)


def imitate(listener, n):
    """A server that speaks TLS as far as one can see, and then sends n records."""
    s, _ = listener.accept()
    s.recv(65536)
    s.sendall(SERVER_HELLO + record(674))
    s.recv(65536)
    data = record(16401)
    for _ in range(n):
        s.sendall(data)
    s.close()


@test
def nothing_is_copied(t):
    """once a handshake is over, none of 200 MB of ciphertext is copied"""
    listener = socket.create_server(('127.0.0.1', free_port()))
    port = listener.getsockname()[1]
    z = Zctrace(t, '--port', port, '--no-downstream', '-w', t.path('recording'))
    server = threading.Thread(target=imitate, args=(listener, 12000))
    server.start()
    c = socket.create_connection(('127.0.0.1', port))
    c.sendall(CLIENT_HELLO)
    received = len(c.recv(65536))
    time.sleep(0.1)
    c.sendall(record(53))
    while True:
        n = len(c.recv(1 << 20))
        received += n
        if not n:
            break
    c.close()
    server.join()
    z.wait_spans(1)
    z.stop()
    size = os.path.getsize(t.path('recording'))
    print(f'# shows {size} octets in a recording of {received} of ciphertext')
    t.check(size < received / 20, f'{size} octets recorded of {received}')
    got = [(s['protocol'], s['tls'], s['tls_sni'], s['tls_version'], s['req_bytes'],
            s['resp_bytes']) for s in z.spans]
    t.equal(got, [('tls', 'unknown', 'server', '1.3', len(CLIENT_HELLO) + 58, received)],
            'its span')


sys.exit(main())
