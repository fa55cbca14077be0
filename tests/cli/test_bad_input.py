#!/usr/bin/env python3
"""Bad input, each with one clear line on standard error and the exit status of the manual.

Nothing here needs a privilege; recordings and captures are made by the test itself.
"""
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ZCTRACE, check, done  # noqa: E402


def run(*args, **kw):
    kw.setdefault('stdout', subprocess.PIPE)
    p = subprocess.run([ZCTRACE, *args], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                       timeout=20, **kw)
    return p.returncode, (p.stdout or b'').decode('utf-8', 'replace'), p.stderr.decode()


def refused(args, says, status=2, lines=1):
    """The first of `lines` lines begins with the program's name and says what is wrong."""
    code, out, err = run(*args)
    got = err.splitlines()
    good = (code == status and not out and len(got) == lines and got[0].startswith('zctrace: ')
            and says in got[0])
    check(good, f'{" ".join(args) or "no option"}: {got[0] if got else "nothing said"}',
          f'status {code}, wanted {status}; wanted {says!r} in', *got, *out.splitlines()[:3])
    return got


def bad_options():
    for value, says in (('0', "'0'"), ('70000', "'70000'"), ('80-', "'80-'"), ('abc', "'abc'"),
                        ('9000-8000', 'ends before it begins'), ('', 'one is missing'),
                        ('80,', 'one is missing; such as 8000 or 80,443'),
                        (',80', 'one is missing'), ('80,,81', 'one is missing')):
        refused(['--port', value], says)
    refused([], 'nothing to trace')
    refused(['-P', '80', '-d', 'soon'], "'soon'")
    refused(['--prot', '8000'], 'did you mean --port?')
    refused(['-P', '80', '--outptu=json'], 'did you mean --output?')
    refused(['-P', '80', '-o', 'jsno'], 'did you mean json?')
    refused(['nginx'], "--comm 'nginx'")
    refused(['-P', '10.1.2.3:80'], 'server_addr')
    refused(['-P', '80', '-o', 'json', '--body', '2M'], "'2M'")
    refused(['-P', '80', '--duration=-1s'], "'-1s'")
    refused(['-P', '80', '-n', '-3'], "'-3'")
    refused(['-P', '80', '-n', '1x'], "'1x'")
    refused(['-P', '80', '--interval', '0s', '-o', 'summary'], "'0s'")
    refused(['-P', '80', '-o', 'xml'], 'one of text, brief, json, summary')
    refused(['-P', '80', '--capture', 'syscall'], 'one of auto, skb, packet')
    refused(['-P', '80', '--role', 'proxy'], 'one of server, client, both')
    refused(['-P', '80', '--unmatched', 'x'], 'one of heuristic, path, wildcard')
    refused(['-P', '80', '-o', 'summary', '--sort', 'x'], 'one of count')
    refused(['-P', '80', '-o', 'summary', '--sort=-p99'], 'the largest first')
    refused(['-P', '80', '-o', 'summary', '--sort', '-nope'], 'one of count')
    refused(['-p', '1,'], 'one is missing; such as 4242')
    refused(['-P', '80', '-o', 'summary', '--group', 'hop'], 'must be route')
    refused(['-P', '80', '-o', 'json', '--group', 'peer'], '--group is about tables')
    refused(['-P', '80', '-o', 'json', '--body', '1G'], "'1G'")
    refused(['-p', '0'], "'0'")
    refused(['-p', '1,x'], "'x'")
    refused(['-p', '99999999'], "'99999999'")
    refused(['-r', 'x', '-p', '1'], '--pid')
    refused(['-i', 'lo', '-c', 'x'], '--comm')
    refused(['-i', 'nosuchinterface'], 'nosuchinterface')
    refused(['-P', '80', 'curl'], "'curl'")
    refused(['-P', '80', '-w', '-', '-o', 'json'], 'standard output')
    # these two are argp's, which adds where to find help
    refused(['--nonsense'], "no option '--nonsense'")
    refused(['-P'], 'argument', lines=2)


def bad_patterns(capture):
    """A filter's message has the expression and a caret below it."""
    for expr, caret in (('status >', 8), ('status = 5', 7), ('(status == 1', 0),
                        ('nonsense == 1', 0), ('duration > 5 and', None), ('path =~ "("', None)):
        got = refused(['-r', capture, '-f', expr], 'filter: ', lines=3)
        where = got[2].find('^') - got[1].find(expr) if len(got) == 3 else -1
        check(where == caret if caret is not None else 0 <= where <= len(expr),
              f'the caret under {expr!r} is in its place', f'at {where}, wanted {caret}')
    refused(['-r', capture, '-f', ''], 'filter: ', lines=3)
    for route in ('nonsense', '/a/{', '/a/{}'):
        refused(['-r', capture, '--route', route], f"route '{route}'")
    refused(['-r', capture, '--route', ''], 'must not be empty')


def pcap(path):
    """A capture of one connection: SYN, request, response."""
    def tcp(src, dst, seq, ack, flags, data):
        head = struct.pack('>HHIIBBHHH', src, dst, seq, ack, 0x50, flags, 1024, 0, 0)
        ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0,
                         b'\x0a\0\0\1' if src == 9 else b'\x0a\0\0\2',
                         b'\x0a\0\0\2' if src == 9 else b'\x0a\0\0\1')
        return ip + head + data

    request = b'GET /x?token=1 HTTP/1.1\r\nHost: h\r\n\r\n'
    response = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    frames = [tcp(9, 80, 100, 0, 2, b''), tcp(80, 9, 500, 101, 0x12, b''),
              tcp(9, 80, 101, 501, 0x18, request),
              tcp(80, 9, 501, 101 + len(request), 0x18, response)]
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for i, frame in enumerate(frames):
            f.write(struct.pack('<IIII', 1700000000, i * 1000, len(frame), len(frame)) + frame)


def bad_files(tmp, capture):
    def path(name, content=None):
        full = os.path.join(tmp, name)
        if content is not None:
            with open(full, 'wb') as f:
                f.write(content)
        return full

    refused(['-r', path('missing')], 'missing')
    refused(['-r', path('empty', b'')], 'empty')
    refused(['-r', path('foreign', b'GIF89a' + bytes(100))], 'foreign')
    refused(['-r', tmp], os.path.basename(tmp))

    code, out, err = run('-r', capture, '-o', 'text')
    check(code == 0 and ' GET /x(/x) ' in out and err.startswith('zctrace: 1 spans shown, '),
          'a good capture is read', f'status {code}', out, err)
    with open(capture, 'rb') as f:
        whole = f.read()
    code, out, err = run('-r', path('cut', whole[:-5]), '-o', 'json')
    got = err.splitlines()
    check(code == 1 and '"type":"span"' in out and any('cut' in line for line in got[:-1]),
          'a capture that is cut off is read up to there, and that is told', f'status {code}', *got)

    recording = path('recording')
    code, out, err = run('-r', capture, '-w', recording, '-o', 'json')
    check(code == 0 and os.path.getsize(recording) > 200, 'a recording is made', err)
    code, again, err = run('-r', recording, '-o', 'json')
    check(code == 0 and again == out, 'and replayed, with the same result', out, again, err)
    with open(recording, 'rb') as f:
        whole = f.read()
    code, again, err = run('-r', path('cut2', whole[:-30]), '-o', 'json')
    got = err.splitlines()
    check(code == 1 and '"type":"span"' in again and any('cut' in line for line in got[:-1]),
          'a recording that is cut off is replayed up to there, and that is told',
          f'status {code}', *got)
    refused(['-r', capture, '-q', '-w', path('no/such/place')], 'place', status=1)


def bad_output(tmp, capture):
    with open('/dev/full', 'wb') as full:
        code, _, err = run('-r', capture, stdout=full)
    got = err.splitlines()
    check(code == 1 and len([g for g in got if 'No space left' in g]) == 1,
          'a full disk behind standard output is told once', f'status {code}', *got)
    p = subprocess.run(['/bin/sh', '-c', '"$0" -r "$1" >&-', ZCTRACE, capture],
                       stderr=subprocess.PIPE, text=True, timeout=20)
    check(p.returncode == 1 and p.stderr == 'zctrace: standard output is closed\n',
          'a closed standard output', f'status {p.returncode}', p.stderr)
    r, w = os.pipe()
    os.close(r)
    code, _, err = run('-r', capture, '-q', stdout=w)
    os.close(w)
    check(code == 0 and not err, 'a reader that has left ends it quietly', f'status {code}', err)
    code, _, err = run('-r', capture, '-q', '-w', '/dev/full')
    check(code == 1 and 'zctrace: /dev/full' in err and 'No space left' in err,
          'a recording to a full disk', f'status {code}', err)


def never_overwritten(tmp, capture):
    """What is read is refused as output, by all its names, and stays as it was."""
    with open(capture, 'rb') as f:
        before = f.read()
    hard, soft = os.path.join(tmp, 'hard.pcap'), os.path.join(tmp, 'soft.pcap')
    os.link(capture, hard)
    os.symlink(capture, soft)
    for read, write in ((capture, capture), (capture, hard), (capture, soft), (soft, hard)):
        refused(['-r', read, '-w', write], 'this file is also read')
    p = subprocess.run([ZCTRACE, '-r', '-', '-w', capture], stdin=open(capture, 'rb'),
                       capture_output=True, text=True)
    check(p.returncode == 2 and 'is also read' in p.stderr, 'standard input is a file, too',
          p.stderr)
    with open(hard, 'ab') as out:
        p = subprocess.run([ZCTRACE, '-r', capture, '-o', 'json'], stdout=out,
                           stderr=subprocess.PIPE,
                           text=True)
    check(p.returncode == 2 and 'standard output' in p.stderr, 'and so is standard output',
          p.stderr)
    fifo = os.path.join(tmp, 'fifo')
    os.mkfifo(fifo)
    refused(['-r', fifo, '-w', fifo], 'this file is also read')
    with open(capture, 'rb') as f:
        check(f.read() == before, 'what is read is whole afterwards')
    os.unlink(fifo)
    os.unlink(hard)
    os.unlink(soft)


def blocks(pid, sig):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        mask = next(line.split()[1] for line in f if line.startswith('SigBlk'))
    return int(mask, 16) >> (sig - 1) & 1


def ended_by_signal(tmp):
    fifo = os.path.join(tmp, 'silent')
    os.mkfifo(fifo)
    p = subprocess.Popen([ZCTRACE, '-q', '-r', fifo], stdout=subprocess.DEVNULL)
    while p.poll() is None and not blocks(p.pid, signal.SIGTERM):
        time.sleep(0.01)
    p.send_signal(signal.SIGTERM)
    try:
        status = p.wait(60)
    except subprocess.TimeoutExpired:
        status = p.kill()
    check(status == -signal.SIGTERM, 'a signal ends what waits for a file that never comes', status)
    os.unlink(fifo)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        capture = os.path.join(tmp, 'capture.pcap')
        pcap(capture)
        bad_options()
        bad_patterns(capture)
        bad_files(tmp, capture)
        bad_output(tmp, capture)
        never_overwritten(tmp, capture)
        ended_by_signal(tmp)
    return done()


sys.exit(main())
