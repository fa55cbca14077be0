#!/usr/bin/env python3
"""No protocol's bytes are taken for another's: each capture whole, begun anywhere in it, and with
packets missing throughout."""
import glob
import json
import os
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ZCTRACE = os.environ.get('ZCTRACE', os.path.join(ROOT, 'zctrace'))
STARTS = 24  # of each capture
# what a protocol is carried by, and is shown as where its beginning was not seen
BELOW = {'grpc': 'h2', 'websocket': 'http/1'}
WITHIN = ('rpc_system', 'graphql_type', 'db_system', 'gen_ai_provider')
count = failed = 0


def check(passed, name, *why):
    global count, failed
    count += 1
    failed += not passed
    print(f'{"" if passed else "not "}ok {count} - {name}')
    for line in why if not passed else ():
        print(f'# {line}')


def packets(data):
    """What the file begins with, and each packet with its own header, or block."""
    if data[:4] == b'\x0a\x0d\x0d\x0a':
        return blocks(data)
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    out, at = [], 24
    while at + 16 <= len(data):
        n = struct.unpack(order + 'I', data[at + 8:at + 12])[0]
        out.append(data[at:at + 16 + n])
        at += 16 + n
    return data[:24], out


def blocks(data):
    """The same of pcapng: what describes the file and its interfaces, and all other blocks."""
    head, out, at = b'', [], 0
    while at + 12 <= len(data):
        kind, n = struct.unpack('<II', data[at:at + 8])
        if kind in (0x0a0d0d0a, 1):
            head += data[at:at + n]
        else:
            out.append(data[at:at + n])
        at += n
    return head, out


def shown(data):
    """{protocol: spans} of a capture; what travels in HTTP counts, too."""
    p = subprocess.run([ZCTRACE, '-r', '-', '-o', 'json'], input=data, stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, check=False)
    seen = {}
    for line in p.stdout.splitlines():
        record = json.loads(line)
        if record['type'] == 'span':
            name = 'http/1' if record['protocol'].startswith('http/1.') else record['protocol']
            within = [record[k] for k in WITHIN if k in record and name in ('http/1', 'h2')]
            below = ['tls'] if record['tls'] else []
            for name in (name, *within, *below):
                seen[name] = seen.get(name, 0) + 1
    return seen


def parts(all_packets):
    """Some of them each time, and what these are called."""
    for start in range(0, len(all_packets), max(1, len(all_packets) // STARTS)):
        yield f'from packet {start} on', all_packets[start:]
    for each in 2, 3, 5:
        for i in range(each):
            yield f'only each {each}th, from {i} on', all_packets[i::each]
            if each > 2:
                yield (f'without each {each}th, from {i} on',
                       [p for n, p in enumerate(all_packets) if n % each != i])


def main():
    for path in sorted(glob.glob(os.path.join(ROOT, 'tests', 'golden', '*.pcap*'))):
        name = os.path.basename(path)
        with open(path, 'rb') as f:
            head, all_packets = packets(f.read())
        own = shown(head + b''.join(all_packets))
        own = {**own, **{BELOW[p]: 0 for p in own if p in BELOW}}
        wrong = []
        for which, some in parts(all_packets):
            for protocol, n in shown(head + b''.join(some)).items():
                if protocol not in own:
                    wrong.append(f'{n} of {protocol} {which}')
        check(own, f'{name}: there are spans')
        check(not wrong, f'{name}: nothing but {", ".join(sorted(own))}', *wrong)
    print(f'1..{count}')
    return failed != 0


sys.exit(main())
