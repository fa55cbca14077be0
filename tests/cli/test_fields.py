#!/usr/bin/env python3
"""The fields of a span are one list: keys of JSON, fields of --filter, and the manual agree."""
import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, ZCTRACE, check, done, read  # noqa: E402

GOLDEN = os.path.join(ROOT, 'tests', 'golden')
# in JSON, but nothing to compare with
NO_FIELDS = {'type', 'req_headers', 'resp_headers', 'req_body', 'resp_body'}


def of_filter():
    """Names in --help, without those of durations that have no unit in their name."""
    text = subprocess.run([ZCTRACE, '--help'], capture_output=True, text=True, check=True).stdout
    words = re.search(r'Fields of --filter:\n(.*?)(?:\n\n|\Z)', text, re.S).group(1).split()
    check(len(words) == len(set(words)), 'no field twice',
          sorted(w for w in words if words.count(w) > 1))
    return {w for w in words if w + '_ns' not in words}, [w for w in words if w + '_ns' in words]


def of_manual():
    """{key: what the manual says of it}"""
    table = re.search(r'^\.Ss JSON\n.*?^\.Bl -column.*?\n(.*?)^\.El', read('man/zctrace.1'),
                      re.S | re.M)
    keys = {}
    for m in re.finditer(r'^\.It Cm (.*?) Ta (.*)$', table.group(1), re.M):
        for key in m.group(1).split(' , '):
            check(key not in keys, f'the manual has {key} once')
            keys[key] = m.group(2)
    return keys


def of_table():
    """{key: OpenTelemetry's name or None} of the attributes."""
    rows = re.findall(r'^\t(STRING|NUMBER|DURATION|SIZE|CODE|WORD)\((\w+),\s*(NULL|"[\w.]+"),',
                      read('parsers/attrs.h').replace('\\\n', '\n'), re.M)
    return {key + '_ns' * (kind == 'DURATION'): None if otel == 'NULL' else otel.strip('"')
            for kind, key, otel in rows}


def of_goldens():
    keys, order = set(), {}
    for path in glob.glob(os.path.join(GOLDEN, '*.json')):
        with open(path, encoding='utf-8') as f:
            for line in f:
                span = json.loads(line)
                if span['type'] == 'span':
                    keys |= set(span)
                    order[tuple(span)] = path
    return keys, order


def in_order(order, manual):
    """Keys come as the manual has them."""
    place = {key: i for i, key in enumerate(manual)}
    return [(path, a, b) for keys, path in order.items() for a, b in zip(keys, keys[1:])
            if place.get(a, 0) > place.get(b, 0)]


def main():
    fields, aliases = of_filter()
    manual, table = of_manual(), of_table()
    seen, order = of_goldens()
    check(len(fields) > 50 and len(table) > 20,
          f'{len(fields)} fields, {len(table)} of them attributes')
    check(set(manual) - NO_FIELDS == fields,
          'each key of the manual is a field, and each field a key',
          f'not in the manual: {sorted(fields - set(manual))}',
          f'no fields: {sorted(set(manual) - NO_FIELDS - fields)}')
    check(seen <= set(manual), 'the manual has all keys that JSON shows',
          sorted(seen - set(manual)))
    check(len(seen) > 50, f'{len(seen)} of them were shown')
    check(not in_order(order, manual), 'in the order of the manual', *in_order(order, manual)[:5])
    check(set(table) <= fields, 'each attribute is a field', sorted(set(table) - fields))
    wrong = [f'{k}: {otel}' for k, otel in table.items() if otel and
             otel not in manual[k].split(', ')]
    check(not wrong, "OpenTelemetry's names of attributes are those of the manual", *wrong)
    for key in sorted(seen - NO_FIELDS - {'tls', 'time'}):
        p = subprocess.run([ZCTRACE, '-q', '-r', os.path.join(GOLDEN, 'rpc.pcapng'), '-o', 'json',
                            '-f', key],
                           capture_output=True, text=True, check=False)
        spans = [json.loads(line) for line in p.stdout.splitlines()]
        wrong = [s for s in spans if s['type'] == 'span' and key not in s]
        n = sum(key in json.loads(line) for line in read('tests/golden/rpc.json').splitlines()
                if '"type":"span"' in line)
        if not (p.returncode == 0 and not wrong and len(spans) == n + 1):
            check(False, f'--filter {key}: spans that have it', p.stderr,
                  f'{len(spans) - 1} spans, not {n}')
    check(aliases and all(f'.Cm {a}' in read('man/zctrace.1') or
                          f' , {a}' in read('man/zctrace.1') or
                          f'{a} ,' in read('man/zctrace.1') for a in aliases),
          'the manual has the words of durations', aliases)
    return done()


sys.exit(main())
