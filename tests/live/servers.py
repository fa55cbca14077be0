"""Starting the real servers that the live tests trace, each on a free port of loopback."""
import json
import os
import subprocess
import sys

from lib import HERE, free_port, need, wait_for, wait_port


class Target:
    """target.py in one of its modes; what it tells is in told()."""

    def __init__(self, t, mode, host='127.0.0.1', port=0, prefix=(), **options):
        self.path = t.path(f'target-{mode}-{os.urandom(3).hex()}.out')
        argv = [*prefix, sys.executable, os.path.join(HERE, 'target.py'), mode, host, str(port)]
        with open(self.path, 'wb') as out:
            self.p = t.start(argv, stdout=out, **options)
        if not wait_for(self._lines, 10):
            raise AssertionError(f'{mode} server: does not listen')
        self.port = int(self._lines()[0].split()[1])
        self.addr = ('127.0.0.1' if host in ('0.0.0.0', '') else '::1' if host == '::' else host,
                     self.port)
        self.pid = self.p.pid

    def _lines(self):
        with open(self.path, encoding='utf-8') as f:
            return [line for line in f.read().splitlines(True) if line.endswith('\n')]

    def told(self, n=0, timeout=5.0):
        """What it has told, when that is at least n things."""
        wait_for(lambda: len(self._lines()) > n, timeout)
        return [json.loads(line) for line in self._lines()[1:]]


NGINX = '''daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log; worker_processes {workers};
{user}
events {{ worker_connections 2048; }}
http {{
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  types {{ text/plain txt; }} default_type application/octet-stream;
  sendfile on; keepalive_requests 100000000; client_max_body_size 100m;
  log_format oracle '$http_x_id|$request_method|$request_uri|$status|$request_length|'
                    '$bytes_sent|$body_bytes_sent|$connection|$connection_requests';
  access_log {log};
{http}
  server {{ listen 127.0.0.1:{port}; listen [::1]:{port}; root {dir}/www;
{server}
  }}
}}
'''


class Nginx:
    """nginx with its own configuration below t.tmp; www/ holds its files."""

    def __init__(self, t, server='', http='', workers=1, log=True, port=0):
        need('nginx')
        self.t, self.dir, self.port = t, t.path('nginx'), port or free_port()
        self.addr = ('127.0.0.1', self.port)
        self.url = f'http://127.0.0.1:{self.port}'
        os.makedirs(os.path.join(self.dir, 'www'), exist_ok=True)
        self.file('index.html', b'x' * 612)
        self.log_path = os.path.join(self.dir, 'access.log')
        self.conf = t.file('nginx/nginx.conf', NGINX.format(
            dir=self.dir, port=self.port, workers=workers, server=server, http=http,
            user='user root;' if os.geteuid() == 0 else '',
            log=f'{self.log_path} oracle' if log else 'off'))
        self.start()

    def file(self, name, content):
        self.t.file(f'nginx/www/{name}', content)

    def start(self):
        self.p = self.t.start(['nginx', '-c', self.conf, '-e', f'{self.dir}/error.log'],
                              stderr=subprocess.DEVNULL)
        self.pid = self.p.pid
        wait_port(self.port)

    def workers(self):
        with open(f'/proc/{self.pid}/task/{self.pid}/children', encoding='ascii') as f:
            return [int(p) for p in f.read().split()]

    def log(self, n=0):
        """The log's lines as dicts, when there are at least n."""
        keys = ('id', 'method', 'target', 'status', 'req_bytes', 'resp_bytes', 'resp_body_bytes',
                'connection', 'ordinal')

        def lines():
            with open(self.log_path, encoding='utf-8') as f:
                rows = [dict(zip(keys, line.rstrip('\n').split('|'))) for line in f]
            return [r for r in rows if r['id'] != '-']
        wait_for(lambda: len(lines()) >= n, 3, 0.02)
        rows = lines()
        for r in rows:
            for k in keys[3:]:
                r[k] = int(r[k])
        return rows


HAPROXY = '''global
  maxconn 500
  {global_}
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  log stdout format raw local0
  log-format "%[capture.req.hdr(0)]|%HM|%HU|%ST|%U|%B|%cp"
  {defaults}
frontend f
  bind 127.0.0.1:{port}
  declare capture request len 32
  http-request capture req.hdr(X-Id) id 0
  default_backend b
backend b
  server s {backend}
'''


class Haproxy:
    """haproxy before one backend ("127.0.0.1:8000")."""

    def __init__(self, t, backend, defaults='', global_=''):
        need('haproxy')
        self.port = free_port()
        self.addr = ('127.0.0.1', self.port)
        self.log_path = t.path('haproxy.log')
        conf = t.file('haproxy.cfg', HAPROXY.format(port=self.port, backend=backend,
                                                    defaults=defaults, global_=global_))
        with open(self.log_path, 'wb') as log:
            self.p = t.start(['haproxy', '-db', '-f', conf], stdout=log, stderr=log)
        self.pid = self.p.pid
        wait_port(self.port)

    def log(self, n=0):
        def rows():
            with open(self.log_path, encoding='utf-8') as f:
                parts = [line.rstrip('\n').split('|') for line in f]
            return {p[0]: p for p in parts if len(p) == 7 and p[0] != '-'}
        wait_for(lambda: len(rows()) >= n, 3, 0.02)
        return rows()


NODE = '''
const http = require('http');
const server = http.createServer((q, r) => {
  let got = 0;
  q.on('data', d => { got += d.length; });
  q.on('end', () => {
    const path = q.url.split('?')[0], n = parseInt(path.split('/')[2] || '0');
    if (path.startsWith('/chunked/')) {
      r.writeHead(200);
      for (let left = n; left > 0; left -= 1000) r.write(Buffer.alloc(Math.min(left, 1000), 'n'));
      r.end();
    } else if (path.startsWith('/status/')) {
      r.writeHead(n); r.end();
    } else if (q.method === 'POST' || q.method === 'PUT') {
      r.end(got + '\\n');
    } else {
      r.writeHead(200, {'Content-Length': n});
      r.end(q.method === 'HEAD' ? '' : Buffer.alloc(n, 'n'));
    }
    console.log(JSON.stringify({method: q.method, target: q.url, status: r.statusCode}));
  });
});
server.listen(PORT, '127.0.0.1');
'''


class Node:
    """A node server with the paths of target.py's http mode."""

    def __init__(self, t):
        need('node')
        self.port = free_port()
        self.addr = ('127.0.0.1', self.port)
        script = t.file('server.js', NODE.replace('PORT', str(self.port)))
        self.log_path = t.path('node.log')
        with open(self.log_path, 'wb') as log:
            self.p = t.start(['node', script], stdout=log)
        self.pid = self.p.pid
        wait_port(self.port, timeout=10)

    def log(self, n):
        def rows():
            with open(self.log_path, encoding='utf-8') as f:
                return [json.loads(line) for line in f if line.endswith('\n')]
        wait_for(lambda: len(rows()) >= n, 3, 0.02)
        return rows()
