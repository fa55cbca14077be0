#!/usr/bin/env python3
"""No protocol's bytes are taken for another's: each capture whole, and begun anywhere in it."""
import glob
import json
import os
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ZCTRACE = os.environ.get('ZCTRACE', os.path.join(ROOT, 'zctrace'))
STARTS = 24  # of each capture
count = failed = 0


def check(passed, name, *why):
    global count, failed
    count += 1
    failed += not passed
    print(f'{"" if passed else "not "}ok {count} - {name}')
    for line in why if not passed else ():
        print(f'# {line}')


def packets(data):
    """The file's header, and each packet with its own."""
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    out, at = [], 24
    while at + 16 <= len(data):
        n = struct.unpack(order + 'I', data[at + 8:at + 12])[0]
        out.append(data[at:at + 16 + n])
        at += 16 + n
    return data[:24], out


def shown(data):
    """{protocol: spans} of a capture."""
    p = subprocess.run([ZCTRACE, '-r', '-', '-o', 'json'], input=data, stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, check=False)
    seen = {}
    for line in p.stdout.splitlines():
        record = json.loads(line)
        if record['type'] == 'span':
            name = 'http/1' if record['protocol'].startswith('http/1.') else record['protocol']
            seen[name] = seen.get(name, 0) + 1
    return seen


def main():
    for path in sorted(glob.glob(os.path.join(ROOT, 'tests', 'golden', '*.pcap'))):
        name = os.path.basename(path)
        with open(path, 'rb') as f:
            head, all_packets = packets(f.read())
        own = shown(head + b''.join(all_packets))
        step = max(1, len(all_packets) // STARTS)
        wrong = {}
        for start in range(0, len(all_packets), step):
            for protocol, n in shown(head + b''.join(all_packets[start:])).items():
                if protocol not in own:
                    wrong[protocol, start] = n
        check(own, f'{name}: there are spans')
        check(not wrong, f'{name}: nothing but {", ".join(sorted(own))}',
              *(f'{n} of {protocol} from packet {at} on' for (protocol, at), n in wrong.items()))
    print(f'1..{count}')
    return failed != 0


sys.exit(main())
