#!/usr/bin/env python3
"""--doctor and --list where nothing is permitted: they say what is missing and what helps.

Run by root, the program is started as nobody; run by somebody else, as that one.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ZCTRACE, check, done, skip  # noqa: E402

NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all']
AS_NOBODY = NOBODY if os.geteuid() == 0 else []
SLEEPER = '''
import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(60)
'''


def run(binary, *args, prefix=AS_NOBODY, **env):
    p = subprocess.run([*prefix, binary, *args], capture_output=True, text=True, timeout=30,
                       stdin=subprocess.DEVNULL, env={**os.environ, 'NO_COLOR': '', **env})
    return p.returncode, p.stdout, p.stderr


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


def effective(binary):
    """The capabilities that it would have."""
    p = subprocess.run([*AS_NOBODY, 'grep', 'CapEff', '/proc/self/status'], capture_output=True,
                       text=True)
    return int(p.stdout.split()[1], 16)


def host(binary):
    code, text, err = run(binary, '--doctor')
    check(code == 3 and not err, 'nothing can be traced: status 3', code, err)
    check('Nothing can be traced here.' in text, 'and the last line says so', text)
    for cap in ('CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_PTRACE'):
        check(re.search(rf'^  NO  capabilities .*missing: .*{cap}', text, re.M),
              f'{cap} is missing', text)
    lines = text.splitlines()
    bad = [i for i, line in enumerate(lines) if line.startswith(('  NO', '  ! '))]
    check(len(bad) >= 3 and all('remedy: ' in lines[i + 1] for i in bad),
          'a remedy stands below all that is missing', text)
    code, out, err = run(binary, '--doctor', '-o', 'json')
    found = objects(out)
    check(code == 3 and [o['type'] for o in found] == ['check'] * (len(found) - 1) + ['verdict'],
          'as JSON: checks and a verdict', code, out)
    check(found[-1] == {'type': 'verdict', 'works': False}, 'which is: no', out)
    states = {o['check']: o for o in found[:-1]}
    check([line.split()[1] for line in lines if re.match(r'  (ok|-|!|NO) ', line)] == list(states),
          'text and JSON have the same checks', text, out)
    check(all(o['state'] not in ('warn', 'fail') or o.get('remedy') for o in found[:-1]),
          'with remedies', out)
    for backend in ('skb', 'uprobe', 'packet'):
        check(states[backend]['state'] in ('fail', 'warn') and 'attach_ns' not in states[backend],
              f'{backend} has been tried', states[backend])
    check(states['kernel']['text'].split()[1] == os.uname().release, 'the kernel is this one', out)


def processes(binary):
    """One of our own may be looked at, one of root's may not."""
    mine = subprocess.Popen([*AS_NOBODY, '/usr/bin/env', 'python3', '-c', SLEEPER],
                            stdout=subprocess.PIPE, text=True)
    theirs = None
    try:
        port = int(mine.stdout.readline())
        code, out, err = run(binary, '--doctor', '--pid', str(mine.pid), '-o', 'json')
        p = [o for o in objects(out) if o['type'] == 'process']
        check(code == 3 and len(p) == 1 and p[0]['pid'] == mine.pid, 'a process of ours', code, out,
              err)
        check(p and p[0]['listens'] == [f'127.0.0.1:{port}'] and p[0]['connections'] == 0 and
              p[0]['runtime'] == 'python', 'is looked at', p)
        code, out, err = run(binary, '--list', '-o', 'json')
        row = [o for o in objects(out) if o['port'] == port]
        check(code == 0 and len(row) == 1 and row[0]['pids'] == [mine.pid] and
              row[0]['address'] == '127.0.0.1',
              'and is in the list', row, err)
        code, out, err = run(binary, '--doctor', '--port', str(port))
        check(f'Process {mine.pid} ' in out, 'and is found by its port', out)
        if os.geteuid():
            print('# somebody else\'s process: not tried, since only root can start one')
            return
        theirs = subprocess.Popen([sys.executable, '-c', SLEEPER], stdout=subprocess.PIPE,
                                  text=True)
        port = int(theirs.stdout.readline())
        code, out, err = run(binary, '--doctor', '--pid', str(theirs.pid), '-o', 'json')
        p = [o for o in objects(out) if o['type'] == 'process']
        check(len(p) == 1 and 'listens' not in p[0] and 'connections' not in p[0] and
              'CAP_SYS_PTRACE' in p[0]['blind'][0]['remedy'],
              'of one of root\'s, what is not known is left out',
              out)
        code, out, err = run(binary, '--list', '-o', 'json')
        row = [o for o in objects(out) if o['port'] == port]
        check(len(row) == 1 and 'pid' not in row[0] and 'run as root' in row[0]['seen'],
              'in the list it has no name, and the remedy', row)
    finally:
        for p in (mine, theirs):
            if p:
                p.kill()
                p.wait()


def bad_input(binary):
    for args, says in ((['--doctor', '--list'], 'two things'), (['--doctor', '-r', 'x'], '-r'),
                       (['--list', '-w', 'x'], '-w'),
                       (['--doctor', '-o', 'top'], '-o text and -o json'),
                       (['--list', '--filter', 'status > 1'], '--filter'),
                       (['--list', '-i', 'lo'], '-i'),
                       (['--doctor', '--', 'true'], 'COMMAND'),
                       (['--doctor', '--pid', '4194304'], 'no such process'),
                       (['--doctor', '--exe', 'relative'], 'relative'),
                       (['--list', '--cgroup', '/no/such'], '/no/such'),
                       (['--doctor', '--container', 'feedfacefeed'], 'feedfacefeed')):
        code, out, err = run(binary, *args)
        want = (2, 3) if '--container' in args else (2,)  # 3: no hierarchy is mounted
        check(code in want and not out and len(err.splitlines()) == 1 and
              err.startswith('zctrace: ') and
              says in err, f'{" ".join(args)}: {err.strip()}', code, out)


def colors(binary):
    for args, env, want in ((['--color', 'always'], {}, True), (['--color', 'never'], {}, False),
                            ([], {}, False),
                            (['--color', 'always'], {'NO_COLOR': '1'}, True)):
        _, out, _ = run(binary, '--doctor', *args, **env)
        check(('\x1b[' in out) == want, f'colours with {args or "no option"} {env}', out[:200])
    _, out, _ = run(binary, '--doctor', '--color', 'always', '-o', 'json')
    check('\x1b' not in out, 'none in JSON')


def columns(binary):
    """Each column begins where its heading does."""
    with socket.create_server(('127.0.0.1', 0)) as a, socket.create_server(('127.0.0.2', 0)):
        port = a.getsockname()[1]
        _, out, _ = run(binary, '--list')
        lines = out.splitlines()
        starts = [m.start() for m in re.finditer(r'(?<=  )[A-Z]|^[A-Z]', lines[0])]
        good = all(line[i - 1:i] in ('', ' ') and line[i:i + 1] not in ('', ' ') or
                   lines[0][i:].startswith('WHERE') for line in lines for i in starts)
        check(good and len(lines) >= 3, 'columns are aligned', out)
        ports = [int(line.split()[0]) for line in lines[1:]]
        check(ports == sorted(ports) and port in ports, 'and sorted by port', out)
    _, out, _ = run(binary, '--list', '--port', '1')
    check(not out, 'a port that nobody listens on has no line', out)


def main():
    if effective(ZCTRACE):
        skip('without privileges', 'the capabilities cannot be given up here')
        return done()
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)
        binary = os.path.join(tmp, 'zctrace')
        shutil.copy(ZCTRACE, binary)
        os.chmod(binary, 0o755)
        host(binary)
        processes(binary)
        bad_input(binary)
        colors(binary)
        columns(binary)
    return done()


sys.exit(main())
