#!/usr/bin/env python3
"""DNS: spans against dnsmasq's own log, dig, the C library's resolver, tshark."""
import re
import subprocess
import sys
import time

from h2tools import python_packages
from lib import ZCTRACE, Zctrace, main, need, replay, test, wait_for
from netns import Namespaces
from sniff import Tcpdump


class Dnsmasq:
    """In a namespace of its own on port 53, with a log of what it was asked."""

    def __init__(self, t):
        need('dnsmasq', 'dig')
        self.t, self.ns = t, Namespaces(t, veth=False)
        etc = f'/etc/netns/{self.ns.a}'
        subprocess.run(['mkdir', '-p', etc], check=True)
        t.stack.callback(subprocess.run, ['rm', '-rf', etc])
        with open(f'{etc}/resolv.conf', 'w', encoding='utf-8') as f:
            f.write('nameserver 127.0.0.1\noptions timeout:1 attempts:2\n')
        self.log = open(t.path('dnsmasq.log'), 'w+', encoding='utf-8')
        self.p = t.start([*self.ns.inside_a, 'dnsmasq', '--no-daemon', '--no-resolv', '--no-hosts',
                          '--listen-address=127.0.0.1', '--bind-interfaces', '--port=53',
                          '--address=/a.test/10.1.2.3', '--address=/a.test/fd00::1:2',
                          '--cache-size=0', '--log-queries', '--local=/test/', '--user=root',
                          '--pid-file='], stdout=self.log, stderr=self.log)
        wait_for(lambda: 'started' in self.said(), 10)

    def said(self):
        with open(self.t.path('dnsmasq.log'), encoding='utf-8') as f:
            return f.read()

    def asked(self):
        """(type, name) of each question, in order."""
        return re.findall(r'query\[(\w+)\] (\S+) from', self.said())

    def inside(self, *argv):
        return self.t.run([*self.ns.inside_a, *argv])


def dns(z, kind=None):
    return [s for s in z.spans if s['protocol'] == 'dns' and kind in (None, s['kind'])]


def sent(spans):
    return sorted((s['dns_type'], s['dns_question']) for s in spans)


@test
def resolvers(t):
    """dig over UDP and TCP, getaddrinfo: both ends of each question, as dnsmasq logged them"""
    d = Dnsmasq(t)
    z = Zctrace(t, '--port', '53', '--role', 'both', '-w', t.path('rec.pcapng'))
    d.inside('dig', '+tries=1', 'a.test', 'A')
    d.inside('dig', '+tries=1', '+tcp', 'a.test', 'AAAA')
    d.inside('dig', '+tries=1', 'none.test', 'MX')
    d.inside('dig', '+tries=1', 'elsewhere.example', 'A')
    d.inside('getent', 'ahosts', 'a.test')
    wait_for(lambda: len(dns(z)) >= 12, 15)
    z.stop()
    asked = sorted((kind, name) for kind, name in d.asked())
    for kind in ('server', 'client'):
        t.equal(sent(dns(z, kind)), asked, f'{kind} spans')
    for s in dns(z):
        t.check('incomplete' not in s and s['duration_ns'] > 0, f'not whole: {s}')
        t.equal(s['dns_rcode'], {'a.test': 0, 'none.test': 3}.get(s['dns_question'], 5), 'rcode')
        wrong = s['dns_rcode'] == 5 or (s['dns_rcode'] == 3 and s['kind'] == 'client')
        t.equal('error' in s, wrong, f'an error or not: {s}')
        if s['dns_question'] == 'a.test':
            t.equal(s.get('dns_answers'),
                    {'A': '10.1.2.3', 'AAAA': 'fd00::1:2'}[s['dns_type']], 'answers')
        t.check(s.get('pid') and s['server_port'] == 53, f'who asked whom: {s}')
    linked = [s for s in dns(z, 'server') if s.get('link') == 'socket']
    t.equal(len(linked), len(dns(z, 'server')), 'each server span hangs under its client span')
    spans, _ = replay(t, t.path('rec.pcapng'))
    t.equal(sent(spans), sent(dns(z)), 'the recording')


DEAF = '''
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 53))
print('up', flush=True)
time.sleep(60)
'''


@test
def unanswered(t):
    """a server that does not answer: retries are counted, then the question has timed out"""
    need('dig')
    ns = Namespaces(t, veth=False)
    p = t.start([*ns.inside_a, sys.executable, '-c', DEAF], stdout=subprocess.PIPE)
    p.stdout.readline()
    z = Zctrace(t, '--port', '53')
    ask = '''
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('127.0.0.1', 53))
s.settimeout(0.5)
for _ in range(3):
    s.send(struct.pack('>6H', 7, 256, 1, 0, 0, 0) + bytes([4]) + b'lost' + bytes([4]) + b'test'
           + struct.pack('>BHH', 0, 1, 1))
    try:
        s.recv(100)
    except OSError:
        pass
'''
    t.run([*ns.inside_a, sys.executable, '-c', ask])
    wait_for(lambda: len(dns(z)) >= 1, 20, 0.1)
    z.stop()
    spans = dns(z, 'client')
    t.equal(len(spans), 1, 'one span')
    if spans:
        s = spans[0]
        t.equal((s.get('error'), s.get('retries'), s['dns_question']), ('timeout', 2, 'lost.test'),
                'no answer')
        t.check('duration_ns' not in s and 'dns_rcode' not in s, f'nothing invented: {s}')


@test
def refused(t):
    """nobody listens: the kernel says so at once, as the client is told; in a capture, too, ICMP"""
    need('dig')
    ns = Namespaces(t, veth=False)
    ask = '''
import socket, struct
for i, (family, to) in enumerate(((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'))):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.connect((to, 53))
    s.settimeout(5)
    q = struct.pack('>6H', i, 256, 1, 0, 0, 0) + b'\\4nob%d\\4test' % i + b'\\0\\0\\1\\0\\1'
    s.send(q)
    try:
        s.recv(100)
    except ConnectionRefusedError:
        print('told', flush=True)
    s.send(q)
    try:
        s.send(q) # tells of the one before, and does not leave
    except ConnectionRefusedError:
        print('told', flush=True)
'''
    dump = Tcpdump(t, 'refused.pcap', prefix=ns.inside_a, expression='udp or icmp or icmp6')
    z = Zctrace(t, '--port', '53')
    t.equal(t.run([*ns.inside_a, sys.executable, '-c', ask]).stdout, 'told\n' * 4, 'the client')
    wait_for(lambda: len(dns(z)) >= 4, 5, 0.1)
    z.stop()
    again, _ = replay(t, dump.stop())
    want = sorted(f'nob{i}.test' for i in (0, 0, 1, 1))
    for what, spans in (('live', dns(z, 'client')), ('capture', again)):
        t.equal(sorted(s['dns_question'] for s in spans), want, f'{what}: questions')
        t.equal({s.get('error') for s in spans}, {'refused'}, f'{what}: refused')
        t.check(all(s['duration_ns'] < 1e9 and 'dns_rcode' not in s for s in spans),
                f'{what}: at once: {spans}')


# of one name it says over UDP that the answer is too long, and gives it over TCP; else it is deaf
SHORT = '''
import socket, struct, threading
def question(q):
    end = q.index(0, 12) + 5
    return q[12:end], q[12:].startswith(b'\\3big')
def answer(q, flags, n):
    asked = question(q)[0]
    a = b'\\xc0\\x0c' + struct.pack('>HHIH', 1, 1, 60, 4) + bytes([10, 0, 0, 9])
    return q[:2] + struct.pack('>5H', flags, 1, n, 0, 0) + asked + a * n
def tcp():
    s = socket.create_server(('127.0.0.2', 53))
    print('up', flush=True)
    while True:
        c, _ = s.accept()
        n = struct.unpack('>H', c.recv(2))[0]
        a = answer(c.recv(n), 0x8180, 1)
        c.sendall(struct.pack('>H', len(a)) + a)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('127.0.0.2', 53))
threading.Thread(target=tcp, daemon=True).start()
while True:
    q, who = u.recvfrom(4096)
    if question(q)[1]:
        u.sendto(answer(q, 0x8380, 0), who)
'''
C_ARES = '''
import pycares, select, sys
c = pycares.Channel(servers=['127.0.0.1'], tries=1)
got = []
for kind in (pycares.QUERY_TYPE_A, pycares.QUERY_TYPE_AAAA):
    c.query('c-ares.a.test', kind, lambda r, e: got.append(r))
while len(got) < 2:
    r, w = c.getsock()
    select.select(r, w, [], 1)
    for fd in r:
        c.process_fd(fd, pycares.ARES_SOCKET_BAD)
assert all(got), got
'''


@test
def two_servers(t):
    """a server that is deaf, then the next one; an answer that is asked for over TCP; c-ares"""
    d = Dnsmasq(t)
    with open(f'/etc/netns/{d.ns.a}/resolv.conf', 'w', encoding='utf-8') as f:
        f.write('nameserver 127.0.0.2\nnameserver 127.0.0.1\noptions timeout:5 attempts:1\n')
    p = t.start([*d.ns.inside_a, sys.executable, '-c', SHORT], stdout=subprocess.PIPE)
    p.stdout.readline()
    where = python_packages(t, 'pycares==4.4.0')
    z = Zctrace(t, '--port', '53', '--role', 'client', '-w', t.path('rec.pcapng'))
    ask = 'import socket; print(socket.gethostbyname({!r}))'
    t.equal(d.inside(sys.executable, '-c', ask.format('big.test')).stdout, '10.0.0.9\n', 'by TCP')
    t.equal(d.inside(sys.executable, '-c', ask.format('two.a.test')).stdout, '10.1.2.3\n', 'second')
    r = d.inside('env', f'PYTHONPATH={where}', sys.executable, '-c', C_ARES)
    t.equal(r.returncode, 0, f'c-ares: {r.stderr[-400:]}')
    wait_for(lambda: [s for s in dns(z) if 'error' in s], 20, 0.1)
    z.stop()
    got = {(s['dns_question'], s['server_addr'], s['dns_type'], s.get('dns_rcode'),
            s.get('dns_answers'), s.get('error')) for s in dns(z)}
    t.equal(len(dns(z)), 6, f'spans: {dns(z)}')
    t.equal(got, {('big.test', '127.0.0.2', 'A', 0, '10.0.0.9', None),
                  ('big.test', '127.0.0.2', 'A', 0, None, None),
                  ('c-ares.a.test', '127.0.0.1', 'A', 0, '10.1.2.3', None),
                  ('c-ares.a.test', '127.0.0.1', 'AAAA', 0, 'fd00::1:2', None),
                  ('two.a.test', '127.0.0.1', 'A', 0, '10.1.2.3', None),
                  ('two.a.test', '127.0.0.2', 'A', None, None, 'timeout')}, 'who was asked')
    t.equal([(s['dns_question'], s['dns_truncated'], s['dns_answer_count']) for s in dns(z)
             if 'dns_truncated' in s], [('big.test', 1, 0)], 'what was cut short')
    rows = t.run([ZCTRACE, '-r', t.path('rec.pcapng'), '-o', 'waterfall']).stdout.splitlines()
    t.equal([' NOERROR truncated' in r for r in rows if 'big.test' in r], [True, False],
            f'as a waterfall: {rows}')


SERVICE = '''
import http.server, socket, socketserver, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            socket.getaddrinfo(self.path.strip('/'), 80, socket.AF_INET)
        except OSError:
            pass
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *a):
        pass
class S(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64
s = S(('127.0.0.1', 8000), H)
print('up', flush=True)
s.serve_forever()
'''


@test
def under_its_request(t):
    """a service that looks names up: each lookup under the request that waited for it"""
    d = Dnsmasq(t)
    p = t.start([*d.ns.inside_a, sys.executable, '-c', SERVICE], stdout=subprocess.PIPE)
    p.stdout.readline()
    z = Zctrace(t, '--port', '8000')
    ask = ('import threading, urllib.request\n'
           'def go(i):\n'
           '    urllib.request.urlopen(f"http://127.0.0.1:8000/n{i}.a.test").read()\n'
           'for i in range(20): go(i)\n'
           'threads = [threading.Thread(target=go, args=(i,)) for i in range(20, 52)]\n'
           'for t in threads: t.start()\n'
           'for t in threads: t.join()\n')
    d.inside(sys.executable, '-c', ask)
    wait_for(lambda: len(z.spans) >= 104, 20, 0.05)
    time.sleep(0.2)
    z.stop()
    requests = {s['span_id']: s for s in z.spans if s['kind'] == 'server'}
    lookups = dns(z, 'client')
    t.equal((len(requests), len(lookups)), (52, 52), 'requests and lookups')
    for s in lookups:
        parent = requests.get(s.get('parent_span_id'))
        t.check(parent and parent['path'] == '/' + s['dns_question'], f'not under its own: {s}')


@test
def captured(t):
    """tcpdump's file of the same traffic, against tshark"""
    need('tcpdump', 'tshark')
    d = Dnsmasq(t)
    with open(t.path('err'), 'w', encoding='utf-8') as err:
        dump = t.start([*d.ns.inside_a, 'tcpdump', '-i', 'lo', '-U', '-w', t.path('c.pcap'),
                        'port', '53'], stderr=err)
    wait_for(lambda: 'listening on' in open(t.path('err'), encoding='utf-8').read(), 15)
    for name, kind in (('a.test', 'A'), ('a.test', 'AAAA'), ('none.test', 'MX'),
                       ('x.a.test', 'TXT')):
        d.inside('dig', '+tries=1', name, kind)
        d.inside('dig', '+tries=1', '+tcp', name, kind)
    time.sleep(1)
    dump.terminate()
    dump.wait()
    out = t.run(['tshark', '-r', t.path('c.pcap'), '-Y', 'dns.flags.response == 1', '-T', 'fields',
                 '-e', 'dns.qry.name', '-e', 'dns.qry.type', '-e', 'dns.flags.rcode', '-e',
                 'dns.count.answers']).stdout
    want = sorted(tuple(line.split('\t')) for line in out.splitlines())
    numbers = {'A': '1', 'MX': '15', 'TXT': '16', 'AAAA': '28'}
    spans, _ = replay(t, t.path('c.pcap'))
    got = sorted((s['dns_question'], numbers[s['dns_type']], str(s['dns_rcode']),
                  str(s['dns_answer_count'])) for s in spans)
    t.equal(got, want, 'as tshark has it')
    t.equal(len(got), 8, 'all of them')


sys.exit(main())
