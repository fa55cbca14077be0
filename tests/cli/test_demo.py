#!/usr/bin/env python3
"""The demo, where probes are not permitted: says why, and shows the recording that ships with
it."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, check, done  # noqa: E402

DEMO = os.path.join(ROOT, 'tests', 'demo', 'demo.sh')

prefix = []
if os.geteuid() == 0:
    drop = '-bpf,-perfmon,-sys_admin,-net_admin'
    prefix = ['setpriv', '--bounding-set', drop, '--inh-caps', drop]
p = subprocess.run([*prefix, 'sh', DEMO, '1'], capture_output=True, text=True, timeout=60,
                   check=False)
shown = p.stdout.splitlines()
checks = [
    ('exit status 0', p.returncode == 0),
    ('says that it is not permitted, and what is missing', 'CAP_BPF' in p.stderr),
    ('says that a recording follows', 'recording' in p.stderr),
    ('shows lines of spans', sum(' HTTP 200 GET /orders/' in x for x in shown) > 3),
    ('shows a trace and where its time went', any('critical path: backend' in x for x in shown)),
    ('shows the table', any(x.startswith('ROUTE') for x in shown)),
    ('shows the failing route', any(x.startswith('/orders/{id}') and '%' in x for x in shown)),
]
for what, good in checks:
    check(good, what, *(p.stderr + p.stdout).splitlines()[:40])
sys.exit(done())
