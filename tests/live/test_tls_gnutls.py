#!/usr/bin/env python3
"""GnuTLS: lighttpd and gnutls-serv as servers, wget, gnutls-cli and a libcurl as clients."""
import collections
import ctypes
import os
import subprocess
import sys

from client import compare_all
from h2tools import h2load
from lib import HERE, Skip, Zctrace, by_id, free_port, main, need, test, wait_port
from load import nginx_files
from tls_targets import (CURL, NginxTls, Peer, TlsConn, certs, check_tls, compare_known, connector,
                         context,
                         known_curl, ports, records_among)

LIGHTTPD = '''server.modules = ("mod_gnutls", "mod_accesslog")
server.document-root = "{dir}/www"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{dir}/error.log"
server.max-keep-alive-requests = 65535
ssl.engine = "enable"
ssl.pemfile = "{pem}"
ssl.privkey = "{key}"
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2")
accesslog.filename = "{dir}/access.log"
accesslog.format = "%{{X-Id}}i|%m|%r|%s|%b|%{{remote}}p"
'''


class Lighttpd:
    """lighttpd with GnuTLS, HTTP/1.1 and HTTP/2; www/ has its files."""

    def __init__(self, t, cert='rsa'):
        need('lighttpd')
        if not os.path.exists('/usr/lib/lighttpd/mod_gnutls.so'):
            raise Skip('no mod_gnutls of lighttpd here')
        self.t, self.dir, self.port = t, t.path('lighttpd'), free_port()
        self.addr, self.url = ('127.0.0.1', self.port), f'https://localhost:{self.port}'
        pem, key = certs().pair(cert)
        self.file('index.html', b'l' * 800)
        conf = t.file('lighttpd/conf', LIGHTTPD.format(dir=self.dir, port=self.port, pem=pem,
                                                       key=key))
        self.p = t.start(['lighttpd', '-D', '-f', conf])
        self.pid = self.p.pid
        wait_port(self.port)

    def file(self, name, content):
        self.t.file(f'lighttpd/www/{name}', content)


def files(server):
    for name, n in (('0', 0), ('1k', 1024), ('300k', 300000), ('3m', 3000000)):
        server.file(name, b'f' * n)


@test
def lighttpd_http1(t):
    """lighttpd, HTTP/1.1 by TLS 1.2 and 1.3: every field as the client knows it"""
    server = Lighttpd(t)
    files(server)
    z = Zctrace(t, '--port', server.port)
    exchanges, connect = [], connector(context('1.2'), context('1.3'))
    for _ in range(4):
        c = connect(server.addr)
        exchanges += [c.get(path) for path in ('/0', '/1k', '/300k', '/3m', '/none', '/1k')]
        exchanges.append(c.get('/300k', 'HEAD'))
        for _ in range(3):
            c.request('GET', '/1k')
        exchanges += [c.response() for _ in range(3)]
        c.close()
    z.wait_spans(len(exchanges))
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'gnutls')
    ports(t, z.spans, server.port)
    t.equal({s['pid'] for s in found.values()}, {server.pid}, 'pid')


@test
def lighttpd_http2(t):
    """lighttpd, HTTP/2 by ALPN, under h2load and curl: each stream's status and content"""
    need('curl')
    server = Lighttpd(t, 'ec')
    files(server)
    z = Zctrace(t, '--port', server.port)
    h2load(t, [f'{server.url}/{name}' for name in ('0', '1k', '300k', 'none')], 800, 4, 8)
    told = []
    for i in range(4):
        p = t.run(['curl', '-sS', '--cacert', certs().ca, '--http2', '-o', '/dev/null', '-w', CURL,
                   f'{server.url}/1k?id=c{i}'])
        told.append(dict(known_curl(p.stdout), id=f'c{i}', method='GET', path='/1k', stream=1))
    spans = z.wait_spans(804)
    z.stop()
    ours = [s for s in spans if s.get('query', '').startswith('id=c')]
    compare_known(t, ours, told, protocol='h2')
    check_tls(t, ours, 'gnutls', {k['port']: {'version': '1.3', 'sni': 'localhost'} for k in told})
    got = collections.Counter((s.get('path'), s.get('status'), s['tls'], s['protocol'])
                              for s in spans if s not in ours)
    t.equal(got, {('/0', 200, 'gnutls', 'h2'): 200, ('/1k', 200, 'gnutls', 'h2'): 200,
                  ('/300k', 200, 'gnutls', 'h2'): 200, ('/none', 404, 'gnutls', 'h2'): 200},
            'spans of h2load')
    t.equal({(s['path'], s.get('resp_body_bytes')) for s in spans if s.get('status') == 200},
            {('/0', 0), ('/1k', 1024), ('/300k', 300000)}, 'content')
    t.equal(len({s.get('client_port') for s in spans if s not in ours}), 4, 'connections of h2load')
    ports(t, spans, server.port)


@test
def gnutls_serv(t):
    """gnutls-serv with a client that counts octets, one exchange for each connection"""
    need('gnutls-serv')
    port = free_port()
    pem, key = certs().pair()
    with open(t.path('log'), 'wb') as log:
        server = t.start(['gnutls-serv', '--http', '-p', str(port), '--x509certfile', pem,
                          '--x509keyfile', key],
                         stdout=log, stderr=log)
    wait_port(port, timeout=10)
    z = Zctrace(t, '--port', port)
    exchanges = []
    for i in range(8):
        c = TlsConn(('127.0.0.1', port), context(['1.2', '1.3'][i % 2], alpn=None))
        exchanges.append(c.get(f'/page{i}', version='1.0'))
        c.close()
    z.wait_spans(8)
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'gnutls')
    ports(t, z.spans, port)
    t.equal({s['pid'] for s in z.spans}, {server.pid}, 'pid')


@test
def wget(t):
    """wget as COMMAND: several files over one connection to nginx, as nginx's log has them"""
    need('wget')
    nginx = NginxTls(t)
    nginx_files(nginx)
    names = ['s/1k.txt', 's/100k.txt', 's/0.txt', 's/none', 's/5m.txt']
    for protocol, version in (('TLSv1_2', None), ('TLSv1_3', '1.3')):
        before = len(nginx.tls_rows())
        z = Zctrace(t, '--', 'wget', '-q', '-O', '/dev/null', '--ca-certificate', certs().ca,
                    f'--secure-protocol={protocol}',
                    *[f'{nginx.url}/{n}' for n in names], wait=False)
        t.equal(z.wait(), 8, 'exit status')  # of a 404
        spans = sorted((s for s in z.spans if s['kind'] == 'client'), key=lambda s: s['time'])
        rows = nginx.tls_rows(before + 5)[before:]
        t.equal([(s['method'], s.get('path'), s.get('status'), s.get('resp_body_bytes'),
                  s.get('client_port'), s['pid'] > 0)
                 for s in spans], [(r['method'], r['target'], r['status'], r['received'], r['port'],
                                    True) for r in rows],
                f'{protocol}: calls and the log')
        t.equal({(s['protocol'], s.get('comm')) for s in spans}, {('http/1.1', 'wget')},
                'protocol, comm')
        check_tls(t, spans, 'gnutls', {r['port']: r for r in rows})
        ports(t, spans, nginx.port)
        t.check(not version or {r['version'] for r in rows} == {version}, f'{protocol}: {rows}')


@test
def gnutls_cli(t):
    """gnutls-cli and gnutls-serv, both traced: both ends of the exchange"""
    need('gnutls-serv', 'gnutls-cli')
    port = free_port()
    pem, key = certs().pair('ec')
    server = t.start(['gnutls-serv', '--http', '-p', str(port), '--x509certfile', pem,
                      '--x509keyfile', key],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port, timeout=10)
    server_side = Zctrace(t, '--port', port)
    request = t.file('request', 'GET /cli?id=cli1 HTTP/1.0\r\nHost: localhost\r\n\r\n')
    z = Zctrace(t, '--', 'sh', '-c', f'(cat {request}; sleep 1) | gnutls-cli --x509cafile '
                                     f'{certs().ca} -p {port} localhost',
                wait=False)
    t.equal(z.wait(), 0, 'exit status')
    server_side.wait_spans(1)
    server_side.stop()
    calls = [s for s in records_among(z) if s['kind'] == 'client']
    ends = [s for s in server_side.spans if s['kind'] == 'server']
    if not t.equal((len(calls), len(ends)), (1, 1), 'calls, server spans'):
        return
    fields = ('protocol', 'tls', 'tls_version', 'method', 'path', 'query', 'status', 'req_bytes',
              'resp_bytes',
              'client_port', 'server_port')
    t.equal([calls[0].get(f) for f in fields], [ends[0].get(f) for f in fields],
            'one exchange, two ends')
    t.equal([calls[0].get(f) for f in ('tls', 'tls_version', 'method', 'path', 'status',
                                       'server_port')],
            ['gnutls', '1.3', 'GET', '/cli', 200, port], 'the exchange')
    t.equal((calls[0].get('comm'), ends[0]['pid']), ('gnutls-cli', server.pid), 'processes')


TWO = f'''
import ctypes, json, sys
sys.path.insert(0, {HERE!r})
import tls_peer
curl = ctypes.CDLL('libcurl-gnutls.so.4')
curl.curl_easy_init.restype = ctypes.c_void_p
took = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t,
                        ctypes.c_void_p)
ignore = took(lambda p, size, n, ctx: size * n)
cert, key, ca, url = sys.argv[1:]

def call(h, path):
    curl.curl_easy_setopt(ctypes.c_void_p(h), 10002, ctypes.c_char_p((url + path).encode()))
    assert curl.curl_easy_perform(ctypes.c_void_p(h)) == 0

class Handler(tls_peer.TlsHandler):
    def do_GET(self):
        call(handle, '/inner?id=i' + self.path.split('id=')[1])
        super().do_GET()

handle = curl.curl_easy_init()
curl.curl_easy_setopt(ctypes.c_void_p(handle), 10065, ctypes.c_char_p(ca.encode()))
curl.curl_easy_setopt(ctypes.c_void_p(handle), 20011, ignore)
tls_peer.TlsHandler = Handler
tls_peer.serve_on(tls_peer.listen(), cert, key)
'''


@test
def two_libraries(t):
    """a process that serves with OpenSSL and calls with GnuTLS: each span has its own library"""
    try:
        ctypes.CDLL('libcurl-gnutls.so.4')
    except OSError:
        raise Skip('no libcurl with GnuTLS here') from None
    nginx = NginxTls(t, 'location /inner { return 200 "inner"; }')
    server = Peer(t, [sys.executable, t.file('two.py', TWO), *certs().pair('ec'), certs().ca,
                      nginx.url])
    z = Zctrace(t, '--port', server.port)
    exchanges = []
    for version in ('1.2', '1.3'):
        c = TlsConn(server.addr, context(version))
        exchanges += [c.get(f'/size/{n}') for n in (1, 2000, 40000)]
        c.close()
    spans = z.wait_spans(12)
    z.stop()
    compare_all(t, spans, exchanges)
    calls = by_id(spans, 'client')
    check_tls(t, [s for s in spans if s['kind'] == 'server'], 'openssl')
    t.equal({(name, s.get('path'), s.get('status'), s.get('resp_body_bytes')) for name,
             s in calls.items()},
            {(f'i{x.id}', '/inner', 200, 5) for x in exchanges}, 'calls')
    check_tls(t, calls.values(), 'gnutls', {r['port']: r for r in nginx.tls_rows(6)})
    t.equal({s['pid'] for s in spans}, {server.pid}, 'pid')


if __name__ == '__main__':
    sys.exit(main())
