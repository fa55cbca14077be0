#!/usr/bin/env python3
"""What must not harm: zctrace killed, attached again and again, its outputs full or closed."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

from client import Conn, compare_all, get
from lib import ZCTRACE, Skip, Zctrace, end_process, free_port, main, query_id, test, wait_for
from load import Wrk, nginx_files
from netns import Namespaces
from probes import hooks_of, programs_alive, programs_of
from servers import Nginx, Target

IGNORE = ('import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); '
          'signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])')


@test
def killed_under_load(t):
    """SIGKILL under load: the target serves on without an error, and no probe is left"""
    nginx = Nginx(t, log=False)
    wrk = Wrk(t, nginx.url + '/', 3)
    z = Zctrace(t, '--port', nginx.port, stdout=subprocess.DEVNULL)
    ids = programs_of(z.p.pid)
    t.check(len(ids) >= 3, f'programs while tracing: {ids}')
    t.check(hooks_of(ids), 'none of them at a control group')
    time.sleep(1)
    z.p.kill()
    z.p.wait()
    t.check(wait_for(lambda: not programs_alive(ids), 3, 0.05),
            f'programs left: {programs_alive(ids)}')
    t.equal(hooks_of(ids), set(), 'hooks left')
    requests, errors = wrk.stop()
    t.equal(errors, [], 'errors of the load')
    t.check(requests > 1000, f'{requests} requests')
    z = Zctrace(t, '--port', nginx.port)
    x = get(nginx.addr)
    z.stop()
    compare_all(t, z.spans, [x])


ANSWER = '''
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 53))
print('up', flush=True)
while True:
    b, who = s.recvfrom(512)
    s.sendto(b[:2] + bytes([0x81, 0x80]) + b[4:], who)
'''
# asks until its input ends, then says how often, and how often nobody answered rightly
ASK = '''
import select, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('127.0.0.1', 53))
s.settimeout(20)
n = wrong = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    name = f'q{n:07}'.encode()
    q = struct.pack('>6H', n & 0xffff, 256, 1, 0, 0, 0) + bytes([8]) + name + bytes([4])
    q += b'test' + struct.pack('>BHH', 0, 1, 1)
    n += 1
    try:
        s.send(q)
        wrong += s.recv(512) != q[:2] + bytes([0x81, 0x80]) + q[4:]
    except OSError:
        wrong += 1
print(n, wrong, flush=True)
'''


@test
def datagrams(t):
    """SIGKILL while datagrams go to and fro: each is answered, no probe is left; traced anew"""
    ns = Namespaces(t, veth=False)
    server = t.start([*ns.inside_a, sys.executable, '-c', ANSWER], stdout=subprocess.PIPE)
    server.stdout.readline()
    client = t.start([*ns.inside_a, sys.executable, '-c', ASK], stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        z = Zctrace(t, '--port', 53, '--role', 'both', stdout=subprocess.DEVNULL)
        ids = programs_of(z.p.pid)
        t.check(hooks_of(ids), 'none of them at a control group')
        z.p.kill()
        z.p.wait()
        t.check(wait_for(lambda ids=ids: not programs_alive(ids), 15, 0.05), 'programs left')
    t.equal(hooks_of(ids), set(), 'hooks left')
    z = Zctrace(t, '--port', 53, '--role', 'both', '-n', 200)
    t.equal(z.wait(), 0, 'exit status')
    client.stdin.close()
    asked, wrong = map(int, client.stdout.readline().split())
    t.check(asked > 100, f'{asked} questions')
    t.equal(wrong, 0, f'of {asked} questions without their answer')
    names = [(s['kind'], s['dns_question']) for s in z.spans
             if re.fullmatch(r'q\d{7}\.test', s.get('dns_question', ''))]
    t.check(len(names) > 100 and len(names) == len(set(names)), f'spans: {names[:9]}')


@test
def ended_in_any_way(t):
    """no probe is left after SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGSEGV"""
    server = Target(t, 'plain')
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV):
        z = Zctrace(t, '--port', server.port)
        ids = programs_of(z.p.pid)
        t.check(ids, 'no programs while tracing')
        get(server.addr)
        z.p.send_signal(sig)
        status = z.wait()
        if sig in (signal.SIGINT, signal.SIGTERM):
            t.equal(status, 0, f'exit status after {sig.name}')
            t.equal((len(z.spans), z.end.get('spans')), (1, 1), f'spans after {sig.name}')
        t.check(wait_for(lambda ids=ids: not programs_alive(ids), 3, 0.05),
                f'programs left after {sig.name}')


@test
def ignored_signals_stay_ignored(t):
    """nohup: SIGHUP and SIGINT that were ignored at the start end nothing; SIGTERM still does"""
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port, prefix=[sys.executable, '-c', IGNORE])
    for sig in (signal.SIGHUP, signal.SIGINT):
        z.p.send_signal(sig)
    time.sleep(0.3)
    get(server.addr)
    t.equal(len(z.wait_spans(1)), 1, 'spans after the signals')
    t.check(z.p.poll() is None, f'ended with status {z.p.poll()}')
    z.stop(signal.SIGTERM)


@test
def attached_twenty_times(t):
    """20 times attached and detached under load: no request fails"""
    nginx = Nginx(t, log=False)
    wrk = Wrk(t, nginx.url + '/', 50)
    shown = 0
    for i in range(20):
        z = Zctrace(t, *(['--port', nginx.port] if i % 2 else ['--pid', nginx.pid]), '-n', 200)
        shown += z.wait() == 0 and z.end.get('spans') == 200
    wrk.p.send_signal(signal.SIGINT)
    requests, errors = wrk.stop()
    t.equal(shown, 20, 'times with 200 spans and status 0')
    t.equal(errors, [], 'errors of the load')
    t.check(requests > 1000, f'{requests} requests')


@test
def target_restarts(t):
    """the target is killed and started again on the same port, which others use in between"""
    port = free_port()
    z = Zctrace(t, '--port', port)
    exchanges, pids = [], []
    for i in range(6):
        server = Target(t, 'plain', port=port)
        pids.append(server.pid)
        c = Conn(server.addr)
        exchanges += [c.get(f'/life{i}') for _ in range(3)]
        open_one = Conn(server.addr)
        exchanges.append(open_one.get('/open'))
        end_process(server.p)  # with connections open
        c.close()
        open_one.close()
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    t.equal([found[x.id]['pid'] for x in exchanges if x.id in found],
            [p for p in pids for _ in range(4)], 'pids')


@test
def target_killed_in_flight(t):
    """the target is killed while it works on a request: a span with an error, and the trace ends"""
    server = Target(t, 'late')
    z = Zctrace(t, '--pid', server.pid)
    c = Conn(server.addr)
    done = c.get('/done')
    x = c.request('GET', '/killed')  # which it reads after 80 ms
    time.sleep(0.02)
    end_process(server.p)
    t.equal(z.wait(5), 0, 'exit status')
    spans = {query_id(s): s for s in z.spans}
    t.equal(set(spans), {done.id, x.id}, 'spans')
    t.check(spans.get(x.id, {}).get('error') in ('reset', 'closed'), f'error: {spans.get(x.id)}')
    t.check('status' not in spans.get(x.id, {}), 'a status that nobody sent')


@test
def output_closed(t):
    """a closed pipe ends it quietly with status 0"""
    server = Target(t, 'plain')
    for output in ('json', 'text', 'summary'):
        with open(t.path('err'), 'w+b') as err:
            extra = ['--interval', '50ms'] if output == 'summary' else []
            p = t.start([ZCTRACE, '--port', str(server.port), '-o', output, *extra], stderr=err,
                        stdout=subprocess.PIPE)
            wait_for(lambda: b'zctrace: tracing' in open(t.path('err'), 'rb').read(), 5)
            c = Conn(server.addr)
            c.get()
            p.stdout.readline()
            p.stdout.close()
            p.stdout = None
            ended = False
            for _ in range(100):
                c.get()
                time.sleep(0.02)
                if p.poll() is not None:
                    ended = True
                    break
            t.check(ended, f'{output}: goes on after its pipe was closed')
            t.equal(p.poll(), 0, f'{output}: exit status')
            err.seek(0)
            lines = [x for x in err.read().decode().splitlines()
                     if not x.startswith('zctrace: tracing')]
            t.check(not re.search(r'rror|roken|EPIPE', '\n'.join(lines)),
                    f'{output}: not quiet: {lines}')


@test
def disk_full(t):
    """-w to a full disk: the trace goes on, and says where the recording stopped"""
    mount = t.path('full')
    os.mkdir(mount)
    if t.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', mount]).returncode:
        raise Skip('cannot mount a tmpfs')
    t.stack.callback(subprocess.run, ['umount', '-l', mount], stderr=subprocess.DEVNULL)
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port, '-w', f'{mount}/rec.pcapng')
    c = Conn(server.addr)
    exchanges = [c.get('/fill', fields=[('X-Pad', 'p' * 2000)]) for _ in range(200)]
    z.p.send_signal(signal.SIGINT)
    t.check(z.wait() in (0, 1), f'exit status {z.status}')
    compare_all(t, z.spans, exchanges)
    told = [n for n in z.notes if 'record' in n['note']] or re.search(r'recording.*(stop|space)',
                                                                      z.err())
    t.check(told, f'no word about the recording: {z.err()} {z.notes}')
    t.check('No space left' in z.err() + z.out(), f'no reason: {z.err()}')
    p = t.run([ZCTRACE, '-r', f'{mount}/rec.pcapng', '-o', 'json'])
    t.equal(p.returncode, 1, 'status of the replay of what there is')
    spans = [json.loads(x) for x in p.stdout.splitlines() if '"type":"span"' in x]
    t.check(10 <= len(spans) < 200, f'{len(spans)} spans in 64 KiB')
    known = {x.id for x in exchanges}
    t.check(all(query_id(s) in known for s in spans), 'spans that were not')


@test
def cut_recording(t):
    """a recording cut off anywhere replays up to the cut"""
    server = Target(t, 'http')
    z = Zctrace(t, '--port', server.port, '-w', t.path('rec.pcapng'))
    c = Conn(server.addr)
    exchanges = [c.get(p) for p in ('/size/10', '/chunked/3000', '/status/404') * 5]
    z.stop()
    with open(t.path('rec.pcapng'), 'rb') as f:
        data = f.read()
    last = 0
    for i in range(1, 40):
        cut = t.file('cut.pcapng', data[:len(data) * i // 40])
        p = t.run([ZCTRACE, '-r', cut, '-o', 'json'])
        spans = [json.loads(x) for x in p.stdout.splitlines() if '"type":"span"' in x]
        whole = [s for s in spans if 'incomplete' not in s and 'error' not in s]
        t.equal(p.returncode, 1, f'exit status when cut at {i}/40: {p.stderr}')
        t.check(re.search(r'cut off at byte \d+', p.stderr), f'cut at {i}/40: not said: {p.stderr}')
        t.check(len(whole) >= last, f'cut at {i}/40: {len(whole)} spans, {last} before')
        last = len(whole)
    t.check(last >= len(exchanges) - 3, f'{last} spans of {len(exchanges)} with 39/40 of the file')


@test
def port_reuse(t):
    """the same four numbers used again and again: every life of a connection is its own"""
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port)
    mine, exchanges = free_port(), []

    def bind(s):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        s.bind(('127.0.0.1', mine))
    for _ in range(10):
        c = Conn(server.addr, prepare=bind)
        exchanges += [c.get(), c.get()]
        c.close()  # by reset, so that the numbers are free again
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    t.equal(len({s['conn'] for s in found.values()}), 10, 'connections')


@test
def busy_neighbours(t):
    """under the load of a service that is not selected nothing of it is shown or lost"""
    other, server = Nginx(t, log=False), Nginx(t)
    nginx_files(server)
    wrk = Wrk(t, other.url + '/', 2)
    z = Zctrace(t, '--port', server.port)
    c = Conn(server.addr)
    exchanges = [c.get('/s/1k.txt') for _ in range(200)]
    wrk.stop()
    z.stop()
    compare_all(t, z.spans, exchanges)
    t.check(z.end.get('events', 0) < 5000, f'events of others: {z.end}')


@test
def memory(t):
    """1,000 open connections: less than 32 MiB, of which less than 9 are its own

    The rest are the ring and the pages of libraries, of which the kernel maps more or fewer.
    """
    nginx = Nginx(t)
    nginx_files(nginx)
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    t.stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
    z = Zctrace(t, '--port', nginx.port, stdout=subprocess.DEVNULL)
    with contextlib.ExitStack() as stack:
        conns = [stack.enter_context(contextlib.closing(Conn(nginx.addr))) for _ in range(1000)]
        for _ in range(3):
            for c in conns:
                c.request('GET', '/s/1k.txt')
            for c in conns:
                c.response()
        with open(f'/proc/{z.p.pid}/status', encoding='ascii') as f:
            kib = {k: int(n) for k, n in re.findall(r'(VmHWM|RssAnon):\s+(\d+)', f.read())}
    z.stop()
    t.check(kib['VmHWM'] < 32 << 10 and kib['RssAnon'] < 9 << 10, f'KiB: {kib}')


if __name__ == '__main__':
    sys.exit(main())
