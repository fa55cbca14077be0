#!/usr/bin/env python3
"""Captures and a recording, and what is shown of them, to the letter.

With --update what is shown now becomes what is expected.
"""
import difflib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'live'))

from lib import ZCTRACE, ZCTRACE_ASAN, main, test  # noqa: E402

CAPTURES = sorted(f for f in os.listdir(HERE) if f.endswith(('.pcap', '.pcapng')))
OUTPUTS = {
    'json': ['-o', 'json'],
    'text': ['-o', 'text'],
    'summary': ['-o', 'summary'],
    'fields.json': ['-o', 'json', '--header', '*', '--body', '40', '--route', '/size/{n}'],
    'errors.text': ['-o', 'text', '-f', 'status >= 400 or not status > 0'],
}


def shown(t, binary, capture, args):
    env = dict(os.environ, TZ='UTC', LC_ALL='C')
    p = t.run([binary, '-r', os.path.join(HERE, capture), *args], env=env)
    t.equal(p.returncode, 0, f'exit status: {p.stderr}')
    return p.stdout


def golden(capture):
    def compare(t):
        for suffix, args in OUTPUTS.items():
            path = os.path.join(HERE, f'{os.path.splitext(capture)[0]}.{suffix}')
            got = shown(t, ZCTRACE, capture, args)
            if UPDATE:
                with open(path, 'w', encoding='utf-8') as f:
                    f.write(got)
            with open(path, encoding='utf-8') as f:
                want = f.read()
            diff = difflib.unified_diff(want.splitlines(), got.splitlines(), 'expected', 'shown',
                                        n=0,
                                        lineterm='')
            t.check(got == want, f'{suffix}:\n' + '\n'.join(diff))
            t.check(shown(t, ZCTRACE_ASAN, capture, args) == got,
                    f'{suffix}: differs with the sanitizers')
    compare.__name__, compare.__doc__ = capture, capture
    return compare


UPDATE = '--update' in sys.argv
if UPDATE:
    sys.argv.remove('--update')
for c in CAPTURES:
    test(golden(c))
sys.exit(main(needs_bpf=False))
