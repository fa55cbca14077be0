#!/usr/bin/env python3
"""No secret is in any output or recording, whatever place of whatever protocol it is in, however
its bytes are cut and wherever the capture begins; a marker word in each place tells which."""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from capture import Conversation, Packets, pcap  # noqa: E402
from secrets_talk import PLACES, TALKS, word  # noqa: E402
from tap import ZCTRACE, check, done  # noqa: E402

FORMATS = ('json', 'text', 'brief', 'summary', 'csv', 'markdown', 'waterfall', 'html', 'flows',
           'otlp')
STARTS = int(os.environ.get('STARTS', '20'))  # of each conversation
OPERATIONS = ('db_operation', 'messaging_operation', 'method', 'kafka_api')


def conversation(talk, port, size=1400):
    packets = Packets()
    c = Conversation(packets, port=port)
    for ask, answer in talk():
        c.send(0, ask, size)
        c.send(1, answer, size)
    c.end()
    return packets.list


def run(data, *args):
    p = subprocess.run([ZCTRACE, '-r', '-', *args], input=data, capture_output=True, timeout=60,
                       check=False)
    if p.returncode:
        check(False, f'status {p.returncode} with {args}', p.stderr.decode())
    return p.stdout + p.stderr


def spans(out):
    return [r for r in map(json.loads, (x for x in out.splitlines() if x[:1] == b'{'))
            if r['type'] == 'span']


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def words(data):
    return sorted(set(re.findall(rb'sesame-[a-z0-9-]*[.]?', data)))


def outputs(tmp, data, *more):
    """What each output and the recording hold, by name."""
    files = {f: os.path.join(tmp, f) for f in (*FORMATS, 'recording')}
    for some in FORMATS[:6], ('json', *FORMATS[6:]):
        run(data, '-q', *more, '--header', '*', '-w', files['recording'],
            *(x for f in some for x in ('-o', f'{f}={files[f]}')))
    return {f: read(path) for f, path in files.items()}


def routes(out):
    """They say that something is hidden, and recordings only have its place."""
    return [re.sub(r'x{8,}', '[redacted]', str(s.get('route'))) for s in spans(out)]


def whole(tmp, name, talk, port, operations):
    """All outputs of the whole conversation: they are there, and without secrets."""
    before = set(PLACES)
    data = pcap(conversation(talk, port))
    places = {word(p).encode() for p in PLACES - before}
    check(len(places) > 1 and places <= set(words(data)), f'{name}: {len(places)} places are asked')
    got = outputs(tmp, data)
    for f, out in got.items():
        check(len(out) > 50 and not words(out), f'{name}: {f}', len(out), words(out))
    want = routes(got['json'])
    seen = {s.get(k) for s in spans(got['json']) for k in OPERATIONS}
    check(set(operations) <= seen, f'{name}: its spans are there', sorted(map(str, seen)))
    again = run(got['recording'], '-o', 'json', '--header', '*', '--no-redact')
    check(routes(again) == want, f'{name}: the recording has them, too', want, routes(again))
    check(not words(again), f'{name}: nor shown from the recording', words(again))
    raw = outputs(tmp, data, '--no-redact')
    check(places <= set(words(raw['recording'])), f'{name}: --no-redact records them',
          places - set(words(raw['recording'])))
    again = outputs(tmp, raw['recording'])
    check(not any(words(out) for out in again.values()) and
          routes(again['json']) == want,
          f'{name}: what was recorded so is shown without', {f: words(o) for f, o in again.items()})


def parts(talk, port):
    """The conversation cut small, begun anywhere, and with packets missing."""
    for size in (1400, 9):
        packets = conversation(talk, port, size)
        for start in range(3, len(packets), max(1, len(packets) // STARTS)):
            yield f'{size} bytes each, from packet {start} on', packets[start:]
        for each, i in ((2, 0), (2, 1), (3, 0), (3, 1), (3, 2)):
            yield f'{size} bytes each, without each {each}th from {i} on', \
                [p for n, p in enumerate(packets) if n % each != i]
    yield '1 byte each', conversation(talk, port, 1)


def cut(tmp, name, talk, port):
    wrong, shown, tried = [], 0, 0
    path = os.path.join(tmp, 'recording')
    for which, packets in parts(talk, port):
        out = run(pcap(packets), '-o', 'json', '--header', '*', '-w', path)
        found = set(words(out)) | set(words(read(path)))
        wrong += [f'{which}: {found}'] if found else []
        shown, tried = shown + len(spans(out)), tried + 1
    check(not wrong and shown > 4, f'{name}: {tried} parts of it, {shown} spans', *wrong[:20])


with tempfile.TemporaryDirectory() as folder:
    for title, (what, on, ops) in TALKS.items():
        whole(folder, title, what, on, ops)
        cut(folder, title, what, on)
sys.exit(done())
