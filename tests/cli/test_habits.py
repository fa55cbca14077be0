#!/usr/bin/env python3
"""What hands type is taken for what it means, or answered with the right form."""
import gzip
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, ZCTRACE, check, done  # noqa: E402


def run(*args):
    return subprocess.run([ZCTRACE, *args], capture_output=True, text=True, check=False)


def same_as(path, given, meant):
    """Both show the same spans, which are some of those in the file."""
    p = [run('-q', '-r', path, *args) for args in (given, meant)]
    check(not p[0].returncode and p[0].stdout and p[0].stdout == p[1].stdout,
          f'{" ".join(given)} is {" ".join(meant)}', p[0].stderr, p[0].stdout[:200])


def answered(given, says):
    p = run(*given)
    check(p.returncode == 2 and says in p.stderr and not p.stdout,
          f'{" ".join(given) or "no option"}: {says}', p.returncode, p.stderr, p.stdout[:200])


def ports(path):
    one, both = ('-o', 'json', '-P', '18940'), ('-o', 'json', '-P', '18940,18941')
    for given in (('18940',), (':18940',), ('localhost:18940',), ('127.0.0.1:18940',),
                  ('-P=18940',), ('--port=:18940',)):
        same_as(path, ('-o', 'json', *given), one)
    for given in (('18940', '18941'), ('-P', '18940 18941'), ('-P', '18940, 18941'),
                  ('18940-18941',), ('18940,18941',)):
        same_as(path, ('-o', 'json', *given), both)


def values(path):
    for given, meant in ((('-o', 'JSON'), ('-o', 'json')),
                         (('-o', 'json', '--body', '1k'), ('-o', 'json', '--body', '1024')),
                         (('-o', 'json', '-d', '3600'), ('-o', 'json', '-d', '1h'))):
        same_as(path, given, meant)
    p, q = run('-h'), run('--help')
    check(not p.returncode and p.stdout and p.stdout == q.stdout, '-h is --help', p.stderr)


def wrong():
    for given, says in ((('nginx',), "--service 'nginx'"), (('-p', 'nginx'), '--comm'),
                        (('-P', '192.0.2.1:80'), 'server_addr'),
                        (('--prot', '8000'), 'did you mean --port?'),
                        (('-P', '1', '-o', 'jsno'), 'did you mean json?'),
                        (('-P', '1', '-o', 'summary', '--sort=-p99'), 'say p99'),
                        (('-P', '1,'), 'one is missing'), ((), 'try --port 8000')):
        answered(given, says)
    # both forms of what pidof(1) prints are process ids: only that a file has none is wrong
    for given in (('-p', '1 2'), ('-p', '1', '2'), ('-p', '1,2')):
        answered(('-r', 'x', *given), 'only --port applies, not --pid')


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'chain.pcapng')
        with gzip.open(os.path.join(ROOT, 'tests', 'tui', 'chain.pcapng.gz')) as f:
            octets = f.read()
        with open(path, 'wb') as f:
            f.write(octets)
        ports(path)
        values(path)
        wrong()
    return done()


sys.exit(main())
