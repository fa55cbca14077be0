#!/usr/bin/env python3
"""What cannot be done here: one clear line, and the exit status that tells why."""
import os
import re
import shutil
import subprocess
import sys
import time

from lib import ZCTRACE, Skip, Zctrace, main, test


def refused(t, args, status, *words, prefix=(), binary=ZCTRACE):
    """Runs it; one line on stderr that has the words (patterns), nothing on stdout."""
    p = t.run([*prefix, binary, '-d', '1s', *[str(a) for a in args]])
    lines = p.stderr.strip().splitlines()
    t.equal(p.returncode, status, f'exit status of {args}: {p.stderr}')
    t.equal(len(lines), 1, f'lines: {lines}')
    for w in words:
        t.check(re.search(w, p.stderr), f'no {w!r} in: {p.stderr}')
    t.check(p.stderr.startswith('zctrace: '), f'does not say who speaks: {p.stderr}')
    t.equal(p.stdout, '', 'standard output')


def copy_for_all(t):
    """A copy of the program where everybody may execute it."""
    path = t.path('zctrace')
    shutil.copy2(ZCTRACE, path)
    os.chmod(path, 0o755)
    return path


@test
def no_privilege(t):
    """without privilege: the capabilities that are missing, status 3"""
    if os.geteuid():
        raise Skip('needs to be root, to give it up')
    path = copy_for_all(t)
    nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    for selector in (['--port', '80'], ['--all'], ['--pid', '1'], ['--', 'true']):
        refused(t, selector, 3, 'CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', prefix=nobody,
                binary=path)


@test
def capabilities(t):
    """root without one of the capabilities: status 3; with the three and no other: it works"""
    if os.geteuid():
        raise Skip('needs to be root, to give it up')
    for missing in ('bpf', 'perfmon', 'net_admin'):
        drop = f'-{missing},-sys_admin'
        refused(t, ['--capture=skb', '--port', '80'], 3, 'CAP_' + missing.upper(),
                prefix=['setpriv', '--bounding-set', drop, '--inh-caps', drop])
    path = copy_for_all(t)
    keep = '-all,+bpf,+perfmon,+net_admin'
    p = t.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps',
               keep,
               '--ambient-caps', keep, path, '--port', '80', '-d', '50ms', '-o', 'json'])
    t.check(p.returncode == 0 and 'zctrace: tracing' in p.stderr, f'{p.returncode}: {p.stderr}')


@test
def old_kernel(t):
    """a kernel without the tracepoints of 6.3: the ends of functions instead, or what is missing,
    status 3"""
    path = t.path('old.btf')
    with open('/sys/kernel/btf/vmlinux', 'rb') as f:
        types = f.read()
    name = b'btf_trace_sock_recv_length\0'
    if name not in types:
        raise Skip('this kernel is an old one: it has no sock_recv_length')
    with open(path, 'wb') as f:
        f.write(types.replace(name, b'btf_trace_sock_recv_nothing'[:len(name) - 1] + b'\0'))
    old = ['unshare', '-m', 'sh', '-c',
           f'mount --bind {path} /sys/kernel/btf/vmlinux || exit 99; exec "$@"', 'sh']
    if t.run([*old, 'true']).returncode:
        raise Skip('cannot put other type information in place of the kernel\'s')
    p = t.run([*old, ZCTRACE, '--port', '80', '-d', '50ms'])
    if 'backend skb with fexit' in p.stderr:
        t.equal(p.returncode, 0, f'status with fexit: {p.stderr}')
        return
    for selector in (['--capture=skb', '--port', '80'], ['--all']):
        refused(t, selector, 3, 'too old', r'reads and writes need .*6\.3', 'fexit|FUNCTION_TRACER',
                '-i INTERFACE',
                prefix=old)


@test
def no_btf(t):
    """no BTF: the kernel option, status 3; or, where packets will do, a note that says so"""
    hide = ['unshare', '-m', 'sh', '-c',
            'mount -t tmpfs none /sys/kernel/btf || exit 99; exec "$@"', 'sh']
    if t.run([*hide, 'true']).returncode:
        raise Skip('cannot hide /sys/kernel/btf')
    refused(t, ['--capture=skb', '--port', '80'], 3, 'BTF', prefix=hide)
    refused(t, ['--pid', os.getpid()], 3, 'BTF', prefix=hide)
    p = t.run([*hide, ZCTRACE, '--port', '80', '-d', '50ms'])
    t.equal(p.returncode, 0, f'status with packets: {p.stderr}')
    t.check(re.search(r'note: .*packets.*BTF', p.stderr) and 'backend packet' in p.stderr,
            f'does not say what is missing: {p.stderr}')


@test
def no_cgroup2_mount(t):
    """a cgroup v2 hierarchy that is not mounted is mounted privately"""
    hide = 'umount -l $(findmnt -n -t cgroup2 -o TARGET) || exit 99; exec "$@"'
    if t.run(['unshare', '-m', 'sh', '-c', hide, 'sh', 'true']).returncode:
        raise Skip('cannot unmount cgroup v2 in a mount namespace')
    from client import compare_all, get
    from servers import Target
    server = Target(t, 'plain')
    z = Zctrace(t, '--port', server.port, prefix=['unshare', '-m', 'sh', '-c', hide, 'sh'])
    exchanges = [get(server.addr), get(server.addr)]
    z.stop()
    compare_all(t, z.spans, exchanges)


@test
def few_files(t):
    """few files may be open: status 1; or it works, and says that something may be missing"""
    refused(t, ['--pid', os.getpid()], 1, 'only 24 files may be open',
            prefix=['prlimit', '--nofile=24:24'])
    z = Zctrace(t, '--pid', os.getpid(), prefix=['prlimit', '--nofile=64:1024'])
    with open(f'/proc/{z.p.pid}/limits', encoding='ascii') as f:
        t.check('1024' in f.read(), 'more would have been allowed')
    in_use = len(os.listdir(f'/proc/{z.p.pid}/fd'))
    z.stop()
    t.check('few-files' not in z.out(), f'said though they suffice: {z.err()}')
    few = in_use + 8
    z = Zctrace(t, '--pid', os.getpid(), prefix=['prlimit', f'--nofile={few}:{few}'])
    z.stop()
    said = [n for n in z.notes if n['note'] == 'few-files']
    t.check(said and f'only {few} files' in said[0]['text'], f'notes: {z.notes}')


@test
def no_such_pid(t):
    """a pid that does not exist: status 2"""
    with open('/proc/sys/kernel/pid_max', encoding='ascii') as f:
        never = int(f.read()) + 1
    refused(t, ['--pid', never], 2, str(never), 'no such process')
    gone = subprocess.Popen(['true'])
    gone.wait()
    refused(t, ['--pid', f'{os.getpid()},{gone.pid}'], 2, str(gone.pid))


@test
def no_such_group(t):
    """a control group or container that does not exist: status 2"""
    refused(t, ['--cgroup', '/no/such/group'], 2, '/no/such/group')
    refused(t, ['--container', 'feedfacefeedface'], 2, 'feedfacefeedface')


@test
def process_ends_while_attached(t):
    """a process that ends while it is being attached, or soon after: a note, status 0 or 2"""
    for delay in (0.0, 0.005, 0.02, 0.05, 0.1, 0.3):
        p = subprocess.Popen(['sleep', '5'])
        z = Zctrace(t, '--pid', p.pid, wait=False)
        time.sleep(delay)
        p.kill()
        p.wait()
        status = z.wait(5)
        t.check(status in (0, 2), f'after {delay} s: exit status {status}: {z.err()}')
        said = z.err() + z.out()
        t.check('ended' in said or 'no such process' in said or 'process-gone' in said,
                f'after {delay} s: nothing said: {said}')


if __name__ == '__main__':
    sys.exit(main())
