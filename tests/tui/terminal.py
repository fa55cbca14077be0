"""The dashboard in a terminal: tmux for pictures, a pty for times and for endings."""
import fcntl
import gzip
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ASAN, ROOT, ZCTRACE, check, done, skip  # noqa: E402, F401

HERE = os.path.join(ROOT, 'tests', 'tui')


def recording(folder):
    """A service chain on loopback, three seconds of it."""
    path = os.path.join(folder, 'chain.pcapng')
    with gzip.open(os.path.join(HERE, 'chain.pcapng.gz')) as src, open(path, 'wb') as dst:
        shutil.copyfileobj(src, dst)
    return path


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k in ('PATH', 'HOME')}
    env.update(LC_ALL='C.UTF-8', TZ='UTC', TERM='screen-256color')
    env.update(more)
    return env


def masked(screen):
    """Without what differs from run to run: what the program costs."""
    screen = re.sub(r'cpu +[\d.]+%', 'cpu  0.0%', screen)
    screen = re.sub(r' *[\d.]+MiB(  cpu)', r'  0.0MiB\1', screen)
    screen = re.sub(r'[\d. ]{4}% of one', ' 0.0% of one', screen)
    return re.sub(r'[\d.]+MiB resident', '0MiB resident', screen)


class Tmux:
    """zctrace in a pane of fixed size."""

    def __init__(self, args, size=(80, 24), cwd=None, **env):
        self.folder = tempfile.mkdtemp(prefix='zctui-')
        self.socket = os.path.join(self.folder, 's')
        self.env = environment(**env)
        line = ' '.join(f"{k}='{v}'" for k, v in self.env.items() if k not in ('PATH', 'HOME'))
        words = ' '.join(f"'{a}'" for a in args)
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', str(size[0]), '-y', str(size[1]),
                  '-c', cwd or self.folder, f'env {line} {words}; echo "[$?]"; sleep 60')
        self.tmux('set', '-g', 'status', 'off')

    def tmux(self, *args):
        p = subprocess.run(['tmux', '-S', self.socket, *args], env=self.env, capture_output=True,
                           check=False)
        return p.stdout.decode('utf-8', 'replace')

    def screen(self, color=False):
        return masked(self.tmux('capture-pane', '-p', *(['-e'] if color else [])))

    def wait(self, text, seconds=10):
        """The screen, once it has text (a regular expression) on it."""
        end = time.time() + seconds
        while time.time() < end:
            s = self.screen()
            if re.search(text, s):
                return s
            time.sleep(0.05)
        return self.screen()

    def keys(self, *keys):
        for k in keys:
            self.tmux('send-keys', k)

    def type(self, text):
        self.tmux('send-keys', '-l', text)

    def settled(self, color=False):
        """The screen, once it has been the same for a while."""
        last, since = None, time.time()
        end = time.time() + 10
        while time.time() < end:
            s = self.screen(color)
            if s != last:
                last, since = s, time.time()
            elif time.time() - since > 0.25:
                break
            time.sleep(0.06)
        return last

    def press(self, *keys):
        self.keys(*keys)
        return self.settled()

    def to_end(self):
        """Plays a recording to its end."""
        self.wait('zctrace|Routes')
        self.keys('t')
        self.wait('go to')
        self.type('end')
        self.keys('Enter')
        time.sleep(0.6)
        return self.settled()

    def close(self):
        self.tmux('kill-server')
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()


class Pty:
    """zctrace at the other end of a pseudo terminal."""

    def __init__(self, args, size=(80, 24), cwd='/', **env):
        self.output = b''
        goes_on, ready = os.pipe()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            # not before the terminal has its size, and its settings are known
            os.close(ready)
            os.read(goes_on, 1)
            os.chdir(cwd)
            os.execvpe(args[0], args, environment(**env))
        self.resize(*size)
        self.before = termios.tcgetattr(self.fd)
        os.close(goes_on)
        os.close(ready)

    def resize(self, columns, lines):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))

    def read(self, seconds=0.0):
        end = time.time() + seconds
        while True:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.time()))
            if not ready:
                return
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                return
            if not got:
                return
            self.output += got

    def wait(self, octets, seconds=10):
        """Seconds until octets came, or None."""
        begun, at = time.time(), len(self.output)
        while octets not in self.output[at:]:
            self.read(0.01)
            if time.time() - begun > seconds:
                return None
        return time.time() - begun

    def write(self, octets):
        """Only what the terminal takes: a program that has ended must not block us."""
        _, ready, _ = select.select([], [self.fd], [], 0.5)
        if ready:
            os.write(self.fd, octets)

    def alive(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def kill(self, sig):
        os.kill(self.pid, sig)

    def status(self, seconds=10):
        """As subprocess.returncode; None if it does not end."""
        end = time.time() + seconds
        while time.time() < end:
            self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.read(0.1)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return None

    def close(self):
        os.close(self.fd)
