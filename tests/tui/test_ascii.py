#!/usr/bin/env python3
"""Where the locale has no UTF-8, what is written to a terminal is ASCII, and else as it was."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t

LIKE = {'text': 'us', 'brief': '>', 'summary': 'us', 'waterfall': '##'}


def shown(form, path, locale, size=(80, 24)):
    p = t.Pty([t.ZCTRACE, '-q', '-o', form, '-r', path], size, LC_ALL=locale)
    status = p.status()
    p.close()
    return status, p.output.decode('utf-8', 'replace').replace('\r', '')


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = t.recording(folder)
        for form, sign in LIKE.items():
            status, plain = shown(form, path, 'C')
            _, whole = shown(form, path, 'C.UTF-8')
            t.check(status == 0 and plain.isascii() and sign in plain, f'-o {form}: ASCII',
                    plain[:500])
            t.check(not whole.isascii() and [len(line) for line in whole.split('\n')] ==
                    [len(line) for line in plain.split('\n')], 'of the same width as the other one',
                    whole[:500])
        _, plain = shown('text', path, 'C', (0, 0))
        t.check(plain.isascii() and 'us' in plain, 'so is one that does not tell its size',
                plain[:500])
        out = subprocess.run([t.ZCTRACE, '-q', '-o', 'text', '-r', path], capture_output=True,
                             env=t.environment(LC_ALL='C'), check=True).stdout
        t.check('µs'.encode() in out, 'what is no terminal gets UTF-8 in any locale', out[:300])
    return t.done()


sys.exit(main())
