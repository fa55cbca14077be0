#!/usr/bin/env python3
"""The terminal is restored in every ending; a storm of keys and sizes does no harm."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t

SECONDS = float(os.environ.get('STORM_SECONDS', '6'))


def ending(path, name, end, want):
    p = t.Pty([t.ZCTRACE, '-o', 'top', '-r', path])
    p.wait(b'Routes')
    raw = termios.tcgetattr(p.fd)
    end(p)
    status = p.status()
    after = termios.tcgetattr(p.fd)
    out = p.output
    t.check(status == want, f'{name}: status {want}', status)
    t.check(raw[3] != p.before[3] and after == p.before, f'{name}: settings of the terminal', after)
    t.check(out.rfind(b'\x1b[?1049l') > out.rfind(b'\x1b[?1049h') >= 0 or
            out.rfind(b'\x1b[?47l') > out.rfind(b'\x1b[?47h') >= 0,
            f'{name}: the normal screen', out[-300:])
    t.check(out.rfind(b'\x1b[?1000l') > out.rfind(b'\x1b[?1000h') >= 0, f'{name}: no mouse',
            out[-300:])
    # screen-256color shows the cursor with 34h 25h
    t.check(max(out.rfind(b'\x1b[?25h'), out.rfind(b'\x1b[34h')) > out.rfind(b'\x1b[?25l'),
            f'{name}: the cursor', out[-300:])
    if want >= 0:
        last = out[max(out.rfind(b'\x1b[?1049l'), out.rfind(b'\x1b[?47l')):]
        t.check(b'spans shown' in last, f'{name}: the final line on the normal screen', last)
    p.close()


def endings(path):
    ending(path, 'q', lambda p: p.write(b'q'), 0)
    ending(path, 'Ctrl-C', lambda p: p.write(b'\x03'), 0)
    ending(path, 'SIGTERM', lambda p: p.kill(signal.SIGTERM), 0)
    ending(path, 'SIGHUP', lambda p: p.kill(signal.SIGHUP), 0)
    for sig in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGQUIT):
        ending(path, sig.name, lambda p, s=sig: p.kill(s), -sig)


def unknown_terminal(path):
    p = t.Pty(['env', 'TERM=no-such-terminal', t.ZCTRACE, '-o', 'top', '-r', path])
    p.wait(b'it is taken for')
    p.write(b'q')
    t.check(p.status() == 0, 'a terminal that is not known here is taken for one that is')
    p.close()


def target_ends():
    """What was seen stays when the process that was traced is gone; only q ends it."""
    target = subprocess.Popen(['sleep', '60'])
    trial = subprocess.run([t.ZCTRACE, '-q', '-p', str(target.pid), '-d', '1ms', '-o', 'json'],
                           capture_output=True, check=False)
    if trial.returncode:
        target.kill()
        t.skip('the dashboard outlives its target', trial.stderr.decode().strip().split('\n')[0])
        return
    p = t.Pty([t.ZCTRACE, '-o', 'top', '-p', str(target.pid)])
    p.wait(b'Routes')
    target.kill()
    target.wait()
    p.wait(b'ENDED')
    p.wait(b'has ended')
    time.sleep(0.3)
    p.write(b'q')
    t.check(p.status() == 0, 'the dashboard outlives its target, until q')
    p.close()


KEYS = [b'\x1b[A', b'\x1b[B', b'\x1bOA', b'\x1bOB', b'\x1b[5~', b'\x1b[6~', b'\x1b[H', b'\x1b[F',
        b'\t', b'\x1b[Z', b'\r', b'\x1b', b'\x7f', b'/', b'status >= 500\r', b'path =~ "["\r', b'p',
        b' ', b'b', b'c', b's1', b's5', b'<', b'>', b'I', b'1', b'2', b'3', b'4', b'5', b'6', b'o',
        b'v', b'z', b'x', b'l', b'F', b'G', b'g', b'?', b't', b'end\r', b'1\r', b'-1\r', b'.', b'[',
        b']', b'{', b'}', b'+', b'-', b'H', b'\x1b[<0;5;3M', b'\x1b[<0;9;9M\x1b[<0;9;9m',
        b'\x1b[<64;3;3M', b'\x1b[M #%', b'\x1b[M #!', b'\x1b[M`%%', b'\x1b[Ma%%', '日本é'.encode()]


def storm(path, folder):
    rng = random.Random(3)
    logs = os.path.join(folder, 'log')
    env = {'ASAN_OPTIONS': f'log_path={logs}'}
    p = t.Pty([t.ASAN, '-o', 'top', '-r', path, '--header=*', '--body=1000'], (80, 24), folder,
              **env)
    p.wait(b'Routes')
    end = time.time() + SECONDS
    sizes = sent = 0
    while time.time() < end and p.alive():
        choice = rng.random()
        if choice < 0.15:
            p.resize(rng.choice([1, 2, 3, 19, 20, 21, 79, 80, 200, 500]),
                     rng.choice([1, 2, 3, 4, 5, 8, 9, 24, 50, 200]))
            sizes += 1
        elif choice < 0.9:
            p.write(rng.choice(KEYS))
        else:
            # anything but what stops or ends a program, or leaves it
            p.write(bytes(b for b in rng.randbytes(6) if b not in b'\x03\x1a\x1c\x13qwW'))
        sent += 1
        p.read(0.004)
    p.resize(80, 24)
    p.write(b'\r\x1b\x1b')
    p.read(0.3)
    if p.alive():
        p.kill(signal.SIGTERM)
    status = p.status(20)
    found = [open(os.path.join(folder, f), errors='replace').read()[:3000]
             for f in os.listdir(folder) if f.startswith('log')]
    t.check(status == 0, f'storm: {sent} keys and {sizes} sizes are survived', status,
            p.output[-2000:])
    t.check(not found, 'storm: the sanitizers are content', *found)
    p.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = t.recording(folder)
        endings(path)
        unknown_terminal(path)
        target_ends()
        storm(path, folder)
    return t.done()


sys.exit(main())
