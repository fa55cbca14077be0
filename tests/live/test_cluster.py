#!/usr/bin/env python3
"""Names that the API of a Kubernetes cluster has for addresses, asked for by --resolve."""
import json
import os
import sys

from far import ask_from, away, peers_of
from lib import Zctrace, main, need, test, wait_for
from tls_targets import Certs

# lists as k8s.io/api v0.35.4 encodes them: pods shop/web-6d4cf56db6-x7k2p of 10.77.9.2 and
# fd00:77::2, one on the host's network, one that has ended, and more to be asked for; services
# shop/api of 10.77.9.1, and one without an address
PODS = (
    'azhzAAoNCgJ2MRIHUG9kTGlzdBKGBQoNCgASATcaBmJtVjRkQRLGAQpSCgVwcm94eRIAGgtrdWJlLXN5c3RlbSIAKiQ0'
    'YmEyZWNmOS1hYjViLTRlYzYtYTRhOS01YzNlMGFjMmZmOWYyADgAQgBaDAoDYXBwEgVwcm94eRI+EhoKAWMSAWkqAEIA'
    'agByAIABAIgBAJABAKIBABoAMgBCAEoAUgZub2RlLTFYAWAAaACCAQCKAQCaAQDCAQAaMAoHUnVubmluZxoAIgAqADIJ'
    'MTAuNzcuOS45SgBaAGILCgkxMC43Ny45LjlyAIgBABK9AQpHCgNqb2ISABoEc2hvcCIAKiQ0YmEyZWNmOS1hYjViLTRl'
    'YzYtYTRhOS01YzNlMGFjMmZmOWYyADgAQgBaCgoDYXBwEgNqb2ISPhIaCgFjEgFpKgBCAGoAcgCAAQCIAQCQAQCiAQAa'
    'ADIAQgBKAFIGbm9kZS0xWABgAGgAggEAigEAmgEAwgEAGjIKCVN1Y2NlZWRlZBoAIgAqADIJMTAuNzcuOS44SgBaAGIL'
    'CgkxMC43Ny45LjhyAIgBABLrAQppChR3ZWItNmQ0Y2Y1NmRiNi14N2sycBIAGgRzaG9wIgAqJDRiYTJlY2Y5LWFiNWIt'
    'NGVjNi1hNGE5LTVjM2UwYWMyZmY5ZjIAOABCAFobCgNhcHASFHdlYi02ZDRjZjU2ZGI2LXg3azJwEj4SGgoBYxIBaSoA'
    'QgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSBm5vZGUtMVgAYABoAIIBAIoBAJoBAMIBABo+CgdSdW5uaW5nGgAiACoA'
    'MgkxMC43Ny45LjJKAFoAYgsKCTEwLjc3LjkuMmIMCgpmZDAwOjc3OjoycgCIAQAaACIA')
SERVICES = (
    'azhzAAoRCgJ2MRILU2VydmljZUxpc3QSmgEKBgoAEgAaABJWChcKA2FwaRIAGgRzaG9wIgAqADIAOABCABI3ChAKABIA'
    'GFAiBggAEAAaACgAGgkxMC43Ny45LjEiADoAQgBSAFoAYABoAJIBCTEwLjc3LjkuMRoCCgASOAocCghoZWFkbGVzcxIA'
    'GgRzaG9wIgAqADIAOABCABIUGgROb25lIgA6AEIAUgBaAGAAaAAaAgoAGgAiAA==')
API = r"""
import base64, http.server, json, ssl, sys
where, cert, key, pods, services = sys.argv[1:]
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(json.dumps([self.path, self.headers['authorization'], self.headers['accept']]),
              file=open(where, 'a'))
        if self.headers['authorization'] != 'Bearer sesame' or self.path.startswith('/api/v1/pods?'
                ) and 'continue=' not in self.path and pods == 'forbidden':
            self.send_error(403)
            return
        body = base64.b64decode(services if '/services' in self.path else pods)
        if 'continue=' in self.path:
            body = b'k8s\0\x12\0'
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a):
        pass
s = http.server.ThreadingHTTPServer(('127.0.0.1', 6443), H)
c = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
c.load_cert_chain(cert, key)
s.socket = c.wrap_socket(s.socket, server_side=True)
s.serve_forever()
"""
ACCOUNT = 'kubernetes.io/serviceaccount'


class Cluster:
    """A namespace with an API in it, a service account, and two addresses that it knows."""

    def __init__(self, t, pods=PODS):
        need('curl', 'ip', 'unshare', 'mount')
        self.t, self.ns, self.certs = t, away(t), Certs()
        self.log = t.path('asked')
        for name, addrs in ((self.ns.a, ('10.77.9.1', '10.77.9.2')), (self.ns.b, ('10.77.9.3',))):
            for addr in addrs:
                t.run(['ip', '-n', name, 'addr', 'add', f'{addr}/24', 'dev', 'w0'])
        t.start([*self.ns.inside_a, sys.executable, '-c', API, self.log, *self.certs.pair('ec'),
                 pods, SERVICES])
        wait_for(lambda: ':6443 ' in t.run([*self.ns.inside_a, 'ss', '-ltn']).stdout)
        t.file(f'run/secrets/{ACCOUNT}/token', 'sesame\n')
        with open(self.certs.ca, encoding='ascii') as f:
            t.file(f'run/secrets/{ACCOUNT}/ca.crt', f.read())

    def trace(self, *args):
        see = ['unshare', '-m', 'sh', '-c', 'mkdir -p /var/run/secrets && '
               f'mount --bind {self.t.path("run/secrets")} /var/run/secrets && exec "$@"', 'sh']
        env = {**os.environ, 'KUBERNETES_SERVICE_HOST': '127.0.0.1',
               'KUBERNETES_SERVICE_PORT': '6443', 'NODE_NAME': 'node-1'}
        return Zctrace(self.t, '-i', 'w0', '--port', '8080', *args, env=env,
                       prefix=[*self.ns.inside_a, *see])

    def asked(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding='utf-8') as f:
            return [json.loads(line) for line in f]

    def ask(self):
        for addr, ident in (('10.77.9.2', 'pod'), ('10.77.9.1', 'service')):
            p = self.t.run([*self.ns.inside_a, 'curl', '-s', '--interface', addr,
                            f'http://10.77.9.3:8080/x?id={ident}'])
            self.t.equal(p.returncode, 0, f'curl: {p.stderr}')
        ask_from(self.t, self.ns, 'other')


@test
def names(t):
    """pods and services, in pages; only when asked for"""
    c = Cluster(t)
    z = c.trace()
    c.ask()
    z.finish(3, type='span')
    t.equal((set(peers_of(z.spans).values()), c.asked()), ({None}, []), 'not asked for')
    z = c.trace('--resolve')
    t.check(wait_for(lambda: len(c.asked()) >= 3, 10), f'asked: {c.asked()}')
    c.ask()
    c.ask()
    z.finish(6, type='span')
    late = sorted(z.spans, key=lambda s: s['time'])[3:]
    t.equal(peers_of(late), {('server', 'pod'): 'shop/web-6d4cf56db6-x7k2p',
                             ('server', 'service'): 'api.shop', ('server', 'other'): None}, 'names')
    of_node = '/api/v1/pods?limit=500&fieldSelector=spec.nodeName%3Dnode-1'
    t.equal([path for path, _, _ in c.asked()],
            [of_node, f'{of_node}&continue=bmV4dA', '/api/v1/services?limit=500'], 'questions')
    t.equal({(a, k) for _, a, k in c.asked()},
            {('Bearer sesame', 'application/vnd.kubernetes.protobuf')}, 'how it asks')


@test
def forbidden(t):
    """an account that may not list pods, and answers that are none: what can be had is used"""
    for pods in ('forbidden', 'AAAA', PODS[:200]):
        c = Cluster(t, pods)
        z = c.trace('--resolve')
        wait_for(lambda c=c: len(c.asked()) >= 2, 10)
        c.ask()
        c.ask()
        z.finish(6, type='span')
        late = sorted(z.spans, key=lambda s: s['time'])[3:]
        t.equal(peers_of(late)['server', 'service'], 'api.shop', 'a service')
        t.equal(peers_of(late)['server', 'pod'], None, 'a pod')
        os.unlink(c.log)


sys.exit(main())
