#!/usr/bin/env python3
"""Boots kernels and tries zctrace in each; speaks TAP and, with all of them, writes the table.

usage: check.py [--seconds N] [--table FILE] [SERIES[:PREEMPTION]...]

SERIES is as in 6.12; PREEMPTION one of voluntary, lazy, full. Without any, all kernels of KERNELS.
A kernel that the mirror does not serve is skipped by name.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

import vm

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# series, the preemption to boot with, which is "" for what the kernel is shipped with
KERNELS = (('6.1', ''), ('6.1', 'full'), ('6.12', ''), ('6.12', 'full'), ('6.16', ''), ('6.17', ''),
           ('6.17', 'full'),
           ('6.18', ''), ('6.18', 'full'), ('7.2', ''), ('7.2', 'full'), ('7.3', ''),
           ('7.3', 'full'))
UNGUARDED = ('7.3', '') # where what guard.h prevents is shown
KINDS = ('http', 'ipv6', 'sendfile', 'splice', 'openssl', 'h2', 'go')
TIMES = 5


def build(folder):
    """What the machines need beside the tree: the programs, and Go's."""
    for name, path in (('zctrace', 'zctrace'), ('unguarded', 'build/unguarded/zctrace')):
        shutil.copy(os.path.join(ROOT, path), os.path.join(folder, name))
    subprocess.run(['go', 'build', '-C', os.path.join(ROOT, 'tests/live/gotls'), '-o',
                    os.path.join(folder, 'gotls'), '.'], check=True,
                   env=dict(os.environ, CGO_ENABLED='0'))


def run_in(kernel, preemption, folder, seconds, program='zctrace', how=''):
    """What inside.py found, or {'error': the end of the console}."""
    result = os.path.join(folder, 'result')
    if os.path.exists(result):
        os.unlink(result)
    script = os.path.join(folder, 'script')
    with open(script, 'w', encoding='utf-8') as f:
        f.write(f'#!/bin/sh\nexport ZCTRACE=/tmp/vm/{program} GOTLS=/tmp/vm/gotls\n'
                f'exec python3 {HERE}/inside.py /tmp/vm/result {seconds} {how}\n')
    os.chmod(script, 0o755)
    console = vm.boot('amd64', kernel, folder, 'script',
                      f'preempt={preemption}' if preemption else '',
                      timeout=240 + 4 * seconds, single=preemption == 'full')
    try:
        with open(result, encoding='utf-8') as f:
            return json.load(f)
    except (OSError, ValueError):
        return {'error': console[-2000:]}


def faults(found):
    """What is not as it should be on a kernel, as lines."""
    if 'error' in found:
        return ['the machine did not end as it should:', *found['error'].splitlines()[-15:]]
    bad = []
    doctor, protocols, load = found['doctor'], found['protocols'], found['load']
    for part in (doctor, protocols, load):
        bad += part.get('failures', [])
    if doctor.get('backend') != 'skb':
        bad.append(f'doctor: {doctor.get("skb")}')
    if 'fail' in (doctor.get('uprobe', {}).get('state'), doctor.get('threads', {}).get('state')):
        bad.append(f'doctor: {doctor["uprobe"]} {doctor.get("selftest")}')
    bad += [f'{k}: {protocols.get(k)} of {TIMES} requests' for k in KINDS
            if protocols.get(k) != TIMES]
    if load.get('damaged') or not load.get('requests'):
        bad.append(f'load: {load}')
    return bad + found['log']


def cell(value):
    return '-' if value is None else str(value)


HEAD = ('kernel', 'preemption', 'tracing', *KINDS, 'multi', 'threads', 'requests', 'damaged',
        'lost', 'start s', 'log')


def threads(doctor):
    """Were threads that met in a probe kept apart?"""
    text = doctor.get('threads', {}).get('text', '')
    if text.startswith('kept apart'):
        return 'apart'
    return 'meet not' if text.startswith('no thread') else 'NO'


def row(found):
    doctor, protocols, load = (found.get(k, {}) for k in ('doctor', 'protocols', 'load'))
    state = {'ok': 'yes', 'note': 'no', None: '-'}
    return (found['release'], found['preemption'], doctor.get('backend'),
            *[protocols.get(k) for k in KINDS],
            state.get(doctor.get('uprobe_multi', {}).get('state'), 'no'), threads(doctor),
            load.get('requests'), load.get('damaged'), load.get('lost'), protocols.get('tracing_s'),
            len(found['log']) or 'clean')


def table(rows):
    """Aligned columns, below a head."""
    cells = [[cell(v) for v in r] for r in (HEAD, *rows)]
    wide = [max(len(r[i]) for r in cells) for i in range(len(HEAD))]
    return '\n'.join('  '.join(c.ljust(w) for c, w in zip(r, wide)).rstrip() for r in cells) + '\n'


def tell(number, name, bad):
    print(f'{"not " if bad else ""}ok {number} - {name}')
    for line in bad[:40]:
        print(f'#   {line}')
    sys.stdout.flush()
    return bool(bad)


def check_unguarded(number, kernel, folder, seconds):
    """Without guard.h the load is damaged: so the load would show it."""
    name = f'{UNGUARDED[0]}: without guard.h there is damage, or this could not tell'
    if not kernel:
        print(f'ok {number} - {name} # skip not served')
        return None
    found = run_in(kernel, UNGUARDED[1], folder, seconds, 'unguarded', 'load')
    load = found.get('load', {})
    tell(number, name, [] if load.get('damaged') else [str(found)])
    return load


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=int, default=20)
    parser.add_argument('--table')
    parser.add_argument('kernels', nargs='*')
    options = parser.parse_args()
    chosen = [tuple((k + ':').split(':')[:2]) for k in options.kernels] or list(KERNELS)
    rows, bad, number, damage = [], 0, 0, None
    with tempfile.TemporaryDirectory() as folder:
        build(folder)
        have = dict(vm.fetch('amd64', dict.fromkeys(series for series, _ in chosen)))
        for number, (series, preemption) in enumerate(chosen, 1):
            name = f'Linux {series}, preemption {preemption or "as shipped"}'
            if not have[series]:
                print(f'ok {number} - {name} # skip not served by the mirror')
                continue
            found = run_in(have[series], preemption, folder, options.seconds)
            bad += tell(number, name, faults(found))
            if 'error' not in found:
                rows.append(row(found))
        if not options.kernels:
            number += 1
            damage = check_unguarded(number, have.get(UNGUARDED[0]), folder, options.seconds)
            bad += damage is not None and not damage.get('damaged')
    text = table(rows)
    if damage:
        text += (f'\nWithout the guards, Linux {UNGUARDED[0]} as shipped: {damage.get("requests")} '
                 'requests, '
                 f'{damage.get("damaged")} of their spans damaged, {damage.get("lost")} told as '
                 'lost.\n')
    print('\n'.join('# ' + line for line in text.splitlines()))
    print(f'1..{number}')
    if options.table:
        with open(options.table, 'w', encoding='utf-8') as f:
            f.write(text)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
