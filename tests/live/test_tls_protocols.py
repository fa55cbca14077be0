#!/usr/bin/env python3
"""What else goes over TLS: gRPC of Python (BoringSSL in a stripped shared library), WebSocket,
event streams, TLS that begins within a connection, connections that end before their answers."""
import base64
import contextlib
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

from h2tools import compare_grpc, lines, python_packages
from lib import HERE, Skip, Zctrace, free_port, main, need, query_id, test, wait_for, wait_port
from tls_peer import server_context
from tls_targets import NginxTls, TlsConn, certs, context, python_server

GRPC_PYTHON = os.path.join(HERE, 'grpc_peer.py')


@test
def grpc_python(t):
    """Python's grpcio over TLS, both ends: unary and streaming, errors, deadlines"""
    where, port = python_packages(t, 'grpcio==1.85.1'), free_port()
    cert, key = certs().pair()
    env = {**os.environ, 'PYTHONPATH': where, 'CERT': cert, 'KEY': key, 'CA': certs().ca,
           'WAIT': '1'}
    server = t.start([sys.executable, GRPC_PYTHON, 'server', str(port)], env=env)
    wait_port(port, timeout=15)
    told = t.path('told')
    with open(told, 'wb') as out:
        client = t.start([sys.executable, GRPC_PYTHON, 'client', str(port), '70'], env=env,
                         stdout=out,
                         stdin=subprocess.PIPE)
    z = Zctrace(t, '--port', port, '--pid', client.pid)
    client.stdin.write(b'\n')
    client.stdin.flush()
    t.equal(client.wait(40), 0, 'client')
    calls = lines(told)
    z.wait_spans(140)
    z.stop()
    t.equal(len(calls), 70, 'calls')
    for kind in ('server', 'client'):
        compare_grpc(t, z.spans, calls, kind)
    t.equal({(s['tls'], s.get('tls_version'), s.get('tls_sni')) for s in z.spans},
            {('boringssl', '1.3', 'localhost')},
            'tls, version, SNI')
    t.equal({(s['kind'], s['pid']) for s in z.spans},
            {('server', server.pid), ('client', client.pid)}, 'pids')
    known = [s for s in z.spans if 'client_port' in s]
    print(f'# shows grpcio: {len(known)} of {len(z.spans)} spans have an address')
    t.check(len(known) > 126, f'only {len(known)} of {len(z.spans)} spans have an address')
    t.equal(len({s['client_port'] for s in known}), 1, 'connections')


def websocket_echo(s, echoed):
    """Answers one upgrade, then echoes text until CLOSE."""
    f = s.makefile('rb')
    while f.readline() not in (b'\r\n', b''):
        pass
    s.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: '
              b'Upgrade\r\n\r\n')
    while len(head := f.read(2)) == 2:
        n = head[1] & 127
        if n == 126:
            n = struct.unpack('>H', f.read(2))[0]
        mask = f.read(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(f.read(n)))
        if head[0] & 15 == 8:
            s.sendall(b'\x88' + bytes([len(data)]) + data)
            break
        echoed.append(n)
        s.sendall(bytes([head[0]]) + (bytes([n]) if n < 126 else b'\x7e' + struct.pack('>H', n)) +
                  data)
    s.close()


def accepting(work):
    """A TLS server in a thread of this process that does `work` with one connection; its port."""
    listener = socket.create_server(('127.0.0.1', 0))

    def run():
        s, _ = listener.accept()
        work(server_context(*certs().pair()).wrap_socket(s, server_side=True))
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return listener.getsockname()[1], thread


@test
def websocket(t):
    """a WebSocket over TLS: messages, octets, close code, both ends"""
    echoed = []
    port, thread = accepting(lambda s: websocket_echo(s, echoed))
    z = Zctrace(t, '--pid', os.getpid())
    c = context().wrap_socket(socket.create_connection(('127.0.0.1', port)),
                              server_hostname='localhost')
    key = base64.b64encode(os.urandom(16)).decode()
    c.sendall(f'GET /chat?id=1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
              f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n'.encode())
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        head += c.recv(1)
    sizes = [0, 5, 125, 126, 30000, 7]
    for n in sizes:
        length = bytes([128 | n]) if n < 126 else b'\xfe' + struct.pack('>H', n)
        c.sendall(b'\x81' + length + b'\0\0\0\0' + b'm' * n)
        time.sleep(0.01)
    c.sendall(b'\x88\x82\0\0\0\0' + struct.pack('>H', 1000))
    while c.recv(65536):
        pass
    thread.join(5)
    local = c.getsockname()[1]
    c.close()
    spans = z.wait_spans(2)
    z.stop()
    t.equal(echoed, sizes, 'the server')
    t.equal(sorted(s['kind'] for s in spans), ['client', 'server'], 'both ends')
    for s in spans:
        got = [s.get(k) for k in ('protocol', 'tls', 'status', 'path', 'req_messages',
                                  'resp_messages',
                                  'req_message_bytes', 'resp_message_bytes', 'close_code',
                                  'client_port', 'tls_version')]
        t.equal(got, ['websocket', 'openssl', 101, '/chat', 6, 6, sum(sizes), sum(sizes), 1000,
                      local, '1.3'], s['kind'])


@test
def events(t):
    """server-sent events over TLS are counted"""
    need('curl')

    def serve(s):
        s.recv(65536)
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: '
                  b'close\r\n\r\n')
        for i in range(25):
            s.sendall(f': tick\nevent: e\ndata: {i}\ndata: more\n\n'.encode())
            time.sleep(0.005)
        s.unwrap()
        s.close()
    port, thread = accepting(serve)
    z = Zctrace(t, '--port', port)
    t.run(['curl', '-sN', '--cacert', certs().ca, f'https://localhost:{port}/events'])
    thread.join(5)
    spans = z.finish(1, kind='server')
    t.equal([(s.get('path'), s.get('resp_messages'), s.get('tls')) for s in spans],
            [('/events', 25, 'openssl')], 'events')


@test
def ends_without_answer(t):
    """requests whose connection ends before the answer: an error; one that is open: in flight"""
    server = python_server(t, 'timed', 'sleep')
    z = Zctrace(t, '--port', server.port)
    conns = {name: TlsConn(server.addr, context()) for name in ('shut', 'reset', 'done')}
    asked = {name: c.request('GET', f'/{name}') for name, c in conns.items()}
    time.sleep(0.01)
    conns['shut'].close()
    conns['reset'].s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    conns['reset'].close()
    conns['done'].response()
    z.wait_spans(3)
    open_one = TlsConn(server.addr, context())
    asked['open'] = open_one.request('GET', '/open')
    time.sleep(0.02)
    z.stop()
    found = {query_id(s): s for s in z.spans}
    t.equal(set(found), {x.id for x in asked.values()}, 'spans')
    got = {name: found.get(x.id, {}) for name, x in asked.items()}
    t.equal((got['done'].get('status'), got['done'].get('error')), (200, None),
            'the one that was answered')
    t.check('in-flight' in got['open'].get('incomplete', []),
            f'the one that is open: {got["open"]}')
    t.equal(got['reset'].get('error'), 'reset', 'error of the one that was reset')
    # the server may have written its answer before it noticed
    t.check(got['shut'].get('error') in ('closed', 'reset') or got['shut'].get('status') == 200,
            f'the one shut: {got["shut"]}')
    for name, s in got.items():
        t.equal((s.get('tls'), s.get('client_port')), ('openssl', asked[name].client_port), name)


@test
def server_killed(t):
    """a server that is killed while it works on a request over TLS: a span with an error"""
    server = python_server(t, 'timed', 'sleep')
    z = Zctrace(t, '--pid', server.pid)
    c = TlsConn(server.addr, context())
    done, x = c.get('/done'), c.request('GET', '/killed')
    time.sleep(0.02)
    server.p.kill()
    t.equal(z.wait(5), 0, 'exit status when the process has ended')
    spans = {query_id(s): s for s in z.spans}
    t.equal({k: (s.get('status'), s['tls']) for k, s in spans.items()},
            {done.id: (200, 'openssl'), x.id: (None, 'openssl')},
            'spans')
    t.check(spans.get(x.id, {}).get('error') in ('reset', 'closed'), f'error: {spans.get(x.id)}')


def tunnel(listener):
    """A proxy for CONNECT: one connection."""
    def pump(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
    c, _ = listener.accept()
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        head += c.recv(1)
    s = socket.create_connection(('127.0.0.1', int(head.split()[1].decode().split(':')[1])))
    c.sendall(b'HTTP/1.1 200 Connection established\r\n\r\n')
    for a, b in ((c, s), (s, c)):
        threading.Thread(target=pump, args=(a, b), daemon=True).start()


@test
def connect(t):
    """curl through a proxy: CONNECT in cleartext, then what goes through it"""
    need('curl')
    nginx, listener = NginxTls(t), socket.create_server(('127.0.0.1', 0))
    threading.Thread(target=tunnel, args=(listener,), daemon=True).start()
    port = listener.getsockname()[1]
    z = Zctrace(t, '--', 'curl', '-s', '-o', '/dev/null', '-x', f'http://127.0.0.1:{port}',
                '--cacert', certs().ca,
                f'{nginx.url}/index.html?id=1', wait=False)
    t.equal(z.wait(), 0, 'exit status')
    spans = sorted(z.spans, key=lambda s: s['time'])
    t.equal([(s['protocol'], s['method'], s['path'], s.get('status'), s['tls'],
              s.get('server_port')) for s in spans],
            [('http/1.1', 'CONNECT', f'localhost:{nginx.port}', 200, False, port),
             ('h2', 'GET', '/index.html', 200, 'openssl', port)], 'spans')
    t.equal(len({s.get('client_port') for s in spans}), 1, 'connections')
    t.check({s.get('tls_version') for s in spans} <= {None, '1.3'}, 'version')


class Postgres:
    """PostgreSQL with TLS, whose connections begin in cleartext."""

    def __init__(self, t):
        found = [d for d in ('/usr/lib/postgresql/%d/bin' % v for v in range(20, 10, -1))
                 if os.path.exists(d + '/initdb')]
        if not found:
            raise Skip('no PostgreSQL here')
        need('psql')
        self.port, self.dir = free_port(), t.path('pg')
        user = ['setpriv', '--reuid=postgres', '--regid=postgres',
                '--clear-groups'] if os.geteuid() == 0 else []
        if t.run([*user, 'true']).returncode:
            raise Skip('no user that PostgreSQL would run as')
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o777)
        if t.run([*user, f'{found[0]}/initdb', '-D', f'{self.dir}/data', '-A', 'trust', '-U', 'zc',
                  '-N']).returncode:
            raise Skip('initdb of PostgreSQL fails here')
        for name, path in zip(('server.crt', 'server.key'), certs().pair()):
            t.run([*user, 'install', '-m', '600', path, f'{self.dir}/data/{name}'])
        self.p = t.start([*user, f'{found[0]}/postgres', '-D', f'{self.dir}/data', '-p',
                          str(self.port), '-k', '', '-c', 'ssl=on',
                          '-c', 'fsync=off', '-h', '127.0.0.1'], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        wait_port(self.port, timeout=10)
        wait_for(lambda: self.psql(t, 'select 1').returncode == 0, 5, 0.1)

    def psql(self, t, query):
        return t.run(['psql', '-At', f'host=localhost hostaddr=127.0.0.1 port={self.port} user=zc '
                                     'dbname=postgres sslmode=verify-full '
                      f'sslrootcert={certs().ca}', '-c', query])


@test
def begins_within(t):
    """PostgreSQL, whose connections turn to TLS after eight octets: nothing that is not true"""
    server = Postgres(t)
    z = Zctrace(t, '--port', server.port)
    t.equal(server.psql(t, "select 'GET / HTTP/1.1'").stdout.strip(), 'GET / HTTP/1.1', 'the query')
    z.wait_spans(1)
    z.stop()
    print('# shows PostgreSQL over TLS: '
          f'{[(s["protocol"], s["tls"], s.get("tls_version")) for s in z.spans]}')
    t.check({s['protocol'] for s in z.spans} <= {'tls', 'postgresql'}, f'spans: {z.spans}')
    for s in z.spans:
        t.equal((s.get('server_port'), s.get('error')), (server.port, None), 'port, error')
    # encrypted as a whole, or in clear: its process may have begun before its probes, and says so
    whole = [s for s in z.spans if s['protocol'] == 'tls']
    asked = [s for s in z.spans if s.get('db_operation') == 'SELECT']
    t.check(len(whole) == (not asked) and len(asked) < 2 and
            all(set(s.get('incomplete', ())) <= {'attached-late', 'request-not-seen'}
                for s in asked), f'spans: {z.spans}')


@test
def forks(t):
    """PostgreSQL, which forks for each connection: probed from their forks on, but for the first"""
    server = Postgres(t)
    z = Zctrace(t, '--port', server.port)
    for i in range(12):
        server.psql(t, f'select {i}')
    z.wait_spans(20)
    z.stop()
    asked = {s['client_port']: s for s in z.spans if s.get('db_operation') == 'SELECT'}
    opened = [s['client_port'] for s in z.spans if s.get('db_operation') == 'CONNECT']
    late = [p for p in opened if asked.get(p, {}).get('incomplete')]
    print(f'# shows {len(opened)} of 12 connections from their beginning')
    t.check(len(opened) >= 9 and not late, f'spans: {z.spans}')


def handshake(s):
    """In as many rounds as it takes, each a call of the library that ends without waiting."""
    s.setblocking(False)
    while True:
        try:
            s.do_handshake()
            break
        except ssl.SSLWantReadError:
            select.select([s], [], [], 10)
        except ssl.SSLWantWriteError:
            select.select([], [s], [], 10)
    s.setblocking(True)
    s.settimeout(10)


def begun(s, ctx, waits, **options):
    s = ctx.wrap_socket(s, do_handshake_on_connect=waits, **options)
    if not waits:
        handshake(s)
    return s


def greets(listener, waits):
    """As SMTP and IMAP: the server speaks first, in clear, until it is asked for TLS."""
    s, _ = listener.accept()
    lines = s.makefile('rb', buffering=0)
    s.sendall(b'220 ready\r\n')
    while (line := lines.readline()) != b'STARTTLS\r\n':
        s.sendall(b'250 %s' % line)
    s.sendall(b'220 go ahead\r\n')
    s = begun(s, server_context(*certs().pair()), waits, server_side=True)
    with s.makefile('rb') as f:
        while target := f.readline().split(b' ')[1:2]:
            while f.readline() not in (b'\r\n', b''):
                pass
            s.sendall(b'HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n%s' %
                      (len(target[0]), target[0]))
    s.close()


def mail_client(port, waits, n):
    """Asks for TLS, then n times over HTTP; the port that it comes from."""
    s = socket.create_connection(('127.0.0.1', port), timeout=10)
    for line in (b'', b'EHLO me\r\n', b'NOOP\r\n', b'STARTTLS\r\n'):
        s.sendall(line)
        s.recv(100)
    s = begun(s, context(), waits, server_hostname='localhost')
    for i in range(n):
        path = b'/%d' % i
        s.sendall(b'GET %s HTTP/1.1\r\nHost: h\r\n\r\n' % path)
        got = b''
        while not got.endswith(path):
            got += s.recv(1000)
    local = s.getsockname()[1]
    s.close()
    return local


@test
def asked_for(t):
    """TLS that begins within a connection on which the server speaks first: both ends, whole"""
    z = Zctrace(t, '--pid', os.getpid())
    ports = []
    for waits in (True, False) * 4:
        listener = socket.create_server(('127.0.0.1', 0))
        thread = threading.Thread(target=greets, args=(listener, waits), daemon=True)
        thread.start()
        ports.append(mail_client(listener.getsockname()[1], waits, 5))
        thread.join(10)
    spans = z.finish(2 * 5 * len(ports))
    t.equal(sorted((s['kind'], s.get('client_port'), s['path'], s.get('resp_body_bytes'), s['tls'])
                   for s in spans),
            sorted((kind, port, f'/{i}', 2, 'openssl')
                   for kind in ('client', 'server') for port in ports for i in range(5)), 'spans')
    t.check(not [s for s in spans if 'incomplete' in s], f'whole: {spans}')
    made = {s['span_id'] for s in spans if s['kind'] == 'client'}
    t.equal({s.get('parent_span_id') for s in spans if s['kind'] == 'server'}, made, 'callers')


if __name__ == '__main__':
    sys.exit(main())
