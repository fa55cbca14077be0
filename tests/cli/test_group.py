#!/usr/bin/env python3
"""--group=FIELD: rows by any field of spans, and by header fields; nothing that is secret."""
import csv
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(1, HERE)

from tap import ZCTRACE, check, done  # noqa: E402
import capture as c  # noqa: E402

TENANTS = ('acme', 'globex', None)


def tenants(path):
    """Three connections; the second one's requests fail now and then, the third's are nobody's."""
    p = c.Packets()
    talks = [c.Conversation(p, client=40001 + i, ends=(f'10.0.0.{1 + i}', '10.0.0.9'))
             for i in range(3)]
    for i in range(60):
        for k, talk in enumerate(talks):
            field = f'X-Tenant: {TENANTS[k]}\r\n' if TENANTS[k] else ''
            talk.exchange(f'GET /orders/{i} HTTP/1.1\r\nHost: h\r\n{field}'
                          f'Authorization: Bearer secret{i}\r\n\r\n'.encode(),
                          c.answer(500 if k == 1 and i % 3 == 0 else 200))
    return p.pcap(path)


def grouped(path, by):
    p = subprocess.run([ZCTRACE, '-q', '-r', path, '-o', 'csv', '--group', by],
                       capture_output=True, text=True, check=False)
    return p, [r for r in csv.reader(p.stdout.splitlines()) if r]


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = tenants(os.path.join(folder, 'tenants.pcap'))
        for by in ('header.x-tenant', 'header.X-TENANT'):
            p, rows = grouped(path, by)
            found = {r[2]: (r[6], r[7]) for r in rows[1:]}
            check(rows[:1] and rows[0][2] == by and
                  found == {'acme': ('60', '0'), 'globex': ('60', '20'), '(none)': ('60', '0')},
                  f'{by}: requests and errors of each', rows, p.stderr)
        p, rows = grouped(path, 'client_addr')
        check({r[2]: r[6] for r in rows[1:]} == {f'10.0.0.{i}': '60' for i in (1, 2, 3)},
              'by a field of spans', rows, p.stderr)
        for by in ('method', 'kind', 'service', 'client_addr'):
            p, rows = grouped(path, by)
            check(rows and rows[0].count(by) == 1 and {len(r) for r in rows} == {len(rows[0])} and
                  sum(int(r[rows[0].index('count')]) for r in rows[1:]) == 180,
                  f'by {by}: each column has a name of its own', rows, p.stderr)
        for by, why in (('header.authorization', 'may be secret'),
                        ('header.cookie', 'may be secret'),
                        ('header.referer', 'may be secret'), ('path', 'no groups'),
                        ('db_statement', 'no groups'), ('duration', 'no groups'),
                        ('trace_id', 'no groups'), ('nonsense', 'no such field'),
                        ('header.', 'behind header.'), ('header.a b', 'behind header.'),
                        ('header.' + 'x' * 80, 'no such field'), ('', 'no such field')):
            p, rows = grouped(path, by)
            check(p.returncode == 2 and why in p.stderr and 'header.x-tenant' in p.stderr and
                  not rows, f"--group '{by[:24]}' is told to be wrong", p.stderr)
    return done()


sys.exit(main())
