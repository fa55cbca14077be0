"""What the live tests share: tests that speak TAP, programs that are cleaned up, and zctrace.

A test is a function with @test; its docstring is its name and its only argument a Test. It fails
when a check failed or an exception left it; then what was wrong is told in lines with `#`.
"""
import contextlib
import ctypes
import json
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ZCTRACE = os.environ.get('ZCTRACE', os.path.join(ROOT, 'zctrace'))
ZCTRACE_ASAN = os.environ.get('ZCTRACE_ASAN', os.path.join(ROOT, 'build', 'asan', 'zctrace'))
os.environ['PATH'] += ':/usr/local/sbin:/usr/sbin:/sbin'
LIMIT_S = 150  # for one test; a slow machine is no fault

_libc = ctypes.CDLL(None, use_errno=True)
_tests = []


class Skip(Exception):
    """What a test raises that cannot be run here."""


def test(fn):
    _tests.append(fn)
    return fn


class Test:
    """One running test: its checks, its temporary directory, what it must undo."""

    def __init__(self, name):
        self.name, self.failures = name, []
        self.stack = contextlib.ExitStack()
        self.tmp = tempfile.mkdtemp(prefix='zctrace-live-')
        os.chmod(self.tmp, 0o755)
        if not os.environ.get('KEEP'):  # to look at what is in it
            self.stack.callback(shutil.rmtree, self.tmp, ignore_errors=True)

    def check(self, good, what):
        if not good:
            self.failures.append(what)
        return bool(good)

    def equal(self, got, want, what):
        return self.check(got == want, f'{what}: {got!r}, not {want!r}')

    def between(self, low, got, high, what):
        good = got is not None and low <= got <= high
        return self.check(good, f'{what}: {got!r}, not in {low!r}..{high!r}')

    def path(self, name):
        return os.path.join(self.tmp, name)

    def file(self, name, content, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path

    def start(self, argv, **options):
        """A process of its own group, which does not outlive the test."""
        options.setdefault('stdin', subprocess.DEVNULL)
        p = subprocess.Popen(argv, start_new_session=True, preexec_fn=_die_with_parent, **options)
        self.stack.callback(end_process, p)
        return p

    def run(self, argv, **options):
        """Runs to the end; returns the CompletedProcess with text."""
        return subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S - 10,
                              stdin=subprocess.DEVNULL, **options)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def end_process(p):
    """Ends what p has started in its group, and p."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    for f in (p.stdin, p.stdout, p.stderr):
        if f:
            f.close()


def need(*programs):
    for p in programs:
        if not shutil.which(p):
            raise Skip(f'no {p} here')


def maven(t, pom, name):
    """What a project of Maven depends on, fetched once; returns its class path."""
    need('mvn', 'java')
    where = os.path.join(ROOT, 'build', 'live', name)
    if not os.path.isdir(where):
        t.file('pom.xml', pom)
        p = t.run(['mvn', '-q', '-B', '-f', t.path('pom.xml'), 'dependency:copy-dependencies',
                   f'-DoutputDirectory={where}'])
        if p.returncode:
            shutil.rmtree(where, ignore_errors=True)
            raise Skip(f'{name} cannot be had: {p.stdout[-200:]}')
    return where + '/*'


def wait_for(condition, timeout=15.0, step=0.005):
    """Returns the first true value of condition(), or its last one after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(step)


# ---- may BPF be used here?  asked without zctrace, so that its refusal can be wrong

def _bpf_refusal():
    """Why a program for cgroup_skb cannot even be loaded here, or None."""
    if not os.path.exists('/sys/kernel/btf/vmlinux'):
        return 'no BTF of the running kernel'
    if tuple(int(x) for x in re.findall(r'\d+', platform.release())[:2]) < (6, 3):
        return 'Linux before 6.3'
    number = {'x86_64': 321, 'aarch64': 280}.get(platform.machine())
    if number is None:
        return 'the number of bpf(2) is not known for this machine'
    code = struct.pack('<BBhiBBhi', 0xb7, 0, 0, 1, 0x95, 0, 0, 0)  # r0 = 1; exit
    code_buf = ctypes.create_string_buffer(code, len(code))
    license_buf = ctypes.create_string_buffer(b'GPL')
    attr = struct.pack('<IIQQ', 8, 2, ctypes.addressof(code_buf), ctypes.addressof(license_buf))
    attr = ctypes.create_string_buffer(attr.ljust(72, b'\0'), 72)  # expected_attach_type: ingress
    fd = _libc.syscall(number, 5, attr, 72)  # BPF_PROG_LOAD
    if fd < 0:
        return f'bpf(2): {os.strerror(ctypes.get_errno())}'
    os.close(fd)
    return None


# ---- zctrace

class Zctrace:
    """A running ./zctrace whose outputs go to files; with wait, returns when it is tracing."""

    def __init__(self, t, *args, output='json', binary=ZCTRACE, prefix=(), wait=True, **options):
        self.t = t
        n = len([f for f in os.listdir(t.tmp) if f.startswith('zctrace-')])
        self.out_path = t.path(f'zctrace-{n}.out')
        self.err_path = t.path(f'zctrace-{n}.err')
        self.argv = [*prefix, binary, '-o', output, *[str(a) for a in args]]
        self.status = None
        self.begun = time.monotonic()
        with open(self.out_path, 'wb') as out, open(self.err_path, 'wb') as err:
            options.setdefault('stdout', out)
            self.p = t.start(self.argv, stderr=err, **options)
        if wait:
            self.wait_tracing()

    def wait_tracing(self, timeout=30.0):
        """Seconds from the start to the line that says that the probes are live."""
        def seen():
            return re.search(r'^zctrace: tracing', self.err(), re.M) or self.p.poll() is not None
        wait_for(seen, timeout, 0.001)
        took = time.monotonic() - self.begun
        if not re.search(r'^zctrace: tracing', self.err(), re.M):
            raise AssertionError(f'no tracing line; status {self.p.poll()}: {self.err().strip()}')
        return took

    def err(self):
        with open(self.err_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def out(self):
        with open(self.out_path, encoding='utf-8') as f:
            return f.read()

    def records(self):
        """All whole lines that are there; a line that is no JSON is an error."""
        return [json.loads(line) for line in self.out().splitlines(True) if line.endswith('\n')]

    @property
    def spans(self):
        return [r for r in self.records() if r['type'] == 'span']

    @property
    def notes(self):
        return [r for r in self.records() if r['type'] == 'note']

    @property
    def end(self):
        """The last record, which must be the end note; {} if it is not."""
        r = self.records()
        return r[-1] if r and r[-1].get('note') == 'end' else {}

    def wait_spans(self, n, timeout=15.0):
        """Waits until n spans are out; returns what is there then."""
        wait_for(lambda: self._count() >= n, timeout, 0.02)
        return self.spans

    def _count(self):
        with open(self.out_path, 'rb') as f:
            return f.read().count(b'"type":"span"')

    def wait_note(self, name, timeout=15.0):
        return wait_for(lambda: [n for n in self.notes if n['note'] == name], timeout, 0.02)

    def wait(self, timeout=40.0):
        """Waits for its own end."""
        try:
            self.status = self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.t.check(False, f'zctrace does not end: {" ".join(self.argv)}')
            end_process(self.p)
            self.status = -signal.SIGKILL
        return self.status

    def finish(self, n, **like):
        """Ends it once n spans have these values; returns all that have, also later ones."""
        def found():
            return [s for s in self.spans if like.items() <= s.items()]
        wait_for(lambda: len(found()) >= n, 20, 0.05)
        self.stop()
        return sorted(found(), key=lambda s: s['time'])

    def stop(self, sig=signal.SIGINT):
        """Ends it as a user would and checks that it ends well; returns self."""
        self.p.send_signal(sig)
        self.wait()
        self.t.check(self.status == 0, f'zctrace: exit status {self.status}: {self.err()[-2000:]}')
        bad = re.search(r'ERROR: \w+Sanitizer|runtime error:', self.err())
        self.t.check(not bad, f'zctrace: {self.err()[-4000:]}' if bad else '')
        return self


def replay(t, path, *args, output='json', binary=ZCTRACE, env=None):
    """zctrace -r of a file; returns (spans, notes); it must end with status 0."""
    p = t.run([binary, '-r', path, '-o', output, *args], env=env)
    t.check(p.returncode == 0, f'-r {os.path.basename(path)}: status {p.returncode}: {p.stderr}')
    records = [json.loads(line) for line in p.stdout.splitlines()]
    return ([r for r in records if r['type'] == 'span'],
            [r for r in records if r['type'] == 'note'])


def query_id(span):
    """The request's own name, which the clients here put into the query."""
    m = re.search(r'(?:^|&)id=([^&]*)', span.get('query') or '')
    return m.group(1) if m else None


def by_id(spans, kind='server'):
    return {query_id(s): s for s in spans if s['kind'] == kind}


def free_port():
    """A port below the ephemeral range on which nobody listens, and that was not given before."""
    while True:
        port = next(_ports)
        with contextlib.ExitStack() as stack:
            try:
                for family, addr in ((socket.AF_INET, ''), (socket.AF_INET6, '::')):
                    s = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
                    if family == socket.AF_INET6:
                        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    s.bind((addr, port))
                return port
            except OSError:
                continue


_ports = iter(range(20000 + os.getpid() * 37 % 10000, 32000))


def wait_port(port, host='127.0.0.1', timeout=20.0):
    def up():
        try:
            socket.create_connection((host, port), 1).close()
            return True
        except OSError:
            return False
    if not wait_for(up, timeout, 0.01):
        raise AssertionError(f'nobody listens on port {port}')


def cgroup_root():
    with open('/proc/self/mountinfo', encoding='utf-8') as f:
        for line in f:
            left, _, right = line.partition(' - ')
            if right.startswith('cgroup2 ') and left.split()[3] == '/':
                return left.split()[4]
    raise Skip('no cgroup v2 hierarchy is mounted')


# ---- running the tests of a file

def _alarm(_sig, _frame):
    raise TimeoutError(f'no end within {LIMIT_S} s')


def _run_one(fn):
    """Returns the failures, or the Skip that it raised."""
    t = Test(fn.__name__)
    try:
        signal.alarm(getattr(fn, 'limit', LIMIT_S))
        fn(t)
    except Skip as e:
        return e
    except Exception:  # whatever it is, the next test must run
        t.failures.append(traceback.format_exc())
    finally:
        signal.alarm(0)
        t.stack.close()
    return t.failures


def main(needs_bpf=True):
    """Runs the file's tests, or those whose function's name contains one of the arguments."""
    signal.signal(signal.SIGALRM, _alarm)
    tests = [f for f in _tests if not sys.argv[1:] or any(a in f.__name__ for a in sys.argv[1:])]
    refusal = _bpf_refusal() if needs_bpf else None
    bad = 0
    for i, fn in enumerate(tests, 1):
        name = ' '.join((fn.__doc__ or fn.__name__).split('\n\n')[0].split())
        begun = time.monotonic()
        result = Skip(f'BPF: {refusal}') if refusal else _run_one(fn)
        if isinstance(result, Skip):
            print(f'ok {i} - {name} # skip {result}')
        elif result:
            bad += 1
            print(f'not ok {i} - {name}')
            for line in '\n'.join(result[:20]).splitlines():
                print(f'#   {line}')
            if len(result) > 20:
                print(f'#   and {len(result) - 20} more')
        else:
            print(f'ok {i} - {name} ({time.monotonic() - begun:.1f} s)')
        sys.stdout.flush()
    print(f'1..{len(tests)}')
    return 1 if bad else 0


def compile_c(t, source, *flags):
    """Compiles one file next to this one; returns the program's path or raises Skip."""
    need('cc')
    out = t.path(os.path.basename(source).removesuffix('.c'))
    p = t.run(['cc', '-O1', '-o', out, os.path.join(HERE, source), *flags, '-lpthread'])
    if p.returncode:
        raise Skip(f'{source} does not compile here: {p.stderr.splitlines()[0]}')
    return out
