#!/usr/bin/env python3
"""What `make dist` has left in build/dist/out: one file that runs anywhere, built alike every
time."""
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'live'), os.path.join(HERE, '..', 'tui')]
import terminal
from lib import ROOT, Skip, Test, free_port, main, need, test, wait_for

OUT = os.path.join(ROOT, 'build', 'dist', 'out')
CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache')),
                     'zctrace-dist')
DEMO = os.path.join(ROOT, 'tests', 'demo', 'demo.pcapng')
MIB = 1 << 20
# what of the host a root of its own still needs: /proc, and the kernel's type information below
# /sys
MOUNT = ('for d in proc sys; do mkdir -p "$0/$d" && mount --rbind /$d "$0/$d"; done; '
         'exec chroot "$0" "$@"')
HTTP = '''import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(s):
        s.send_response(200); s.send_header('Content-Length', '2'); s.end_headers()
        s.wfile.write(b'ok')
    def log_message(s, *a): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()'''


def program(machine):
    found = glob.glob(os.path.join(OUT, f'zctrace-*-linux-{machine}'))
    if not found:
        raise AssertionError(f'make dist has left nothing for {machine}')
    return found[0]


def here():
    return program(platform.machine())


def in_root(root):
    """What starts a program in a root directory, with its own mounts, which end with it."""
    if os.geteuid():
        raise Skip('changing the root directory needs root')
    need('unshare', 'chroot')
    return ['unshare', '--mount', 'sh', '-ec', MOUNT, root]


def empty_root(t):
    root = t.path('root')
    os.mkdir(root)
    shutil.copy(here(), os.path.join(root, 'zctrace'))
    shutil.copy(DEMO, os.path.join(root, 'demo.pcapng'))
    return root


def replayed(t, *argv):
    p = t.run([*argv, '-o', 'json'])
    t.equal(p.returncode, 0, f'{argv}: {p.stderr}')
    return p.stdout


@test
def sums(t):
    """SHA256SUMS names every file, and in the archives too"""
    with open(os.path.join(OUT, 'SHA256SUMS'), encoding='utf-8') as f:
        names = {line.split()[1] for line in f}
    t.equal(names, set(os.listdir(OUT)) - {'SHA256SUMS'}, 'names')
    p = t.run(['sha256sum', '-c', '--quiet', 'SHA256SUMS'], cwd=OUT)
    t.equal((p.returncode, p.stdout), (0, ''), 'sums')
    for path in glob.glob(os.path.join(OUT, '*-linux-*.tar.gz')):
        t.run(['tar', 'xf', path, '-C', t.tmp])
        p = t.run(['sha256sum', '-c', '--quiet', 'SHA256SUMS'],
                  cwd=t.path(os.path.basename(path).removesuffix('.tar.gz')))
        t.equal((p.returncode, p.stdout, p.stderr), (0, '', ''), path)


@test
def one_file(t):
    """static, stripped, less than 6 MB, of the machine that its name says"""
    for machine, name in (('x86_64', 'X86-64'), ('aarch64', 'AArch64')):
        path = program(machine)
        t.between(MIB, os.path.getsize(path), 6000000, f'{machine}: bytes')
        text = t.run(['readelf', '-hlSW', path]).stdout
        t.check(re.search(rf'Machine:.*{name}', text), f'{machine}: {text[:900]}')
        t.check('INTERP' not in text and 'DYNAMIC' not in text, f'{machine}: is not static')
        t.check('.symtab' not in text and '.debug' not in text, f'{machine}: is not stripped')
        t.check(ROOT.encode() not in open(path, 'rb').read(),
                f'{machine}: knows where it was built')


@test
def version(t):
    """--version tells the commit"""
    want = t.run([os.path.join(ROOT, 'packaging', 'commit.sh')]).stdout.split()
    told = t.run([here(), '--version']).stdout
    t.check(re.fullmatch(r'zctrace \d+\.\d+\.\d+ \([0-9a-f]{12}\+?\)\n', told), told)
    t.check(want and f'({want[0]})' in told, f'{told!r}, of commit {want}')


@test
def empty(t):
    """in an empty directory: the recording, --list, --doctor"""
    root = empty_root(t)
    enter = in_root(root)
    want = replayed(t, os.path.join(ROOT, 'zctrace'), '-r', DEMO)
    t.check(want.count('"type":"span"') > 100, 'spans in the recording')
    t.equal(replayed(t, 'chroot', root, '/zctrace', '-r', '/demo.pcapng'), want,
            'the recording, without /proc')
    p = t.run([*enter, '/zctrace', '--doctor', '-o', 'json'])
    checks = [json.loads(line) for line in p.stdout.splitlines()]
    t.check(any(c.get('type') == 'check' or 'name' in c for c in checks), f'{p.stdout} {p.stderr}')
    port = free_port()
    t.start([sys.executable, '-c', HTTP, str(port)])
    wait_for(lambda: f':{port}' in t.run([*enter, '/zctrace', '--list', '-P', str(port)]).stdout)
    p = t.run([*enter, '/zctrace', '--list', '-P', str(port)])
    t.check(p.returncode == 0 and str(port) in p.stdout, f'--list: {p.stdout} {p.stderr}')


def ask(port):
    return subprocess.run(['curl', '-s', '-o', '/dev/null', f'http://127.0.0.1:{port}/a'],
                          check=False).returncode == 0


@test
def traces(t):
    """in an empty directory: traces a live service, in less memory than 64 MiB"""
    need('curl')
    root = empty_root(t)
    port = free_port()
    t.start([sys.executable, '-c', HTTP, str(port)])
    t.check(wait_for(lambda: ask(port)), 'the server runs')
    with open(t.path('out'), 'wb') as out, open(t.path('err'), 'wb') as err:
        begun = time.monotonic()
        z = t.start([*in_root(root), '/zctrace', '-P', str(port), '-o', 'json', '-n', '5'],
                    stdout=out, stderr=err)

    def told():
        with open(t.path('err'), encoding='utf-8') as f:
            return f.read()
    wait_for(lambda: 'zctrace: tracing' in told() or z.poll() is not None, 10)
    took = time.monotonic() - begun
    if re.search(r'not permitted|does not support|type information|too old', told()):
        raise Skip(f'no probes here: {told().strip()}')
    t.check('zctrace: tracing' in told(), told())
    rss = memory_of(z.pid)
    t.between(1, rss, 64 << 10, 'KiB resident')
    for _ in range(5):
        ask(port)
    t.equal(z.wait(10), 0, told())
    with open(t.path('out'), encoding='utf-8') as f:
        spans = [s for s in map(json.loads, f) if s['type'] == 'span']
    t.equal([(s['path'], s['status'], s['server_port']) for s in spans if s['kind'] == 'server'],
            [('/a', 200, port)] * 5, 'spans')
    print(f'# started in {took:.2f} s, {rss / 1024:.1f} MiB resident, '
          f'{os.path.getsize(here()) / MIB:.1f} MiB on disk')


# as a container's runtime would, with the rights of a privileged one and the host's namespaces of
# processes, users and cgroups: mounts, names and network of its own
DOCKER = """ip link set lo up
for d in proc sys; do mkdir -p "$0/$d"; done
mount -t proc proc "$0/proc" && mount -t sysfs sys "$0/sys" &&
    mount -t cgroup2 none "$0/sys/fs/cgroup"
exec chroot "$0" "$@"
"""
# the node's files below /host, in the node's network
KUBECTL = """mkdir -p "$0/host" && mount --rbind / "$0/host"
exec chroot "$0" /busybox chroot /host "$@"
"""


def container_lines(t, start, port):
    """Spans of five requests that what was started so prints."""
    with open(t.path('out'), 'wb') as out, open(t.path('err'), 'wb') as err:
        z = t.start([*start, '-P', str(port), '-o', 'json', '-n', '5'], stdout=out, stderr=err)

    def told():
        with open(t.path('err'), encoding='utf-8') as f:
            return f.read()
    wait_for(lambda: 'zctrace: tracing' in told() or z.poll() is not None, 20)
    t.check('zctrace: tracing' in told(), told())
    for _ in range(5):
        ask(port)
    t.equal(z.wait(20), 0, told())
    with open(t.path('out'), encoding='utf-8') as f:
        spans = [s for s in map(json.loads, f) if s['type'] == 'span']
    own = [s for s in spans if s['kind'] == 'server']
    t.equal([(s['path'], s['status'], s.get('comm')) for s in own],
            [('/a', 200, os.path.basename(sys.executable))] * 5, f'{start}: {spans[:2]}')


@test
def containers(t):
    """in what docker and kubectl make by the lines of README: traces a service of the host"""
    need('curl', 'unshare', 'busybox', 'ip')
    if os.geteuid():
        raise Skip('making namespaces needs root')
    port = free_port()
    t.start([sys.executable, '-c', HTTP, str(port)])
    t.check(wait_for(lambda: ask(port)), 'the server runs')
    root = empty_root(t)
    shutil.copy(shutil.which('busybox'), os.path.join(root, 'busybox'))
    container_lines(t, ['unshare', '--mount', '--uts', '--ipc', '--net', 'sh', '-ec', DOCKER, root,
                        '/zctrace'], port)
    container_lines(t, ['unshare', '--mount', '--uts', '--ipc', 'sh', '-ec', KUBECTL, root, here()],
                    port)


def memory_of(pid):
    """The shell that mounts has become the program."""
    with open(f'/proc/{pid}/status', encoding='utf-8') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))


@test
def dashboard(t):
    """in an empty directory: the dashboard, on terminals whose descriptions nobody has there"""
    root = empty_root(t)
    for name in ('xterm-256color', 'screen', 'tmux-256color', 'linux', 'vt100', 'alacritty',
                 'kitty'):
        p = terminal.Pty(['chroot', root, '/zctrace', '-o', 'top', '-r', '/demo.pcapng'], TERM=name)
        wait_for(lambda p=p: p.read(0.1) or b'/orders/' in p.output)
        t.check(b'/orders/' in p.output, f'{name}: {p.output[-300:]}')
        p.write(b'q')
        t.equal(p.status(), 0, name)
        p.close()


@test
def other_machine(t):
    """the program for the other machine, under qemu's user emulation: the recording, to the
    octet"""
    other = {'x86_64': 'aarch64', 'aarch64': 'x86_64'}[platform.machine()]
    qemu = f'qemu-{other}-static'
    need(qemu)
    for output in ('json', 'text', 'summary', 'waterfall'):
        own, theirs = (t.run([*prefix, '-r', DEMO, '-o', output])
                       for prefix in ([here()], [qemu, program(other)]))
        t.check(own.returncode == 0 and len(own.stdout) > 1000, own.stderr)
        t.check((own.returncode, own.stdout) == (theirs.returncode, theirs.stdout),
                f'{output}: {theirs.stderr}')
    t.equal(t.run([qemu, program(other), '--version']).stdout, t.run([here(), '--version']).stdout,
            '--version')


# ---- other systems

def debian_root(t, suite):
    """A root of that suite, kept for the next time as an archive."""
    need('mmdebstrap', 'tar')
    archive = os.path.join(CACHE, 'roots', suite + '.tar')
    if not os.path.isfile(archive):
        shutil.rmtree(archive, ignore_errors=True)
        os.makedirs(os.path.dirname(archive), exist_ok=True)
        new = os.path.join(CACHE, 'roots', f'new-{suite}.tar')  # by its end it knows what to make
        p = subprocess.run(['mmdebstrap', '--variant=essential', '--mode=root', suite, new],
                           capture_output=True, text=True, check=False)
        if p.returncode:
            raise Skip(f'no root of {suite}: {p.stderr.strip()[-200:]}')
        os.rename(new, archive)
    root = t.path(suite)
    os.mkdir(root)
    p = t.run(['tar', 'xf', archive, '-C', root, '--exclude=./dev/*'])
    t.equal(p.returncode, 0, p.stderr)
    shutil.copy(DEMO, os.path.join(root, 'demo.pcapng'))
    return root


def in_system(t, root, argv):
    p = t.run([*in_root(root), *argv])
    t.equal(p.returncode, 0, f'{root}: {argv}: {p.stdout[-600:]} {p.stderr[-600:]}')
    return p.stdout


@test
def debian(t):
    """Debian 11, 12 and 13: the package installs, runs, and is gone again when it is removed"""
    want = replayed(t, os.path.join(ROOT, 'zctrace'), '-r', DEMO)
    arch = {'x86_64': 'amd64', 'aarch64': 'arm64'}[platform.machine()]
    package = glob.glob(os.path.join(OUT, f'zctrace_*_{arch}.deb'))[0]
    for suite in ('bullseye', 'bookworm', 'trixie'):
        root = debian_root(t, suite)
        shutil.copy(package, os.path.join(root, 'zctrace.deb'))
        in_system(t, root, ['dpkg', '-i', '/zctrace.deb'])
        t.equal(in_system(t, root, ['/usr/bin/zctrace', '-r', '/demo.pcapng', '-o', 'json']), want,
                suite)
        in_system(t, root, ['sh', '-c',
                            'zctrace --doctor >/tmp/doctor; test $? -le 3 && grep skb /tmp/doctor'])
        in_system(t, root, ['dpkg', '--purge', 'zctrace'])
        left = [f for f in glob.glob(os.path.join(root, 'usr', '**', '*zctrace*'), recursive=True)]
        t.equal(left, [], f'{suite}: left behind')


debian.limit = 400


@test
def musl(t):
    """a system of musl and busybox, as Alpine's is: the file that was copied there"""
    need('busybox')
    root = empty_root(t)
    os.makedirs(os.path.join(root, 'bin'))
    shutil.copy(shutil.which('busybox'), os.path.join(root, 'bin', 'busybox'))
    p = t.run(['apt-get', 'download', 'musl'], cwd=t.tmp)
    found = glob.glob(t.path('musl_*.deb'))
    if not found:
        raise Skip(f'no musl to be had: {p.stderr.strip()[-200:]}')
    t.run(['dpkg-deb', '-x', found[0], root])
    loader = glob.glob(os.path.join(root, 'lib', 'ld-musl-*.so.1'))
    t.check(loader, 'musl has a loader')
    want = replayed(t, os.path.join(ROOT, 'zctrace'), '-r', DEMO)
    sh = ['/bin/busybox', 'sh', '-c']
    t.equal(in_system(t, root, [*sh, './zctrace -r demo.pcapng -o json']), want, 'the recording')
    in_system(t, root, [*sh, './zctrace --doctor >doctor; busybox grep -q skb doctor'])
    in_system(t, root, [*sh, './zctrace --list'])


# ---- built alike

@test
def reproducible(t):
    """built from the source archive, elsewhere and without git: equal to the octet"""
    if '+' in t.run([here(), '--version']).stdout:
        raise Skip('files have been changed since the commit: there is no archive of them')
    source = [f for f in glob.glob(os.path.join(OUT, 'zctrace-*.tar.gz')) if '-linux-' not in f]
    t.check(source, 'there is a source archive')
    t.run(['tar', 'xf', source[0], '-C', t.tmp])
    tree = t.path(os.path.basename(source[0]).removesuffix('.tar.gz'))
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(('MAKE', 'MFLAGS', 'SOURCE_DATE'))}
    with open(t.path('log'), 'wb') as log:
        p = subprocess.run(['make', '-j2', 'dist'], cwd=tree, stdout=log, stderr=subprocess.STDOUT,
                           check=False,
                           env={**env, 'TZ': 'Pacific/Kiritimati', 'LC_ALL': 'C'})
    with open(t.path('log'), encoding='utf-8', errors='replace') as f:
        t.equal(p.returncode, 0, f.read()[-2000:])
    built = os.path.join(tree, 'build', 'dist', 'out')
    for name in sorted(set(os.listdir(OUT)) - {'SHA256SUMS', os.path.basename(source[0])}):
        a, b = (hashlib.sha256(open(os.path.join(d, name), 'rb').read()).hexdigest()
                for d in (OUT, built))
        t.equal(b, a, name)


reproducible.limit = 1500

if __name__ == '__main__':
    sys.exit(main(needs_bpf=False))
