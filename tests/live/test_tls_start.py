#!/usr/bin/env python3
"""When TLS is probed: with the listener, in workers, from the start of what is started anew, and
before a command begins. So the first request is seen in clear, of each kind of program."""
import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time

from client import compare_all, in_threads
from h2tools import go_build
from lib import Zctrace, by_id, free_port, main, need, query_id, test, wait_for
from tls_targets import TlsConn, certs, check_tls, context, records_among

STRIP = ['-ldflags', '-s -w']

# the primary process listens; its workers get the connections, over a socket
NODE = '''
const cluster = require('cluster'), fs = require('fs');
const [cert, key, port, workers] = process.argv.slice(2);
if (cluster.isPrimary && workers > 0) {
  for (let i = 0; i < workers; i++) cluster.fork();
} else {
  const files = {cert: fs.readFileSync(cert), key: fs.readFileSync(key)};
  require('https').createServer(files, (q, r) => {
    r.setHeader('X-Worker', process.pid);
    r.end('n');
  }).listen(port, '127.0.0.1');
}
'''

# loads its library only for the first connection; workers have the listener of their parent
PYTHON = '''
import http.server, os, sys
cert, key, port, workers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(200)
        self.send_header('X-Worker', str(os.getpid()))
        self.send_header('Content-Length', '1')
        self.end_headers()
        self.wfile.write(b'p')
    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    def finish_request(self, request, address):
        import ssl
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(cert, key)
        with tls.wrap_socket(request, server_side=True) as s:
            self.RequestHandlerClass(s, address, self)

server = Server(('127.0.0.1', port), Handler)
for _ in range(workers):
    if not os.fork():
        break
else:
    if workers:
        os.wait()
server.serve_forever()
'''

# workers that listen, on what their parent has bound for them: only the first of them is told of
SIBLINGS = '''
import contextlib, os, socket, ssl, sys
cert, key, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(cert, key)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', port))
ready, go = os.pipe()
if os.fork() and os.fork():
    os.write(go, b'gg')
    os.wait()
    sys.exit()
os.read(ready, 1)
listener.listen(64)
while True:
    plain, _ = listener.accept()
    with contextlib.suppress(OSError), tls.wrap_socket(plain, server_side=True) as s:
        head = b''
        while not head.endswith(b'\\r\\n\\r\\n'):
            part = s.recv(4096)
            if not part:
                raise OSError
            head += part
        s.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nX-Worker: %d\\r\\n\\r\\ns'
                  % os.getpid())
'''

NGINX = '''daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes {workers};
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {key};
    location / {{ add_header X-Worker $pid; return 200 n; }}
  }}
}}
'''


def nginx(t, port, workers):
    need('nginx')
    pem, key = certs().pair()
    conf = t.file(f'nginx-{port}.conf', NGINX.format(dir=t.tmp, port=port, pem=pem, key=key,
                                                     workers=workers or 1))
    return ['nginx', '-c', conf, '-e', t.path('error.log')]


def node(t, port, workers):
    need('node')
    return ['node', t.file('server.js', NODE), *certs().pair(), port, workers]


def python(t, port, workers):
    return [sys.executable, t.file('server.py', PYTHON), *certs().pair(), port, workers]


def go(_t, port, _workers):
    return [go_build('gotls', *STRIP), 'server', *certs().pair(), port]


KINDS = [(nginx, 'openssl'), (node, 'openssl'), (python, 'openssl'), (go, 'go')]


@test
def without_requests(t):
    """connections that end without a request, and handshakes that fail, have their library"""
    for kind, library in KINDS:
        port = free_port()
        start(t, kind(t, port, 0))
        connect(port).close()
        z = Zctrace(t, '--port', port)
        for _ in range(2):
            connect(port).close()
        with contextlib.suppress(ssl.SSLError, OSError):
            TlsConn(('127.0.0.1', port), context(ca=certs().other))
        z.wait_spans(3)
        z.stop()
        t.equal([(s['protocol'], s['tls'], s.get('error'), s.get('tls_alert')) for s in z.spans],
                [('tls', library, None, None)] * 2 + [('tls', library, 'handshake', 'unknown_ca')],
                f'{kind.__name__}: spans')


@test
def cluster(t):
    """a cluster with many connections at once: each is one span, and has its library"""
    port = free_port()
    start(t, node(t, port, 3))
    connect(port).close()
    z = Zctrace(t, '--port', port)
    loads = [lambda: first_requests(port, 25) for _ in range(8)]
    exchanges = [x for part in in_threads(loads) for x in part]
    z.wait_spans(len(exchanges))
    z.stop()
    t.equal(len(z.spans), len(exchanges), 'spans')
    t.equal(sorted(query_id(s) or '' for s in z.spans), sorted(x.id for x in exchanges), 'requests')


def start(t, argv):
    return t.start([str(a) for a in argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def connect(port):
    """A connection as soon as there is somebody to connect to."""
    def one():
        try:
            return TlsConn(('127.0.0.1', port), context())
        except ConnectionRefusedError:
            return None
    c = wait_for(one, 20, 0.001)
    if not c:
        raise AssertionError(f'nobody listens on port {port}')
    return c


def first_requests(port, n=2):
    """The first request of a server, and what follows."""
    exchanges = []
    for _ in range(n):
        c = connect(port)
        exchanges.append(c.get('/size/1'))
        c.close()
    return exchanges


def end(p):
    time.sleep(0.05)  # the last write is told when it has returned
    os.killpg(p.pid, signal.SIGTERM)
    p.wait(10)


def listening(z, n=1):
    """Waits until it has told n times that somebody listens: its probes are in then."""
    seen = wait_for(lambda: len([x for x in z.notes if x['note'] == 'listening']) >= n, 20, 0.002)
    z.t.check(seen, f'nobody listens: {z.err()}')


class Tally:
    """How many requests were seen in clear; of the others, each connection is one span."""

    def __init__(self, t):
        self.t, self.seen, self.total = t, 0, 0

    @staticmethod
    def connected(z):
        """Not what was refused before anybody listened."""
        return [s for s in z.spans if s['protocol'] != 'tcp']

    def add(self, z, exchanges, counted=None):
        """counted: those of exchanges that count."""
        wait_for(lambda: len(self.connected(z)) >= len(exchanges), 15, 0.02)
        z.stop()
        spans = self.connected(z)
        found = by_id(spans)
        self.t.equal(len(spans), len(exchanges), f'spans: {spans}')
        # probes that come between a request and its answer show the answer, and say so
        whole = [s for s in spans if s['protocol'] != 'tls' and
                 not {'attached-late', 'request-not-seen'} <= set(s.get('incomplete', ()))]
        compare_all(self.t, whole, [x for x in exchanges if x.id in found])
        counted = counted or exchanges
        self.seen += sum(x.id in found for x in counted)
        self.total += len(counted)

    def check(self, what, share):
        print(f'# shows {what}: {self.seen} of {self.total} in clear')
        self.t.check(self.seen >= share * self.total, f'{self.seen} of {self.total} in clear')


def begun_later(t, workers, kinds, wait):
    tally = Tally(t)
    for kind, _ in kinds:
        port = free_port()
        z = Zctrace(t, '--port', port)
        start(t, kind(t, port, workers))
        if wait:
            listening(z)
        exchanges = first_requests(port, 2)
        tally.add(z, exchanges, exchanges[:1])
    return tally


@test
def later(t):
    """a server that starts later: its first request"""
    begun_later(t, 0, KINDS * 2, True).check('servers that start, first requests', 0.75)


@test
def later_workers(t):
    """the same with workers"""
    begun_later(t, 2, KINDS[:3] * 2, True).check('servers that start workers, first requests', 0.5)


@test
def at_once(t):
    """the same for a client that comes in the moment it listens"""
    begun_later(t, 0, KINDS * 2, False).check('servers that start, requests in that moment', 0)


@test
def again(t):
    """a server that ends and is started anew: its first request"""
    tally = Tally(t)
    for kind, _ in KINDS:
        port = free_port()
        p = start(t, kind(t, port, 0))
        first_requests(port, 1)
        z = Zctrace(t, '--port', port)
        exchanges = first_requests(port)
        for _ in range(3):
            end(p)
            p = start(t, kind(t, port, 0))
            exchanges += first_requests(port)
        tally.add(z, exchanges)
    tally.check('servers that start anew', 0.75)


def from_workers(port, least):
    """Requests until two workers have served; one may take all, for a while."""
    exchanges = first_requests(port, least)
    while len(exchanges) < 400 and len({x.field('X-Worker') for x in exchanges}) < 2:
        exchanges += first_requests(port, least)
    return exchanges


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return f.read().split()


@test
def siblings(t):
    """workers that listen on what their parent has bound are all probed before a request; and the
    first request of each"""
    port = free_port()
    z = Zctrace(t, '-v', '--port', port)
    p = start(t, [sys.executable, t.file('siblings.py', SIBLINGS), *certs().pair(), port])
    listening(z)
    pids = children(p.pid)
    t.check(wait_for(lambda: all(f'process {pid} (' in z.err() for pid in pids)),
            f'probed: {z.err()}')
    exchanges = from_workers(port, 4)
    t.equal({x.field('X-Worker') for x in exchanges}, set(pids), 'who served')
    z.wait_spans(len(exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    t.equal(len(z.spans), len(exchanges), 'spans')
    check_tls(t, z.spans, 'openssl')


@test
def workers(t):
    """workers that were there before: the first request of each"""
    for kind, library in KINDS[:3]:
        port = free_port()
        start(t, kind(t, port, 3))
        connect(port).close()
        z = Zctrace(t, '--port', port)
        exchanges = first_requests(port, 12) if kind is python else from_workers(port, 12)
        seen = {x.field('X-Worker') for x in exchanges}
        t.check(kind is python or len(seen) > 1, f'only {len(seen)} workers served')
        z.wait_spans(len(exchanges))
        z.stop()
        compare_all(t, z.spans, exchanges)
        t.equal(len(z.spans), len(exchanges), 'spans')
        check_tls(t, z.spans, library)


NODE_CLIENT = '''#!/usr/bin/env node
const [port, ca] = process.argv.slice(2);
require('https').get({port, host: 'localhost', family: 4, path: '/size/1?id=first',
                      ca: require('fs').readFileSync(ca)}, (r) => r.resume());
'''


@test
def command(t):
    """-- COMMAND: its first request, of a program that takes long to look into, and of a script"""
    port = free_port()
    start(t, nginx(t, port, 0))
    connect(port).close()
    script = t.file('client.js', NODE_CLIENT, 0o755)
    go_client = [go_build('gotls', *STRIP), 'client', certs().ca, port, 1, 2, 'http1', '1.3']
    for argv, library, n in ((go_client, 'go', 2), ([script, port, certs().ca], 'openssl', 1)):
        for _ in range(3):
            z = Zctrace(t, '--', *argv, wait=False)
            t.equal(z.wait(), 0, f'exit status, {z.err()}')
            t.equal([(s['tls'], s.get('status')) for s in records_among(z)], [(library, 200)] * n,
                    f'{argv[0]}: spans')


if __name__ == '__main__':
    sys.exit(main())
