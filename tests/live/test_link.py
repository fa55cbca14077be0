#!/usr/bin/env python3
"""Links: chains of real proxies, each request of which names itself in its query."""
import http.client
import json
import os
import re
import subprocess
import sys
import time

import chain
from h2tools import Nghttpd
from lib import (Skip, ZCTRACE, Zctrace, cgroup_root, free_port, main, need, test, wait_for,
                 wait_port)
from netns import Namespaces

N = 1000


def run_chain(t, name, ports, hops, all_complete=True, fields='', alike=False, load=None,
              least=None):
    """Loads the first port at 1 and at 32; prints the shares; no link may be wrong."""
    for concurrency in (1, 32):
        z = Zctrace(t, '--port', ','.join(map(str, ports)), '--body', '40')
        prefix = f'c{concurrency}-'
        if load:
            failed = load(t, ports[0], N, concurrency, prefix)
        else:
            failed = chain.load(ports[0], N, concurrency, prefix, fields, alike)
        t.equal(failed, [], 'requests that failed')
        z.wait_spans(N * hops, 10)
        z.stop()
        ids = [f'c{concurrency}-{i:06}' if alike else f'c{concurrency}-{i}' for i in range(N)]
        spans = z.spans
        complete, missing, wrong, names = chain.judge(spans, hops, ids)
        print(f'# shows {name}, concurrency {concurrency}: {complete / N:.1%} of traces complete, '
              f'{missing} links missing, {wrong} wrong; '
              + ', '.join(f'{k} {v}' for k, v in sorted(names.items())))
        t.equal(wrong, 0, f'{name}: wrong links at concurrency {concurrency}')
        t.equal(len(spans), N * hops, f'{name}: spans')
        if all_complete or (concurrency == 1 and least is None):
            t.equal(complete, N, f'{name}: complete traces at concurrency {concurrency}')
        elif not alike:  # of what cannot be told apart, no more is asked than no wrong link
            t.check(complete >= (0.9 if least is None else least) * N,
                    f'{name}: only {complete} complete')


@test
def envoy_tcp(t):
    """Envoy (tcp_proxy) before a Go backend"""
    back = chain.go_backend(t)
    run_chain(t, 'envoy tcp', [chain.envoy(t, back), back], 3)


@test
def two_envoys(t):
    """two Envoys (tcp_proxy) in a row before a Go backend"""
    back = chain.go_backend(t)
    second = chain.envoy(t, back)
    run_chain(t, 'envoy, envoy', [chain.envoy(t, second), second, back], 5)


@test
def go_calls(t):
    """a Go service that calls another one, with net/http"""
    back = chain.go_backend(t)
    for how in ('kept', 'new', 'post'):
        front = chain.go_backend(t, f'http://127.0.0.1:{back}/slow', how)
        chain.load(front, 10, 2)
        # without the first ones, before the functions of the program have been found
        run_chain(t, f'go, connections {how}', [front, back], 3, all_complete=False, least=0.7)
    front = chain.go_backend(t, f'http://127.0.0.1:{back}/slow', 'spawn')
    run_chain(t, 'go, another goroutine', [front, back], 3, all_complete=False, least=0.7)


@test
def envoy_http(t):
    """Envoy as HTTP proxy"""
    back = chain.go_backend(t)
    run_chain(t, 'envoy http', [chain.envoy(t, back, http=True), back], 3, all_complete=False)


@test
def envoy_http_traceparent(t):
    """Envoy as HTTP proxy, requests with a traceparent"""
    back = chain.go_backend(t)
    run_chain(t, 'envoy http, traceparent', [chain.envoy(t, back, http=True), back], 3,
              fields='traceparent: 00-{:032x}-00f067aa0ba902b7-01\r\n')


def traced_h2_load(t, port, n, concurrency, prefix):
    return chain.h2_load(t, port, n, concurrency, prefix,
                         '{"traceparent": "00-{:032x}-00f067aa0ba902b7-01"}')


@test
def envoy_h2(t):
    """Envoy as HTTP/2 proxy before an HTTP/2 backend"""
    back = chain.h2_backend(t)
    run_chain(t, 'envoy h2', [chain.envoy(t, back, h2=True), back], 3, all_complete=False,
              load=chain.h2_load)


@test
def two_envoys_h2(t):
    """two Envoys as HTTP/2 proxies in a row"""
    back = chain.h2_backend(t)
    second = chain.envoy(t, back, h2=True)
    run_chain(t, 'envoy h2, envoy h2', [chain.envoy(t, second, h2=True), second, back], 5,
              all_complete=False, load=chain.h2_load)


@test
def envoy_h2_traceparent(t):
    """Envoy as HTTP/2 proxy, requests with a traceparent"""
    back = chain.h2_backend(t)
    run_chain(t, 'envoy h2, traceparent', [chain.envoy(t, back, h2=True), back], 3,
              load=traced_h2_load)


@test
def envoy_h2_tcp(t):
    """HTTP/2 through Envoy's tcp_proxy"""
    back = chain.h2_backend(t)
    run_chain(t, 'h2 through envoy tcp', [chain.envoy(t, back), back], 3, all_complete=False,
              load=chain.h2_load)


def h2load_load(t, port, n, concurrency, prefix):
    """n streams of h2load on one connection, at most so many at a time."""
    need('h2load')
    urls = t.file('urls', ''.join(f'http://127.0.0.1:{port}/x?id={prefix}{i}\n' for i in range(n)))
    p = t.run(['h2load', '-n', str(n), '-c', '1', '-m', str(concurrency), '-i', urls])
    return [] if f'status codes: {n} 2xx' in p.stdout else [p.stdout + p.stderr]


@test
def nghttpx_h2(t):
    """h2load, nghttpx, nghttpd"""
    t.file('www/x', b'x')
    back = Nghttpd(t, [])
    run_chain(t, 'nghttpx', [chain.nghttpx(t, back.port), back.port], 3, all_complete=False,
              load=h2load_load)


@test
def haproxy_tcp(t):
    """haproxy in mode tcp"""
    back = chain.backend(t)
    run_chain(t, 'haproxy tcp', [chain.haproxy(t, back, 'tcp'), back], 3)


@test
def haproxy_proxy_protocol(t):
    """haproxy in mode tcp, which sends the PROXY protocol"""
    back = chain.backend(t, proxy_protocol=True)
    run_chain(t, 'haproxy send-proxy', [chain.haproxy(t, back, 'tcp', True), back], 3)


@test
def haproxy_http(t):
    """haproxy in mode http"""
    back = chain.backend(t)
    run_chain(t, 'haproxy http', [chain.haproxy(t, back, 'http'), back], 3, all_complete=False)


@test
def haproxy_http_request_id(t):
    """haproxy in mode http, requests with an X-Request-Id"""
    back = chain.backend(t)
    run_chain(t, 'haproxy http, request id', [chain.haproxy(t, back, 'http'), back], 3,
              fields='X-Request-Id: r{}\r\n')


@test
def nginx_http(t):
    """nginx proxy_pass"""
    back = chain.backend(t)
    run_chain(t, 'nginx proxy_pass', [chain.nginx(t, back), back], 3, all_complete=False)


@test
def nginx_stream(t):
    """nginx stream"""
    back = chain.backend(t)
    run_chain(t, 'nginx stream', [chain.nginx(t, back, stream=True), back], 3)


@test
def socat(t):
    """socat, a process per connection"""
    back = chain.backend(t)
    run_chain(t, 'socat', [chain.socat(t, back), back], 3)


@test
def alike_tcp(t):
    """requests whose heads are the same octets, through haproxy in mode tcp"""
    back = chain.backend(t)
    run_chain(t, 'haproxy tcp, all alike', [chain.haproxy(t, back, 'tcp'), back], 3,
              all_complete=False, alike=True)


@test
def alike_http(t):
    """requests that look alike, through nginx proxy_pass"""
    back = chain.backend(t)
    run_chain(t, 'nginx proxy_pass, all alike', [chain.nginx(t, back), back], 3,
              all_complete=False, alike=True)


@test
def alike_envoy(t):
    """requests that look alike, through Envoy as HTTP proxy"""
    back = chain.backend(t)
    run_chain(t, 'envoy http, all alike', [chain.envoy(t, back, http=True), back], 3,
              all_complete=False, alike=True)


FRONT = r"""
import http.client, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
port = int(sys.argv[2])
def call(path):
    c = http.client.HTTPConnection('127.0.0.1', port)
    c.request('GET', path)
    c.getresponse().read()
    c.close()
def later(path):
    try:
        call(path)
    except OSError:
        pass
class H(BaseHTTPRequestHandler):
    def do_GET(self):
        q = '?' + self.path.partition('?')[2]
        if self.path.startswith('/fan'):
            call('/one' + q)
            both = [threading.Thread(target=call, args=('/slow' + q,)),
                    threading.Thread(target=call, args=('/two' + q,))]
            for t in both:
                t.start()
                time.sleep(0.01)
            for t in both:
                t.join()
        elif self.path.startswith('/retry'):
            later('/broken' + q)
            call('/one' + q)
        elif self.path.startswith('/medium'):
            time.sleep(0.04)
        elif self.path.startswith('/outlive'):
            threading.Thread(target=later, args=('/slow' + q,)).start()
            time.sleep(0.01)
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *a):
        pass
    protocol_version = 'HTTP/1.1'
ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
"""

LEAF = r"""
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class H(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith('/broken'):
            return
        if self.path.startswith('/slow'):
            time.sleep(0.08)
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *a):
        pass
ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
"""


def start_front(t):
    front, leaf = free_port(), free_port()
    t.start([sys.executable, t.file('leaf.py', LEAF), str(leaf)])
    t.start([sys.executable, t.file('front.py', FRONT), str(front), str(leaf)])
    wait_port(leaf)
    wait_port(front)
    return front, leaf


def ask(port, path):
    c = http.client.HTTPConnection('127.0.0.1', port)
    c.request('GET', path)
    c.getresponse().read()
    c.close()


def children(spans, parent):
    return [s for s in spans if s.get('parent_span_id') == parent['span_id']]


@test
def fan_out(t):
    """one request that causes three calls, a retry, and a call that outlives its parent"""
    front, leaf = start_front(t)
    z = Zctrace(t, '--port', f'{front},{leaf}')
    for path in ('/fan', '/retry', '/outlive'):
        ask(front, f'{path}?id={path[1:]}')
        time.sleep(0.2)
    z.wait_spans(15)
    z.stop()
    for path, calls in (('/fan', ['/one', '/slow', '/two']), ('/retry', ['/broken', '/one']),
                        ('/outlive', ['/slow'])):
        root = [s for s in z.spans if s['path'] == path]
        t.equal(len(root), 1, f'{path}: one span')
        made = children(z.spans, root[0])
        t.equal(sorted(s['path'] for s in made), calls, f'{path}: its calls')
        for s in made:
            t.check(s['link'] in ('thread', 'only'), f'{path}: link {s["link"]}')
            t.equal(s['trace_id'], root[0]['trace_id'], f'{path}: trace')
            served = children(z.spans, s)
            t.equal([(x['path'], x['link'], x['trace_id']) for x in served],
                    [(s['path'], 'socket', s['trace_id'])], f'{path}: the other end')
            t.equal(s.get('peer_service'), 'leaf', f'{path}: peer of the call')
    t.equal(len(z.spans), 15, 'spans')


@test
def slow_hop(t):
    """the waterfall's critical path names the slow hop"""
    front, leaf = start_front(t)
    z = Zctrace(t, '--port', f'{front},{leaf}', output='waterfall')
    ask(front, '/fan?id=1')
    wait_for(lambda: 'critical path' in z.out())
    z.stop()
    lines = z.out().splitlines()
    path = [x for x in lines if 'critical path' in x]
    t.equal(len(path), 1, f'one trace: {z.out()}')
    m = re.match(r'  critical path: leaf ([\d.]+)ms \((\d+)%\)', path[0])
    t.check(m and float(m.group(1)) >= 79 and int(m.group(2)) >= 50, path[0])
    t.equal(sum('/slow' in x and '█' in x for x in lines), 2,
            'both ends of the slow call are on it')
    t.equal(sum('/two' in x and '▒' in x for x in lines), 2, 'those of the one beside it are not')
    t.check('7 spans' in lines[0], lines[0])
    t.check('(socket)' in z.out() and 'front → leaf' in z.out(), 'links and peers')


@test
def slowest(t):
    """--slowest shows the slowest traces, at the end, the slowest first"""
    front, leaf = start_front(t)
    z = Zctrace(t, '--port', f'{front},{leaf}', '--slowest', '2', output='waterfall')
    for path in ('/quick?id=1', '/medium?id=2', '/fan?id=3', '/quick?id=4'):
        ask(front, path)
    time.sleep(0.5)
    t.equal(z.out(), '', 'nothing before the end')
    z.stop()
    roots = [m for m in re.findall(r' front GET (/\w+) 200$', z.out(), re.M)]
    t.equal(roots, ['/fan', '/medium'], 'the slowest two')


@test
def follow(t):
    """--follow goes from process to process"""
    back = chain.backend(t)
    middle = chain.haproxy(t, back, 'tcp')
    front = chain.nginx(t, middle, stream=True)
    aside = chain.backend(t)
    z = Zctrace(t, '--port', front, '--follow')
    t.equal(chain.load(front, 100, 4), [], 'requests')
    t.equal(chain.load(aside, 10, 1, 'aside'), [], 'requests aside')
    z.wait_spans(500)
    z.stop()
    complete, missing, wrong, _ = chain.judge(z.spans, 5, [str(i) for i in range(100)])
    t.equal((complete, missing, wrong), (100, 0, 0), 'complete, missing, wrong')
    t.equal(len(z.spans), 500, 'nobody else is traced')


@test
def merged(t):
    """two recordings, one with a clock 3 s ahead, become whole traces"""
    need('editcap')
    back = chain.backend(t)
    front = chain.nginx(t, back, stream=True)
    a = Zctrace(t, '--port', front, '-w', t.path('a.pcapng'))
    b = Zctrace(t, '--port', back, '-w', t.path('b.pcapng'))
    t.equal(chain.load(front, 300, 8), [], 'requests')
    a.wait_spans(600)
    b.wait_spans(300)
    a.stop()
    b.stop()
    fastest = min(s['duration_ns'] for s in a.spans if s['kind'] == 'client') / 1e9
    shift = t.run(['editcap', '-t', '3', t.path('b.pcapng'), t.path('late.pcapng')])
    t.equal(shift.returncode, 0, f'editcap: {shift.stderr}')
    p = t.run([ZCTRACE, '-r', t.path('a.pcapng'), '-r', t.path('late.pcapng'), '-o', 'json'])
    t.equal(p.returncode, 0, p.stderr)
    m = re.search(r'late.pcapng: clock ([\d.]+) s ahead of that of .*a.pcapng, to within ([\d.]+) '
                  r's',
                  p.stderr)
    if t.check(m, p.stderr):
        t.between(2.99, float(m.group(1)), 3.01, 'offset')
        t.check(abs(float(m.group(1)) - 3) <= float(m.group(2)) + 2e-6, f'error: {m.group(0)}')
        t.check(float(m.group(2)) < fastest, 'an error below the fastest exchange')
    spans = [r for r in map(json.loads, p.stdout.splitlines()) if r['type'] == 'span']
    complete, missing, wrong, _ = chain.judge(spans, 3, [str(i) for i in range(300)])
    t.equal((complete, missing, wrong), (300, 0, 0), 'complete, missing, wrong')
    starts = {}
    for s in spans:
        starts.setdefault(s['trace_id'], {})[s['span_id']] = s
    back_in_time = sum(1 for s in spans if s.get('parent_span_id') in starts[s['trace_id']] and
                       starts[s['trace_id']][s['parent_span_id']]['time'] > s['time'])
    t.equal(back_in_time, 0, 'spans that begin before their parents')


@test
def merged_captures(t):
    """two captures of tcpdump, one on each side, one with a clock 2.5 s behind"""
    need('editcap', 'tcpdump')
    ns = Namespaces(t)
    server = t.file('server.py', chain.BACKEND.replace("'127.0.0.1'", "''"))
    t.start([*ns.inside_b, sys.executable, server, '8080'])
    wait_for(lambda: '8080' in t.run([*ns.inside_b, 'ss', '-ltn']).stdout)
    # a small snap length: of packets of any size, tcpdump's ring holds but eight
    dumps = [t.start([*inside, 'tcpdump', '-i', 'w0', '-U', '-s', '2000', '--immediate-mode', '-w',
                      t.path(f'{name}.pcap'), 'tcp'], stderr=subprocess.PIPE)
             for name, inside in (('a', ns.inside_a), ('b', ns.inside_b))]
    for d in dumps:
        while b'listening' not in (line := d.stderr.readline()) and line:
            pass
    code = ('import sys; sys.path.insert(0, sys.argv[1]); import chain\n'
            'sys.exit(len(chain.load(8080, 50, 4, host=sys.argv[2])))')
    p = t.run([*ns.inside_a, sys.executable, '-c', code, os.path.dirname(__file__), ns.addr_b])
    t.equal(p.returncode, 0, f'requests: {p.stderr}')
    sizes = None  # a busy machine lets tcpdump lag behind: wait until both files grow no more
    for _ in range(30):
        time.sleep(0.4)
        before, sizes = sizes, [os.path.getsize(t.path(f'{name}.pcap')) for name in 'ab']
        if sizes == before:
            break
    for d in dumps:
        d.terminate()
        d.wait()
    t.run(['editcap', '-t', '-2.5', t.path('b.pcap'), t.path('c.pcap')])
    for files in (('a', 'c'), ('c', 'a')):
        p = t.run([ZCTRACE, '-o', 'json', *sum((['-r', t.path(f'{f}.pcap')] for f in files), [])])
        m = re.search(r'clock ([\d.]+) s (behind|ahead of)', p.stderr)
        if t.check(m, p.stderr):
            t.between(2.49, float(m.group(1)), 2.51, 'offset')
            t.equal(m.group(2), 'behind' if files[1] == 'c' else 'ahead of', 'which is behind')
        spans = [r for r in map(json.loads, p.stdout.splitlines()) if r['type'] == 'span']
        complete, missing, wrong, _ = chain.judge(spans, 2, [str(i) for i in range(50)])
        t.equal((complete, missing, wrong), (50, 0, 0), 'complete, missing, wrong')


CLIENT = r"""
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', 40000))
s.connect(('127.0.0.1', 8080))
sys.stdin.readline()  # all are connected
f = s.makefile('rb')
for i in range(50):
    s.sendall(b'GET /x?id=%s-%d HTTP/1.1\r\nHost: a\r\n\r\n' % (sys.argv[1].encode(), i))
    while f.readline() != b'\r\n':
        pass
    f.read(len('/x?id=%s-%d' % (sys.argv[1], i)))
"""


def ask_all(t, servers):
    """The same four addresses and ports in each namespace, at the same time."""
    client = t.file('client.py', CLIENT)
    clients = [t.start(['ip', 'netns', 'exec', p.namespace, sys.executable, client, str(i)],
                       stdin=subprocess.PIPE) for i, p in enumerate(servers)]
    time.sleep(0.3)
    for c in clients:
        c.stdin.write(b'\n')
        c.stdin.flush()
    for c in clients:
        t.equal(c.wait(20), 0, 'a client')


@test
def equal_addresses(t):
    """three namespaces with equal addresses and ports: no link leads from one to another"""
    servers = chain.in_namespaces(t, 3)
    z = Zctrace(t, '--port', '8080', '--role', 'both')
    ask_all(t, servers)
    z.wait_spans(300)
    z.stop()
    complete, missing, wrong, names = chain.judge(z.spans, 2, [f'{n}-{i}' for n in range(3)
                                                               for i in range(50)])
    t.equal((complete, missing, wrong, names), (150, 0, 0, {'socket': 150}), 'links')
    t.equal(len({s['conn'] for s in z.spans}), 6, 'connections')


@test
def one_of_three(t):
    """of three servers on port 8080 in three namespaces, --pid and --cgroup trace one alone"""
    servers = chain.in_namespaces(t, 3)
    group = os.path.join(cgroup_root(), f'zctrace-one-{os.getpid()}')
    os.makedirs(group)
    t.stack.callback(lambda: wait_for(lambda: not os.system(f'rmdir {group} 2>/dev/null'), 3, 0.1))
    with open(os.path.join(group, 'cgroup.procs'), 'w', encoding='ascii') as f:
        f.write(str(servers[1].pid))
    t.stack.callback(servers[1].kill)
    for selector in (('--pid', servers[1].pid), ('--cgroup', group)):
        z = Zctrace(t, *selector)
        ask_all(t, servers)
        z.wait_spans(50)
        time.sleep(0.2)
        z.stop()
        t.equal(sorted(chain.query_id(s) for s in z.spans), sorted(f'1-{i}' for i in range(50)),
                f'{selector[0]}: spans')
        t.equal({s['pid'] for s in z.spans}, {servers[1].pid}, f'{selector[0]}: the process')


def translated(t):
    """Namespaces a and b with a router between them that translates both addresses and the port."""
    need('ip', 'nft')
    names = [f'zcn{x}{os.getpid()}' for x in 'arb']

    def run(*argv):
        p = t.run(argv)
        if p.returncode:
            raise Skip(f'{" ".join(argv)}: {p.stderr.strip()}')
    for name in names:
        run('ip', 'netns', 'add', name)
        t.stack.callback(subprocess.run, ['ip', 'netns', 'del', name])
        run('ip', '-n', name, 'link', 'set', 'lo', 'up')
    for side, net in ((names[0], '10.78.1'), (names[2], '10.78.2')):
        run('ip', '-n', names[1], 'link', 'add', side, 'type', 'veth', 'peer', 'name', 'w0',
            'netns',
            side)
        run('ip', '-n', names[1], 'addr', 'add', f'{net}.1/24', 'dev', side)
        run('ip', '-n', names[1], 'link', 'set', side, 'up')
        run('ip', '-n', side, 'addr', 'add', f'{net}.2/24', 'dev', 'w0')
        run('ip', '-n', side, 'link', 'set', 'w0', 'up')
        run('ip', '-n', side, 'route', 'add', 'default', 'via', f'{net}.1')
    inside = [['ip', 'netns', 'exec', name] for name in names]
    run(*inside[1], 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward')
    run(*inside[1], 'nft', 'add table ip zc; '
        'add chain ip zc pre { type nat hook prerouting priority -100; }; '
        'add chain ip zc post { type nat hook postrouting priority 100; }; '
        'add rule ip zc pre ip daddr 10.78.1.1 tcp dport 80 dnat to 10.78.2.2:8080; '
        f'add rule ip zc post oifname "{names[2]}" masquerade')
    return inside[0], inside[2]


ASK = """
import sys
sys.path.insert(0, sys.argv[1])
import chain
def gate():
    print('up', flush=True)
    sys.stdin.readline()
if sys.argv[2] == 'new':
    gate()
sys.exit(len(chain.load(80, 200, 8, sys.argv[2], host='10.78.1.1',
                        gate=gate if sys.argv[2] == 'old' else None)))
"""


@test
def nat(t):
    """through NAT of both addresses and the port: new and old connections, and recordings merged"""
    inside_a, inside_b = translated(t)
    server = t.start([*inside_b, sys.executable,
                      t.file('server.py', chain.BACKEND.replace("'127.0.0.1'", "''")), '8080'])
    wait_for(lambda: '8080' in t.run([*inside_b, 'ss', '-ltn']).stdout)
    for which in ('new', 'old'):
        p = t.start([*inside_a, sys.executable, '-c',
                     ASK, os.path.dirname(os.path.abspath(__file__)), which],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.stdout.readline()
        both = f'{p.pid},{server.pid}'
        z = [Zctrace(t, '--pid', both), Zctrace(t, '--pid', p.pid, '-w',
                                                t.path(f'a-{which}.pcapng')),
             Zctrace(t, '--pid', server.pid, '-w', t.path(f'b-{which}.pcapng'))]
        p.stdin.write(b'\n')
        p.stdin.flush()
        t.equal(p.wait(20), 0, 'requests')
        z[0].wait_spans(400)
        for one in z:
            one.stop()
        ids = [f'{which}{i}' for i in range(200)]
        t.equal(chain.judge(z[0].spans, 2, ids)[:3], (200, 0, 0),
                f'{which}: complete, missing, wrong')
        t.equal(len({s['client_addr'] for s in z[0].spans}), 2,
                f'{which}: the ends see other addresses')
        m = t.run([ZCTRACE, '-r', t.path(f'a-{which}.pcapng'), '-r', t.path(f'b-{which}.pcapng'),
                   '-o',
                   'json'])
        spans = [r for r in map(json.loads, m.stdout.splitlines()) if r['type'] == 'span']
        t.equal(chain.judge(spans, 2, ids)[:3], (200, 0, 0), f'{which}, merged')


@test
def text_line(t):
    """text: one trace id, the parent in brackets, the peer by its name"""
    back = chain.backend(t)
    front = chain.haproxy(t, back, 'tcp')
    z = Zctrace(t, '--port', front, output='text')
    chain.load(front, 1, 1)
    wait_for(lambda: z.out().count('\n') >= 2)
    z.stop()
    ids = re.findall(r' (HTTP|HTTPClient) 200 '
                     r'.*traceparent=\[00-(\w{32})-(\w{16})\[(\w{16})\]-01\]',
                     z.out())
    if t.equal(sorted(x[0] for x in ids), ['HTTP', 'HTTPClient'], f'lines: {z.out()}'):
        server, client = sorted(ids)
        t.equal(client[1], server[1], 'trace id')
        t.equal(client[3], server[2], 'the parent is the server span')
        t.equal(server[3], '0' * 16, 'which has none')


sys.exit(main())
