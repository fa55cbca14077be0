#!/usr/bin/env python3
"""FastCGI: nginx before PHP, which is shown as the HTTP that it serves, and linked with it."""
import os
import subprocess
import sys

from client import Conn
from lib import Zctrace, free_port, main, need, replay, test, wait_for, wait_port
from servers import Nginx

SECRET = 'hunter2-sesame'
PHP = r'''<?php
if (isset($_GET['status'])) http_response_code((int)$_GET['status']);
if (isset($_GET['warn'])) trigger_error('hunter2-sesame', E_USER_WARNING);
if ($_SERVER['REQUEST_METHOD'] == 'POST') $n = strlen(file_get_contents('php://input'));
header('Set-Cookie: sid=hunter2-sesame');
echo str_repeat('p', isset($_GET['size']) ? (int)$_GET['size'] : 10);
'''


@test
def nginx_php(t):
    """method, path, status and sizes of each request, kept connections, linked; no secret"""
    need('php-cgi')
    port = free_port()
    script = t.file('app.php', PHP)
    t.start(['php-cgi', '-b', f'127.0.0.1:{port}'], stderr=subprocess.DEVNULL,
            env=dict(os.environ, PHP_FCGI_CHILDREN='2'))
    wait_port(port)
    web = Nginx(t, f'''location / {{
        fastcgi_pass app; fastcgi_keep_conn on; fastcgi_param SCRIPT_FILENAME {script};
        fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri;
        fastcgi_param QUERY_STRING $query_string; fastcgi_param CONTENT_TYPE $content_type;
        fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param REDIRECT_STATUS 200; }}''',
                http=f'upstream app {{ server 127.0.0.1:{port}; keepalive 4; }}')
    z = Zctrace(t, '--port', f'{web.port},{port}', '--role', 'both', '-w', t.path('rec.pcapng'))
    asked = [('GET', '/a', 10), ('GET', '/b?status=404', 10), ('GET', '/c?status=503&warn=1', 10),
             ('GET', '/d?size=300000', 300000), ('POST', '/e?token=hunter2-sesame', 10)] * 6
    c = Conn(web.addr)
    for method, path, _ in asked:
        c.get(path, method, fields=[('Cookie', SECRET), ('Authorization', 'Basic ' + SECRET)],
              **({'body': b'b' * 7000} if method == 'POST' else {}))
    c.close()

    def fcgi(kind):
        return sorted((s for s in z.spans if s['protocol'] == 'fastcgi' and s['kind'] == kind),
                      key=lambda s: s['time'])
    wait_for(lambda: min(len(fcgi('client')), len(fcgi('server'))) >= len(asked))
    z.stop()
    for kind in ('client', 'server'):
        spans = fcgi(kind)
        t.equal([(s['method'], s['path'], s['status']) for s in spans],
                [(m, p.split('?')[0], 404 if '404' in p else 503 if '503' in p else 200)
                 for m, p, _ in asked], f'{kind}: requests')
        t.equal([s['resp_body_bytes'] for s in spans if s['path'] == '/d'], [300000] * 6,
                f'{kind}: sizes')
        t.equal([s['req_body_bytes'] for s in spans if s['path'] == '/e'], [7000] * 6,
                f'{kind}: content')
        t.equal([s for s in spans if 'incomplete' in s], [], f'{kind}: doubts')
        t.equal({s['path'] for s in spans if s.get('error')},
                {'/c'} | ({'/b'} if kind == 'client' else set()), f'{kind}: errors')
    front = {s['span_id']: s for s in z.spans if s['protocol'].startswith('http/1')}
    parents = [front.get(s.get('parent_span_id')) for s in fcgi('client')]
    t.equal([p and p['path'] for p in parents], [s['path'] for s in fcgi('client')],
            'each hangs under the request that it serves')
    t.equal([s.get('parent_span_id') for s in fcgi('server')],
            [s['span_id'] for s in fcgi('client')], 'two ends of one')
    t.check(SECRET not in z.out(), 'no secret shown')
    with open(t.path('rec.pcapng'), 'rb') as f:
        data = f.read()
    t.check(SECRET.encode() not in data, 'no secret recorded')
    again, _ = replay(t, t.path('rec.pcapng'))
    t.equal(len([s for s in again if s['protocol'] == 'fastcgi']), 2 * len(asked), 'replayed')


sys.exit(main())
