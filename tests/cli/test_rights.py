#!/usr/bin/env python3
"""What needs which capability: the table of README is the manual's, the unit's, and what --doctor
says when one of them is missing.

Capabilities are given one by one, which takes root; without it only the texts are compared.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ZCTRACE = os.environ.get('ZCTRACE', os.path.join(ROOT, 'zctrace'))
# what is not given to a service: the last resort, and what probes make superfluous
NOT_GIVEN = {'SYS_ADMIN', 'NET_RAW'}
count = failed = 0


def check(passed, name, *why):
    global count, failed
    count += 1
    failed += not passed
    print(f'{"" if passed else "not "}ok {count} - {name}')
    for line in why if not passed else ():
        print(f'# {line}')


def read(name):
    with open(os.path.join(ROOT, name), encoding='utf-8') as f:
        return f.read()


def from_readme():
    """{what it is for: the capabilities that it takes}"""
    table = re.search(r'^    for {3,}capabilities.*\n((?:    \S.*\n)+)', read('README.md'),
                      re.M).group(1)
    rows = (re.split(r' {2,}', line.strip()) for line in table.splitlines())
    return {r[0]: set(re.findall(r'CAP_(\w+)', r[1])) for r in rows}


def from_manual():
    """The same, of the items that follow one another: what, then the capabilities."""
    rows, what = {}, None
    for line in read('man/zctrace.1').splitlines():
        if line.startswith('.It for '):
            what = line.removeprefix('.It for ').replace('\\-', '-')
            rows[what] = set()
        elif what and line.startswith('.Dv CAP_'):
            rows[what] |= set(re.findall(r'CAP_(\w+)', line))
        elif line.startswith('.El'):
            what = None
    return rows


def missed(program, capabilities):
    """What --doctor says that cannot be done with these."""
    keep = ','.join(['-all'] + [f'+{c.lower()}' for c in sorted(capabilities)])
    prefix = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps',
              keep, '--ambient-caps', keep, '--bounding-set', keep]
    p = subprocess.run([*(prefix if os.geteuid() == 0 else []), program, '--doctor', '-o', 'json'],
                       capture_output=True, text=True, timeout=100, check=False)
    for o in map(json.loads, p.stdout.splitlines()):
        if o.get('check') == 'capabilities':
            return o['text'].partition('; without them, no ')[2]
    return f'no line of capabilities: {p.stdout} {p.stderr}'


def check_each(program, rows):
    """Without any one of the capabilities of a row, and only then, what it is for is missing."""
    everything = set.union(*rows.values())
    for without in sorted(everything):
        told = missed(program, everything - {without})
        # who has this one has what was cut out of it
        want = [what for what, need in rows.items()
                if without in need and without in ('SYS_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH',
                                                   'NET_RAW')]
        check(told == ', '.join(want), f'--doctor without CAP_{without}', told, want)
    for without in ('BPF', 'PERFMON', 'NET_ADMIN', 'CHECKPOINT_RESTORE'):
        told = missed(program, everything - {without, 'SYS_ADMIN'})
        want = [what for what, need in rows.items() if need & {without, 'SYS_ADMIN'}]
        check(told == ', '.join(want), f'--doctor without CAP_{without} and CAP_SYS_ADMIN', told,
              want)


def main():
    rows = from_readme()
    given = set.union(*rows.values()) - NOT_GIVEN
    check(len(rows) > 5, 'README has a table of capabilities', rows)
    check(from_manual() == rows, "the manual's list is the same", from_manual(), rows)
    unit = read('packaging/zctrace.service')
    for key in ('AmbientCapabilities', 'CapabilityBoundingSet'):
        got = set(re.findall(r'CAP_(\w+)', re.search(rf'^{key}=(.*)$', unit, re.M).group(1)))
        check(got == given, f'the unit gives all but {sorted(NOT_GIVEN)}: {key}', got, given)
    got = set(re.search(r'setcap (\S+)\+ep', read('README.md')).group(1).upper().split(','))
    check(got == {f'CAP_{c}' for c in given}, 'and so does setcap', got)
    with tempfile.TemporaryDirectory() as tmp:
        program = shutil.copy(ZCTRACE, tmp) # where nobody may read it
        os.chmod(tmp, 0o755)
        told = missed(program, set())
        check(told == ', '.join(rows), '--doctor without any', told, list(rows))
        if os.geteuid() == 0:
            check_each(program, rows)
    print(f'1..{count}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
