#!/usr/bin/env python3
"""Keep-alive connections that were opened, and are in use, before their TLS is probed: of a call
that was entered before nobody tells what it read."""
import json
import random
import subprocess
import sys
import threading
import time

from h2tools import go_build
from lib import Zctrace, free_port, main, need, query_id, test, wait_for, wait_port
from tls_targets import TlsConn, certs, context

CONNECTIONS = 8

PYTHON = '''
import http.server, random, ssl, sys, time, urllib.parse
cert, key, port = sys.argv[1], sys.argv[2], int(sys.argv[3])

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        time.sleep(random.random() * 0.03)
        n = int(urllib.parse.urlparse(self.path).path.split('/')[2])
        self.send_response(200)
        self.send_header('Content-Length', str(n))
        self.end_headers()
        self.wfile.write(b'p' * n)
    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
server.daemon_threads = True
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(cert, key)
server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
'''

NGINX = '''daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  keepalive_requests 100000;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {key};
    location ~ ^/size/[0-9]+/(.*)$ {{ return 200 $1; }}
  }}
}}
'''


def python(t, port):
    return [sys.executable, t.file('server.py', PYTHON), *certs().pair(), port]


def nginx(t, port):
    need('nginx')
    pem, key = certs().pair()
    conf = t.file('nginx.conf', NGINX.format(dir=t.tmp, port=port, pem=pem, key=key))
    return ['nginx', '-c', conf, '-e', t.path('error.log')]


def go(_t, port):
    return [go_build('gotls'), 'server', *certs().pair(), port]


def proxy(t, port):
    """Go's client, whose connections have a goroutine that reads."""
    p = t.start([go_build('gotls'), 'proxy', *certs().pair(), certs().ca, str(port)],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    front = json.loads(p.stdout.readline())['port']
    threading.Thread(target=p.stdout.read, daemon=True).start()
    return front


def use(port, until, known):
    """Requests of one connection after the other, each for another size."""
    c, n = TlsConn(('127.0.0.1', port), context()), 0
    while not until.is_set():
        n += 1
        x = c.request('GET', f'/size/{n}/{"n" * n}')
        c.response()
        known[x.id] = n
        time.sleep(random.random() * 0.02)
    c.close()


def audit(t, spans, known, after, what):
    """Each span has its own answer, or is marked and has none; few are marked."""
    right, wrong, marked = 0, [], 0
    for s in spans:
        name, status = query_id(s), s.get('status')
        marked += 'incomplete' in s
        if name and status and s.get('resp_body_bytes') == known.get(name):
            right += 1
        elif (name and status) or not s.get('incomplete'):
            wrong.append(s)
    print(f'# shows {what}: {right} right, {marked} marked, {len(spans)} in all')
    t.check(not wrong, f'{what}: {len(wrong)} spans with the answer of another: {wrong[:2]}')
    t.check(right >= 0.7 * after, f'{what}: {right} whole of {after}')
    t.check(marked <= 8 * CONNECTIONS, f'{what}: {marked} marked')


def joined(t, kind, behind=None):
    """Connections in use, with a proxy before the server, if one is wanted."""
    port = free_port()
    t.start([str(a) for a in kind(t, port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    front, until, known = behind(t, port) if behind else port, threading.Event(), {}
    threads = [threading.Thread(target=use, args=(front, until, known))
               for _ in range(CONNECTIONS)]
    for x in threads:
        x.start()
    try:
        wait_for(lambda: len(known) >= 5 * CONNECTIONS)
        z = Zctrace(t, '--port', port, '--role', 'both')
        before = len(known)
        wait_for(lambda: len(known) >= before + 30 * CONNECTIONS, 30)
    finally:
        until.set()
        for x in threads:
            x.join()
    time.sleep(0.2)
    z.stop()
    for end in ('server', 'client'):
        audit(t, [s for s in z.spans if s['kind'] == end], known, len(known) - before,
              f'{kind.__name__}, {end}')


@test
def servers(t):
    """servers that wait in a read, and one that does not, and their client"""
    for kind in (python, nginx, go):
        joined(t, kind)


@test
def duplex_client(t):
    """a client whose connections are read by somebody else than who writes"""
    joined(t, go, proxy)


if __name__ == '__main__':
    sys.exit(main())
