#!/usr/bin/env python3
"""Several outputs at a time: each as if it were alone, no file taken twice, one's trouble its
own."""
import csv
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from capture import OK, Conversation, Packets, get  # noqa: E402
from tap import ROOT, ZCTRACE, check, done  # noqa: E402

CAPTURE = os.path.join(ROOT, 'tests', 'golden', 'nginx-keep-alive.pcap')


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def run(*args, **kw):
    kw.setdefault('stdout', subprocess.PIPE)
    kw.setdefault('stdin', subprocess.DEVNULL)
    p = subprocess.run([ZCTRACE, *args], stderr=subprocess.PIPE, timeout=30, check=False, **kw)
    return p.returncode, p.stdout or b'', p.stderr.decode()


def alone(*args):
    return run('-r', CAPTURE, '-q', *args)[1]


def each_as_alone(tmp):
    formats = ('json', 'waterfall', 'summary', 'brief', 'csv', 'markdown')
    files = {f: os.path.join(tmp, f) for f in formats}
    with open(files['summary'], 'wb') as f:
        f.write(b'longer than what comes\n' * 1000)
    for more in ((), ('-f', 'status >= 400'), ('-f', 'duration > 1000s')):
        code, out, err = run('-r', CAPTURE, '-q', *more, '-o', 'text',
                             *(w for f in formats for w in ('-o', f'{f}={files[f]}')))
        name = ' '.join(more) or 'all spans'
        check(code == 0 and not err and out == alone('-o', 'text', *more), f'{name}: text is shown',
              f'status {code}', err, out.decode()[:300])
        check(out or more, f'{name}: it is not empty')
        for f in formats:
            got, want = read(files[f]), alone('-o', f, *more)
            if f == 'json':  # the count of the waterfall alone is of all spans
                check(len(want) > 100, f'{name}: JSON has content')
            check(got == want, f'{name}: {f} in its file', got[-300:], want[-300:])
    code, out, _ = run('-r', CAPTURE, '-q', '-o', f'json={files["json"]}')
    check(code == 0 and not out and read(files['json']) == alone('-o', 'json'),
          'a file alone, and nothing is shown', out)
    code, out, _ = run('-r', CAPTURE, '-q', '-n', '2', '-o', f'json={files["json"]}')
    spans = [line for line in read(files['json']).splitlines() if b'"type":"span"' in line]
    check(len(spans) == 2, 'a count ends a file, too', spans)
    code, out, _ = run('-r', CAPTURE, '-q', '-w', '-', '-o', f'json={files["json"]}')
    p = subprocess.run([ZCTRACE, '-q', '-r', '-', '-o', 'text'], input=out, capture_output=True,
                       check=False)
    check(code == 0 and p.stdout == alone('-o', 'text') and
          read(files['json']) == alone('-o', 'json'),
          'a recording to standard output, JSON to a file')


def on_terminal(columns, *args, **env):
    """What a terminal of so many columns is shown, line by line."""
    pid, fd = pty.fork()
    if not pid:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        os.execve(ZCTRACE, [ZCTRACE, '-q', '-r', CAPTURE, *args],
                  {'PATH': os.environ['PATH'], 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm', **env})
    shown = b''
    while True:
        try:
            got = os.read(fd, 65536)
        except OSError:
            break
        if not got:
            break
        shown += got
    os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, shown.decode().replace('\r', '').splitlines()


def within_the_terminal():
    for form in ('brief', 'waterfall', 'summary'):
        for columns in (60, 80, 132):
            code, lines = on_terminal(columns, '-o', form)
            plain = [re.sub(r'\x1b\[\d*m', '', line) for line in lines]
            wide = [line for line in plain if len(line) > columns]
            check(code == 0 and len(lines) > 3 and not wide,
                  f'{form}: within {columns} columns', f'status {code}', *wide[:3])
        check(any('\x1b[' in line for line in lines), f'{form}: in colour', lines[:3])
        for how, args, env in (('NO_COLOR', (), {'NO_COLOR': '1'}),
                               ('--color=never', ('--color=never',), {})):
            code, lines = on_terminal(80, '-o', form, *args, **env)
            check(code == 0 and lines and not any('\x1b' in line for line in lines),
                  f'{form}: {how}', lines[:3])
    check(b'\x1b' not in alone('-o', 'brief'), 'brief: a pipe gets no colours')
    code, lines = on_terminal(80, '-o', 'text')
    check(code == 0 and any('\x1b[32m200\x1b[0m' in line for line in lines),
          'text: the status in colour', lines[:2])
    code, lines = on_terminal(80, '-o', 'summary', '--color=never')
    check(re.match(r'\d{4}-\d\d-\d\d .* \d+ spans$', lines[0]) and 'ROUTE' in lines[1],
          'summary: a title on a terminal', lines[:2])


def tables_for_programs():
    spans = [json.loads(line) for line in alone('-o', 'json').splitlines()]
    spans = [s for s in spans if s['type'] == 'span']
    rows = list(csv.DictReader(alone('-o', 'csv').decode().splitlines()))
    check(rows and sum(int(r['count']) for r in rows) == len(spans), 'CSV: each span once', rows)
    check(sum(int(r['4xx']) for r in rows) ==
          sum(400 <= s.get('status', 0) < 500 for s in spans), 'CSV: classes of status', rows)
    check(max(int(r['max_ns']) for r in rows) >= 0.99 * max(s['duration_ns'] for s in spans),
          'CSV: durations in nanoseconds', rows)
    lines = alone('-o', 'markdown').decode().splitlines()
    check(lines[1] == '' and lines[2].startswith('| ROUTE |') and set(lines[3]) == set('|- :') and
          len(lines) - 4 in (len(rows), len(rows) + 1) and
          len({line.count('|') for line in lines[2:]}) == 1, 'Markdown: a table', lines)


def never_twice(tmp):
    a, b, link = (os.path.join(tmp, n) for n in ('a', 'b', 'link'))
    os.symlink(a, link)
    capture = os.path.join(tmp, 'capture')
    with open(capture, 'wb') as f:
        f.write(read(CAPTURE))
    with open(a, 'wb') as f:
        f.write(b'before')
    for args, why in (
            (('-o', f'json={capture}'), 'is also read'),
            (('-o', f'json={a}', '-o', f'text={link}'), 'another output'),
            (('-o', f'json={b}', '-o', f'text={tmp}/../{os.path.basename(tmp)}/b'),
             'another output'),
            (('-o', f'json={a}', '-w', link), 'the recording'),
            (('-o', f'json={b}', '-w', b), 'the recording'),
            (('-o', f'json={a}', '-o', 'text=/dev/stdout'), 'standard output')):
        code, out, err = run('-r', capture, *args)
        check(code == 2 and not out and why in err and len(err.splitlines()) == 1,
              f'{" ".join(args).replace(tmp, "")}: {why}', f'status {code}', err)
    with open(a, 'ab') as f:
        code, _, err = run('-r', capture, '-o', f'json={a}', '--', stdout=f)
        check(code == 2 and 'standard output, too' in err, 'what standard output is', err)
    with open(capture, 'rb') as f:
        code, _, err = run('-r', '-', '-o', f'text={capture}', stdin=f)
        check(code == 2 and 'is also read' in err, 'what standard input is', err)
    check(read(a) == b'before', 'and nothing of it was lost', read(a))
    check(read(capture) == read(CAPTURE), 'nor of what is read')
    code, _, err = run('-r', os.path.join(tmp, 'none'), '-o', f'json={a}')
    check(code and read(a) == b'before', 'nor when there is nothing to show', f'status {code}', err)
    code, _, err = run('-r', capture, '-o', 'json=/dev/null', '-o', 'text=/dev/null')
    check(code == 0, 'what keeps nothing may be taken twice', err)
    code, _, err = run('-r', capture, '-o', f'json={tmp}/no/such')
    check(code == 1 and 'json=' in err and 'No such file' in err, 'a file that cannot be made', err)
    code, _, err = run('-r', capture, '-o', f'json={tmp}')
    check(code == 1 and 'directory' in err, 'a directory', err)


def trouble_of_one(tmp):
    a = os.path.join(tmp, 'good')
    code, out, err = run('-r', CAPTURE, '-o', 'json=/dev/full', '-o', f'waterfall={a}', '-o',
                         'text')
    got = [line for line in err.splitlines() if 'No space left' in line]
    check(code == 1 and got == ['zctrace: -o json=/dev/full: No space left on device'],
          'a full disk is told once, with its name', f'status {code}', err)
    check(out == alone('-o', 'text') and read(a) == alone('-o', 'waterfall'),
          'and the others are whole')
    with open('/dev/full', 'wb') as full:
        code, _, err = run('-r', CAPTURE, '-o', 'text', '-o', f'summary={a}', stdout=full)
    check(code == 1 and err.count('No space left') == 1 and read(a) == alone('-o', 'summary'),
          'also if it is the one that is shown', f'status {code}', err)
    r, w = os.pipe()
    os.close(r)
    code, _, err = run('-r', CAPTURE, '-q', '-o', 'text', '-o', f'summary={a}', stdout=w)
    check(code == 0 and err == 'zctrace: standard output: its reader has left\n' and
          read(a) == alone('-o', 'summary'), 'a reader that has left does not stop the others',
          f'status {code}', err)
    code, _, err = run('-r', CAPTURE, '-q', '-o', 'text', '-o', 'json=/dev/full', stdout=w)
    check(code == 1 and err.count('No space') == 1, 'the last one is gone, for a reason', err)
    code, _, err = run('-r', CAPTURE, '-q', '-o', 'text', '-o', f'json=/dev/fd/{w}', stdout=w,
                       pass_fds=[w])
    check(code == 2, 'one pipe is one file', err)
    os.close(w)


def patterns(tmp):
    p = Packets()
    Conversation(p).exchange(get('/' + 'a' * 40 + '!'), OK)
    args = ('-r', p.pcap(os.path.join(tmp, 'long.pcap')), '-o', 'text', '-f')
    code, out, err = run(*args, "path !~ '^/(a+)+$'")
    check(code == 0 and 'the filter gave up on 1 match' in err and not out,
          'a match that was given up is told', out[:300], err)
    check(not run('-q', *args, "path !~ '^/(a+)+$'")[2], 'and not with --quiet')
    out, err = run(*args, "path =~ '^/a+'")[1:]
    check(out and 'gave up' not in err, 'another one is not', err)


def pipes(tmp):
    fifo = os.path.join(tmp, 'fifo')
    os.mkfifo(fifo)
    p = subprocess.Popen([ZCTRACE, '-r', CAPTURE, '-q', '-o', f'json={fifo}', '-o', 'text'],
                         stdout=subprocess.PIPE)
    time.sleep(0.3)
    check(p.poll() is None, 'a named pipe waits for its reader')
    got = read(fifo)
    out = p.communicate(timeout=20)[0]
    check(got == alone('-o', 'json') and out == alone('-o', 'text'), 'and both are whole')

    # of a file, a slow reader loses nothing
    p = subprocess.Popen([ZCTRACE, '-r', CAPTURE, '-q', '-o', f'json={fifo}', '-o', 'text'],
                         stdout=subprocess.PIPE)
    parts = []

    def slowly():
        with open(fifo, 'rb', buffering=0) as f:
            while part := f.read(2000):
                parts.append(part)
                time.sleep(0.002)
    thread = threading.Thread(target=slowly)
    thread.start()
    out = p.communicate(timeout=20)[0]
    thread.join()
    check(b''.join(parts) == alone('-o', 'json') and out == alone('-o', 'text'),
          'a slow reader gets all of a file')
    spans = [json.loads(line) for line in b''.join(parts).splitlines()]
    check(spans[-1]['note'] == 'end' and spans[-1]['spans'] == len(spans) - 1, 'with its end')


def main():
    with tempfile.TemporaryDirectory() as tmp:
        each_as_alone(tmp)
        within_the_terminal()
        tables_for_programs()
        never_twice(tmp)
        trouble_of_one(tmp)
        patterns(tmp)
        pipes(tmp)
    return done()


sys.exit(main())
