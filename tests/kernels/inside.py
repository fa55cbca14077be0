#!/usr/bin/env python3
"""What is tried within a machine: inside.py RESULT SECONDS [fifo] [load|rights|times|old|protocols]

Writes one JSON object to RESULT. With one of these, nothing but that; old: of a kernel that has
packets only. Run with ZCTRACE, and GOTLS, which is tests/live/gotls built.
"""
import json
import os
import platform
import re
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'live'))
# pylint: disable=wrong-import-position
import damage  # noqa: E402
import rights  # noqa: E402
from lib import ZCTRACE, Test, Zctrace, wait_for, wait_port  # noqa: E402

TIMES = 5 # requests of each kind
WEB = '''daemon off; pid {0}/pid; error_log {0}/error.log; worker_processes 1; user root;
events {{ worker_connections 256; }}
http {{ access_log off; default_type text/plain; sendfile on;
 client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u;
 scgi_temp_path {0}/s;
 server {{ listen 127.0.0.1:8080; listen [::1]:8080; listen 127.0.0.1:8444 ssl http2;
  ssl_certificate {0}/cert; ssl_certificate_key {0}/key; root {0};
  location /r/ {{ return 200 "$request_uri"; }} }} }}
'''

# Reads by splice(2) alone, which is no recvmsg().
SPLICE = '''
import os, socket
s = socket.create_server(('127.0.0.1', 8081))
while True:
    c, _ = s.accept()
    r, w = os.pipe()
    while os.splice(c.fileno(), w, 65536) and b'\\r\\n\\r\\n' not in os.read(r, 65536):
        pass
    c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')
    c.close()
'''


def first_line(path):
    try:
        with open(path, encoding='utf-8') as f:
            return f.readline().strip()
    except OSError:
        return ''


def preemption():
    """The model that is in force, in the kernel's own words."""
    line = first_line('/sys/kernel/debug/sched/preempt')
    return (re.findall(r'\((\w+)\)', line) or [line or 'not told'])[0]


def doctor(t):
    p = subprocess.run([ZCTRACE, '--doctor', '-o', 'json'], capture_output=True, text=True,
                       timeout=200,
                       check=False)
    found = {'status': p.returncode, 'stderr': p.stderr}
    for o in map(json.loads, p.stdout.splitlines()):
        if o['type'] == 'check':
            found[o['check']] = {k: v for k, v in o.items() if k not in ('type', 'check')}
        else:
            found['backend'] = o.get('backend')
    return found


def web(t):
    """nginx for HTTP and HTTPS, Go's server; the latter's port."""
    damage.certificate(t)
    t.file('file', b'x' * 70000)
    t.start(['nginx', '-c', t.file('conf', WEB.format(t.tmp))])
    go = t.start([os.environ['GOTLS'], 'server', t.path('cert'), t.path('key')],
                 stdout=subprocess.PIPE, text=True)
    line = go.stdout.readline()
    t.start([sys.executable, '-c', SPLICE])
    # reads and writes through BIO_f_ssl
    t.start(['openssl', 's_server', '-quiet', '-WWW', '-accept', '127.0.0.1:8445',
             '-cert', t.path('cert'), '-key', t.path('key')], cwd=t.tmp)
    for port in (8080, 8444, 8081, 8445):
        wait_port(port, timeout=60)
    return json.loads(line)['port']


def protocols(t):
    """{kind of request: how many of TIMES were seen whole and right, with process and times}"""
    go = web(t)
    kinds = {
        'http': ('http://127.0.0.1:8080/r/a', 'http/1.1', False),
        'ipv6': ('http://[::1]:8080/r/b', 'http/1.1', False),
        'sendfile': ('http://127.0.0.1:8080/file', 'http/1.1', False),
        'splice': ('http://127.0.0.1:8081/r/s', 'http/1.1', False),
        'openssl': ('https://127.0.0.1:8444/r/c', 'http/1.1', 'openssl'),
        'bio': ('https://127.0.0.1:8445/file', 'http/1.0', 'openssl'),
        'h2': ('https://127.0.0.1:8444/r/d', 'h2', 'openssl'),
        'go': (f'https://127.0.0.1:{go}/size/300', 'h2', 'go'),
    }
    ports = [x for p in (8080, 8081, 8444, 8445, go) for x in ('--port', p)]
    z = Zctrace(t, *ports, wait=False)
    took = z.wait_tracing(120)
    for url, protocol, _ in kinds.values():
        how = {'h2': '--http2', 'http/1.0': '--http1.0'}.get(protocol, '--http1.1')
        for _ in range(TIMES):
            subprocess.run(['curl', '-skg', '-o', '/dev/null', how, url], check=True)
    wait_for(lambda: sum(s['kind'] == 'server' for s in z.spans) >= TIMES * len(kinds), 10, 0.2)
    z.stop()
    result = {'tracing_s': round(took, 2), 'line': z.err().splitlines()[0], 'odd': {}}
    for name, (url, protocol, tls) in kinds.items():
        want = {'kind': 'server', 'path': '/' + url.split('/', 3)[3], 'protocol': protocol,
                'tls': tls,
                'status': 200, 'incomplete': None}
        fit = [s for s in z.spans if all(s.get(k) == v for k, v in want.items())]
        result[name] = sum(bool(s.get('pid')) and s.get('queue_ns') is not None for s in fit)
        if result[name] != TIMES: # what there is instead
            port = int(url.split('/')[2].rpartition(':')[2])
            result['odd'][name] = [s for s in z.spans if s.get('server_port') == port][:3]
    result['last_line'] = z.err().strip().splitlines()[-1]
    return result


def packets(t):
    """The same of what packets show, on a kernel for which that is all there is."""
    web(t)
    z = Zctrace(t, '--port', '8080')
    for _ in range(TIMES):
        subprocess.run(['curl', '-sg', '-o', '/dev/null', 'http://127.0.0.1:8080/r/a'], check=True)
    wait_for(lambda: len(z.spans) >= TIMES, 10, 0.2)
    z.stop()
    return {'line': z.err().splitlines()[0],
            'http': sum(s.get('path') == '/r/a' and s.get('status') == 200 for s in z.spans)}


STARTS = 4


def times(t):
    """Seconds, each STARTS times: to the line that says that it traces, to the first span of HTTPS,
    from the signal to the end; and of work that asks nothing of the kernel."""
    web(t)
    found = {'start': [], 'first': [], 'end': [], 'work': []}
    for _ in range(STARTS):
        z = Zctrace(t, '--port', '8444', wait=False)
        found['start'].append(z.wait_tracing(120))
        subprocess.run(['curl', '-sk', '-o', '/dev/null', 'https://127.0.0.1:8444/r/c'], check=True)
        t.check(wait_for(lambda z=z: z.spans, 20, 0.01), 'a span')
        begun = time.monotonic()
        found['first'].append(begun - z.begun)
        z.stop()
        ended = time.monotonic()
        found['end'].append(ended - begun)
        sum(i * i for i in range(300000))
        found['work'].append(time.monotonic() - ended)
    return found


def kernel_log():
    """Lines that tell of a fault; what an emulated machine says at boot is none of ours."""
    text = subprocess.run(['dmesg'], capture_output=True, text=True, check=False).stdout
    return [line for line in text.splitlines()
            if re.search(r'WARNING|BUG[: ]|Oops|verifier bug|rcu.*\bstall|lockup|blocked for '
                         r'more|are unsafe', line)]


def attempt(fn, *args):
    t = Test(fn.__name__)
    try:
        result = fn(t, *args)
        if t.failures:
            result['failures'] = t.failures
        return result
    except Exception: # what else there is to try must be tried
        return {'failures': [traceback.format_exc()[-1500:], *t.failures]}
    finally:
        t.stack.close()


def main(path, seconds, *how):
    found = {'release': platform.release(), 'machine': platform.machine(),
             'preemption': preemption()}
    if 'rights' in how:
        found['rights'] = attempt(rights.measure, web)
        found['paranoid'] = first_line('/proc/sys/kernel/perf_event_paranoid')
    elif 'protocols' in how:
        found['protocols'] = attempt(protocols)
    elif 'times' in how:
        found['times'] = attempt(times)
    elif 'load' not in how:
        found['doctor'] = attempt(doctor)
        found['protocols'] = attempt(packets if 'old' in how else protocols)
    if not {'rights', 'times', 'old', 'protocols'} & set(how):
        found['load'] = attempt(damage.measure, float(seconds), 'fifo' in how)
    found['log'] = kernel_log()
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(found, f)


if __name__ == '__main__':
    main(*sys.argv[1:])
