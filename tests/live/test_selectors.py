#!/usr/bin/env python3
"""Who is traced: ports, processes, names, files, groups, commands, and those who come later."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from client import Conn, compare_all, get
from lib import (Skip, ZCTRACE, Zctrace, by_id, cgroup_root, end_process, free_port, main, need,
                 query_id, test,
                 wait_for, wait_port)
from load import Wrk
from servers import Nginx, Target


def ids(spans, kind='server'):
    return sorted(query_id(s) or '' for s in spans if s['kind'] == kind)


def only(t, z, exchanges, kind='server'):
    """Ends z and checks that it showed these exchanges of this kind and nothing else."""
    z.stop()
    compare_all(t, z.spans, exchanges, kind)
    t.equal(len(z.spans), len(exchanges), 'spans of both kinds')


@test
def by_pid(t):
    """--pid of nginx's master takes its workers, and not another server"""
    nginx, other = Nginx(t, workers=2), Target(t, 'plain')
    z = Zctrace(t, '--pid', nginx.pid)
    exchanges = [get(nginx.addr) for _ in range(10)]
    get(other.addr)
    only(t, z, exchanges)
    t.check({s['pid'] for s in z.spans} <= set(nginx.workers()), 'pids of the workers')


@test
def by_pid_list(t):
    """--pid=A,B takes two, not the third"""
    a, b, c = (Target(t, 'plain') for _ in range(3))
    z = Zctrace(t, '--pid', f'{a.pid},{b.pid}')
    exchanges = [get(a.addr), get(b.addr)]
    get(c.addr)
    only(t, z, exchanges)
    t.equal(sorted(s['pid'] for s in z.spans), sorted((a.pid, b.pid)), 'pids')


@test
def by_comm(t):
    """--comm takes processes by name, also one that starts later"""
    first, port = Nginx(t), free_port()
    z = Zctrace(t, '--comm', 'ngin*', '--comm', 'zc-renamed')
    exchanges = [get(first.addr) for _ in range(3)]
    second = Nginx(t, port=port)
    exchanges += [get(second.addr) for _ in range(3)]
    renamed = Target(t, 'plain')  # its name does not fit
    get(renamed.addr)
    only_known = {x.id for x in exchanges}
    z.stop()
    t.equal({query_id(s) for s in z.spans if query_id(s)}, only_known, 'requests')


@test
def by_comm_renamed(t):
    """--comm takes a process that gets its name after the attaching"""
    server = Target(t, 'rename')
    c = Conn(server.addr)
    z = Zctrace(t, '--comm', 'late-name')
    c.get()
    server.p.send_signal(signal.SIGUSR1)
    server.told(1)
    time.sleep(0.1)  # that the connection is open is found out after the renaming
    exchanges = [c.get()]
    c.close()
    exchanges += [get(server.addr), get(server.addr)]
    z.stop()
    compare_all(t, z.spans, exchanges, fields=('method', 'path', 'status', 'resp_bytes',
                                               'client_port'))
    t.equal({s['comm'] for s in z.spans}, {'late-name'}, 'comm')


@test
def by_exe(t):
    """--exe takes processes by file, also those that start later; a copy elsewhere is another
    one"""
    need('haproxy', 'nginx')
    exe = os.path.realpath(shutil.which('nginx'))
    first, python = Nginx(t), Target(t, 'plain')
    z = Zctrace(t, '--exe', exe)
    exchanges = [get(first.addr)]
    get(python.addr)
    exchanges += [get(Nginx(t).addr) for _ in range(2)]
    z.stop()
    t.equal({query_id(s) for s in z.spans if query_id(s)}, {x.id for x in exchanges}, 'requests')


@test
def by_exe_glob(t):
    """--exe with a pattern takes a file that did not exist when tracing began"""
    need('cc')
    z = Zctrace(t, '--exe', t.path('bin') + '/*')
    python = os.path.realpath(sys.executable)
    os.makedirs(t.path('bin'))
    shutil.copy2(python, t.path('bin/snake'))
    env = dict(os.environ, PYTHONHOME=sys.base_prefix)
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'target.py')
    port = free_port()
    t.start([t.path('bin/snake'), here, 'plain', '127.0.0.1', str(port)], env=env,
            stdout=subprocess.DEVNULL)
    wait_port(port)
    time.sleep(0.2)
    exchanges = [get(('127.0.0.1', port)) for _ in range(3)]
    only(t, z, exchanges)


@test
def by_cgroup(t):
    """--cgroup takes the processes of a group and of groups below, also those that come later"""
    path = os.path.join(cgroup_root(), f'zctrace-test-{os.getpid()}')
    below = os.path.join(path, 'below')
    try:
        os.makedirs(below)
    except OSError as e:
        raise Skip(f'{path}: {e.strerror}') from e
    t.stack.callback(lambda: wait_for(lambda: not os.system(f'rmdir {below} {path} 2>/dev/null'), 3,
                                      0.1))

    def enter(server, group):
        with open(os.path.join(group, 'cgroup.procs'), 'w', encoding='ascii') as f:
            f.write(str(server.pid))
        return server
    inside, deeper, outside = (Target(t, 'plain') for _ in range(3))
    enter(inside, path)
    enter(deeper, below)
    z = Zctrace(t, '--cgroup', path)
    exchanges = [get(inside.addr), get(deeper.addr)]
    get(outside.addr)
    later = Target(t, 'plain', prefix=['sh', '-c', f'echo $$ > {path}/cgroup.procs; exec "$@"',
                                       'sh'])
    exchanges += [get(later.addr), get(later.addr)]
    only(t, z, exchanges)


@test
def by_container(t):
    """--container finds the control group by the beginning of the container's id"""
    ident = 'c0ffee' + os.urandom(29).hex()
    path = os.path.join(cgroup_root(), f'zctrace-{ident}.scope')
    try:
        os.makedirs(path)
    except OSError as e:
        raise Skip(f'{path}: {e.strerror}') from e
    t.stack.callback(lambda: wait_for(lambda: not os.system(f'rmdir {path} 2>/dev/null'), 3, 0.1))
    inside, outside = Target(t, 'plain'), Target(t, 'plain')
    with open(os.path.join(path, 'cgroup.procs'), 'w', encoding='ascii') as f:
        f.write(str(inside.pid))
    z = Zctrace(t, '--container', ident[:12])
    exchanges = [get(inside.addr), get(inside.addr)]
    get(outside.addr)
    only(t, z, exchanges)


@test
def by_service(t):
    """--service takes what is shown by this name, also when it starts later, and nothing else"""
    def named(name, port=None):
        os.makedirs(t.path(name), exist_ok=True)
        script = t.path(f'{name}/{name}.py')
        shutil.copy2(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'target.py'), script)
        port = port or free_port()
        t.start([sys.executable, script, 'plain', '127.0.0.1', str(port)],
                stdout=subprocess.DEVNULL)
        wait_port(port)
        return '127.0.0.1', port
    shop, other = named('shop'), named('other')
    z = Zctrace(t, '--service', 'sho?')
    exchanges = [get(shop) for _ in range(3)]
    unwanted = {get(other).id}
    z.wait_spans(3)
    later = named('shop')
    early = set()  # it may answer before it is known to be one

    def seen():
        early.add(get(later).id)
        return any(query_id(s) in early for s in z.spans)
    t.check(wait_for(seen), 'what starts later is traced')
    exchanges += [get(later) for _ in range(3)]
    z.wait_spans(7)
    z.stop()
    got = {query_id(s) for s in z.spans}
    t.check(not {x.id for x in exchanges} - got, 'all requests of both')
    t.check(not got & unwanted and {s['service'] for s in z.spans} == {'shop'}, 'and no others')


@test
def by_service_that_is_not_here(t):
    """--service, --comm: nobody is called so: told at once, with who is there"""
    server = Target(t, 'plain')
    for option, word, others in (('--service', 'is called', 'services that listen here: '),
                                 ('--comm', 'has the name', '--service chooses by ')):
        p = t.run([ZCTRACE, option, 'no-such-name', '-o', 'text', '-d', '50ms'])
        t.equal(p.returncode, 0, 'status')
        t.check(f"no process {word} 'no-such-name' now; {others}" in p.stderr,
                f'{option}: {p.stderr}')
    t.check(server.pid, 'it was there')


@test
def container_not_here(t):
    """--container of a name that nobody has is refused"""
    for name in ('web', 'no-such-container'):
        p = t.run([ZCTRACE, '--container', name, '-o', 'text', '-d', '50ms'])
        t.equal(p.returncode, 2, 'status')
        t.check(f'container {name}: none that runs here has this name' in p.stderr, p.stderr)


@test
def everything(t):
    """--all takes every process, both ends"""
    a, b = Target(t, 'plain'), Target(t, 'http')
    z = Zctrace(t, '--all')
    exchanges = [get(a.addr), get(b.addr, '/size/100')]
    z.stop()
    known = {x.id for x in exchanges}
    spans = [s for s in z.spans if query_id(s) in known and s['server_port'] in (a.port, b.port)]
    compare_all(t, spans, exchanges)
    compare_all(t, spans, exchanges, 'client')
    t.equal({s['pid'] for s in spans if s['kind'] == 'client'}, {os.getpid()}, 'pid of the client')


@test
def union(t):
    """selectors add up"""
    a, b, c = (Target(t, 'plain') for _ in range(3))
    z = Zctrace(t, '--port', a.port, '--pid', b.pid)
    exchanges = [get(a.addr), get(b.addr), get(a.addr)]
    get(c.addr)
    only(t, z, exchanges)


@test
def port_lists(t):
    """--port with a list and a range; ports beside them are not traced"""
    servers = sorted((Target(t, 'plain', port=free_port()) for _ in range(4)), key=lambda s: s.port)
    z = Zctrace(t, '--port', f'{servers[0].port},{servers[1].port}-{servers[2].port}')
    exchanges = [get(s.addr) for s in servers]
    only(t, z, exchanges[:3])


@test
def roles(t):
    """--role=server, client and both for a port that is listened on here"""
    server = Target(t, 'plain')
    for role, kinds in (('server', ['server']), ('client', ['client']),
                        ('both', ['client', 'server'])):
        z = Zctrace(t, '--port', server.port, '--role', role)
        x = get(server.addr)
        z.stop()
        t.equal(sorted(s['kind'] for s in z.spans), kinds, f'--role={role}')
        t.equal({query_id(s) for s in z.spans}, {x.id}, f'request with --role={role}')


@test
def downstream(t):
    """a port's process' calls are traced, and not with --no-downstream or --role=server"""
    backend = Target(t, 'plain')
    nginx = Nginx(t, f'location / {{ proxy_pass http://127.0.0.1:{backend.port}; }}')
    for args, calls in (((), 1), (('--no-downstream',), 0), (('--role', 'server'), 0)):
        z = Zctrace(t, '--port', nginx.port, *args)
        x = get(nginx.addr, '/deep')
        z.stop()
        t.equal((ids(z.spans), ids(z.spans, 'client')), ([x.id], [x.id] * calls),
                f'spans with {args}')


@test
def port_of_elsewhere(t):
    """a port that nobody listens on here: note, the client ends; when a server starts, its ends"""
    port = free_port()
    z = Zctrace(t, '--port', port)
    t.check(z.wait_note('waiting', 1) or 'nobody listens' in z.err(),
            f'no note: {z.err()} {z.notes}')
    server = Target(t, 'plain', port=port)
    exchanges = [get(server.addr) for _ in range(3)]
    only(t, z, exchanges)
    t.equal({s['pid'] for s in z.spans}, {server.pid}, 'pid')


@test
def same_rows_every_time(t):
    """a port that is listened on: connections older than the attaching show their server's end, in
    every run"""
    nginx = Nginx(t)
    load = Wrk(t, nginx.url, 120)
    wait_for(lambda: os.path.getsize(nginx.log_path))
    rows = []
    for _ in range(8):
        p = t.run([ZCTRACE, '-q', '-o', 'json', '-n', '20', '--port', str(nginx.port)])
        spans = [s for s in map(json.loads, p.stdout.splitlines()) if s['type'] == 'span']
        rows.append(sorted({(s['kind'], s.get('service', '')) for s in spans}))
    end_process(load.p)
    t.equal(rows, [[('server', 'nginx')]] * 8, 'kind and service')


@test
def client_of_remote_port(t):
    """client ends of connections to a port on which only another network namespace listens"""
    need('ip')
    from netns import Namespaces  # needs privileges that not every machine gives
    net = Namespaces(t)
    server = Target(t, 'plain', host=net.addr_b, prefix=net.inside_b)
    z = Zctrace(t, '--port', server.port, '--role', 'client')
    out = t.run([*net.inside_a, sys.executable, '-c',
                 'import http.client,sys\nc = http.client.HTTPConnection(sys.argv[1], '
                 'int(sys.argv[2]))\n'
                 'for i in range(3):\n c.request("GET", "/n?id=%d" % i); c.getresponse().read()',
                 net.addr_b, str(server.port)])
    t.equal(out.returncode, 0, out.stderr)
    z.stop()
    t.equal([(s['kind'], query_id(s), s['status'], s['server_addr']) for s in z.spans],
            [('client', str(i), 200, net.addr_b) for i in range(3)], 'spans')


@test
def nginx_reload(t):
    """workers that start after a reload are seen at once, by --pid and by --port"""
    for selector in ('--pid', '--port'):
        nginx = Nginx(t, workers=1)
        z = Zctrace(t, selector, nginx.pid if selector == '--pid' else nginx.port)
        exchanges = [get(nginx.addr)]
        old = set(nginx.workers())
        for _ in range(2):
            nginx.p.send_signal(signal.SIGHUP)
            wait_for(lambda: set(nginx.workers()) - old)
            old |= set(nginx.workers())
            exchanges += [get(nginx.addr) for _ in range(5)]
        only(t, z, exchanges)
        t.check(len({s['pid'] for s in z.spans}) >= 2, f'{selector}: pids of several generations')
        nginx.p.terminate()


def is_dead(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as f:
            return f.read().rsplit(')', 1)[1].split()[0] in 'ZX'
    except FileNotFoundError:
        return True


@test
def prefork(t):
    """a prefork server's children, those that exist and those that are forked later"""
    server = Target(t, 'prefork', stdin=subprocess.PIPE)
    children = {c['child'] for c in server.told(3)}
    z = Zctrace(t, '--pid', server.pid)
    exchanges = [get(server.addr) for _ in range(8)]
    for pid in sorted(children):
        os.kill(pid, signal.SIGKILL)
    t.check(wait_for(lambda: all(map(is_dead, children))), 'children do not end')
    server.p.stdin.write(b'xx')
    server.p.stdin.flush()
    new = {c['child'] for c in server.told(5)} - children
    more = [get(server.addr) for _ in range(8)]
    only(t, z, exchanges + more)
    found = by_id(z.spans)
    for group, xs in ((children, exchanges), (new, more)):
        t.check({found[x.id]['pid'] for x in xs if x.id in found} <= group, f'pids of {group}')
        t.equal([found[x.id]['pid'] for x in xs if x.id in found],
                [int(x.body.split()[0]) for x in xs],
                'pid that answered')


@test
def command(t):
    """-- COMMAND: its requests, its children's, its exit status, its end by a signal"""
    need('curl')
    server = Target(t, 'plain')
    url = f'http://127.0.0.1:{server.port}/c'
    z = Zctrace(t, '--', 'sh', '-c',
                f'curl -s -o /dev/null {url}?id=1; (curl -s -o /dev/null {url}?id=2); '
                'exit 42', wait=False)
    t.equal(z.wait(), 42, 'exit status')
    t.equal([(s['kind'], query_id(s), s['status'], s['comm']) for s in z.spans],
            [('client', str(i), 200, 'curl') for i in (1, 2)], 'spans')
    t.equal(z.end.get('spans'), 2, 'end record')
    z = Zctrace(t, '--', 'sh', '-c', 'kill -TERM $$', wait=False)
    t.equal(z.wait(), 128 + signal.SIGTERM, 'exit status for a signal')
    z = Zctrace(t, '--', 'true', wait=False)
    t.equal((z.wait(), z.spans), (0, []), 'a command without requests')


@test
def command_alone(t):
    """-- COMMAND without -o: standard output is the command's"""
    need('curl')
    server = Target(t, 'plain')
    url = f'http://127.0.0.1:{server.port}/c?id=1'
    p = subprocess.run([ZCTRACE, '-q', '--', 'sh', '-c', f'curl -s -o /dev/null {url}; echo mine'],
                       capture_output=True, text=True, timeout=60)
    t.equal((p.returncode, p.stdout), (0, 'mine\n'), 'exit status, and standard output')
    t.check(' HTTPClient 200 GET /c' in p.stderr, 'the line of text')


@test
def command_beside_spans(t):
    """-- COMMAND with -o json=FILE and text=FILE: its output is its own"""
    need('curl')
    server = Target(t, 'plain')
    spans, text = t.path('spans.json'), t.path('spans.text')
    url = f'http://127.0.0.1:{server.port}/c?id=1'
    z = Zctrace(t, '-o', f'text={text}', '--', 'sh', '-c', f'curl -s -o /dev/null {url}; echo mine',
                output=f'json={spans}', wait=False)
    t.equal((z.wait(), z.out()), (0, 'mine\n'), 'exit status, and standard output')
    with open(spans, encoding='utf-8') as f:
        got = [json.loads(line) for line in f]
    t.equal([r.get('status') for r in got if r['type'] == 'span'], [200], 'spans')
    t.equal((got[-1]['note'], got[-1]['spans']), ('end', 1), 'end record')
    with open(text, encoding='utf-8') as f:
        t.check(' HTTPClient 200 GET /c' in f.read(), 'the line of text')


@test
def stuck_reader(t):
    """a reader that takes nothing is given up, and the other output has every exchange"""
    nginx = Nginx(t)
    fifo = t.path('fifo')
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    z = Zctrace(t, '--port', nginx.port, '--header', '*', '-o', f'json={fifo}', output='json')
    conn, exchanges = Conn(('127.0.0.1', nginx.port)), []
    end = time.monotonic() + 30
    while 'nobody reads it' not in z.err() and time.monotonic() < end:
        exchanges += [conn.get() for _ in range(50)]
    z.p.send_signal(signal.SIGINT)
    t.equal(z.wait(), 1, 'exit status: one output is not whole')
    t.equal(z.err().count('nobody reads it'), 1, 'told once')
    t.equal([n['note'] for n in z.notes if n['note'] == 'output-gone'], ['output-gone'], 'the note')
    compare_all(t, z.spans, exchanges)
    os.close(reader)


@test
def command_is_server(t):
    """-- COMMAND that serves: SIGINT to zctrace alone ends both"""
    port = free_port()
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'target.py')
    z = Zctrace(t, '--', 'sh', '-c', 'exec "$@" >/dev/null', 'sh', sys.executable, here, 'plain',
                '127.0.0.1', port)
    wait_port(port)
    exchanges = [get(('127.0.0.1', port)) for _ in range(3)]
    z.p.send_signal(signal.SIGINT)
    status = z.wait()
    t.check(status is not None and status >= 0, f'exit status {status}')
    spans = [s for s in z.spans if s.get('status')]
    compare_all(t, spans, exchanges)
    t.check(z.end, 'no end record')


@test
def command_missing(t):
    """-- COMMAND that does not exist or is no program: one line, exit status 127 or 126, or 1"""
    for path in (t.path('no-such-program'), t.file('no-program', 'x', 0o644)):
        z = Zctrace(t, '--', path, wait=False)
        t.check(z.wait() in (1, 2, 126, 127), f'exit status {z.status}')
        t.check(os.path.basename(path) in z.err(), f'no word about {path}: {z.err()}')


@test
def own_traffic(t):
    """two at once: both see everything, neither disturbs the other's end"""
    nginx = Nginx(t)
    a = Zctrace(t, '--port', nginx.port)
    exchanges = [get(nginx.addr)]
    b = Zctrace(t, '--pid', nginx.pid)
    both = [get(nginx.addr) for _ in range(3)]
    only(t, a, exchanges + both)
    both.append(get(nginx.addr))
    only(t, b, both)


@test
def listening_notes(t):
    """notes tell of a selected process' end, and zctrace ends with the last one"""
    server = Target(t, 'plain')
    z = Zctrace(t, '--pid', server.pid)
    get(server.addr)
    server.p.kill()
    t.equal(z.wait(5), 0, 'exit status')
    t.check([n for n in z.notes if n['note'] == 'process-gone'], f'notes: {z.notes}')
    t.check(re.search(r'end', z.err()) and z.end.get('spans') == 1, f'end: {z.end}')


IN_NAMESPACE = r"""
import http.client, json, subprocess, sys
zctrace, server = sys.argv[1:]
p = subprocess.Popen([sys.executable, server], stdout=subprocess.PIPE, text=True)
port = int(p.stdout.readline())
def trace(*args):
    z = subprocess.Popen([zctrace, '-o', 'json', *args], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    return z, z.stderr.readline()
def spans(z):
    rows = map(json.loads, z.communicate(timeout=30)[0].splitlines())
    return [s for s in rows if s['type'] == 'span']
z, first = trace('--pid', str(p.pid), '-n', '2')
c = http.client.HTTPConnection('127.0.0.1', port)
for i in range(2):
    c.request('GET', f'/p?id={i}')
    c.getresponse().read()
of_pid = spans(z)
code = f"import http.client as h; c = h.HTTPConnection('127.0.0.1', {port}); " \
    "c.request('GET', '/c'); c.getresponse(); exit(7)"
z, _ = trace('--', sys.executable, '-c', code)
of_command = spans(z)
print(json.dumps({'pid': p.pid, 'first': first, 'status': z.returncode, 'of_pid': of_pid,
                  'of_command': of_command}))
p.kill()
"""

PLAIN_SERVER = r"""
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class H(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *a):
        pass
s = ThreadingHTTPServer(('127.0.0.1', 0), H)
print(s.server_port, flush=True)
s.serve_forever()
"""


@test
def pid_namespace(t):
    """in a PID namespace numbers are the namespace's, and a command ends with its status"""
    need('unshare')
    p = t.run(['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', sys.executable,
               t.file('inside.py', IN_NAMESPACE), ZCTRACE, t.file('plain.py', PLAIN_SERVER)])
    if 'unshare:' in p.stderr:
        raise Skip('no PID namespaces here')
    if not t.equal(p.returncode, 0, p.stderr):
        return
    got = json.loads(p.stdout.splitlines()[-1])
    t.check('PID namespace' in got['first'], got['first'])
    t.equal([(s['pid'], s['status'], s['kind']) for s in got['of_pid']],
            [(got['pid'], 204, 'server')] * 2, 'the process with this number')
    t.equal(got['status'], 7, 'status of the command')
    t.equal([(s['path'], s['kind']) for s in got['of_command']], [('/c', 'client')], 'its request')


if __name__ == '__main__':
    sys.exit(main())
