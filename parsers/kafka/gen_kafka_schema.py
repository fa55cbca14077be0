#!/usr/bin/env python3
"""Writes kafka_schema.h from the message definitions that are in kafka-clients' archives.

usage: gen_kafka_schema.py OLDER.jar NEWER.jar >kafka_schema.h

Newer releases leave out old versions of messages, which are still spoken: what the older archive
says counts for those that the newer one does not have any more.
"""
import json
import re
import sys
import zipfile

SIZES = {'bool': 1, 'int8': 1, 'int16': 2, 'uint16': 2, 'int32': 4, 'uint32': 4, 'int64': 8,
         'float64': 8}
WHAT = {  # names of fields that something is made of
    'ErrorCode': 'ERROR', 'ThrottleTimeMs': 'THROTTLE', 'Acks': 'ACKS', 'MaxWaitMs': 'WAIT',
    'MaxWaitTimeMs': 'WAIT', 'RebalanceTimeoutMs': 'WAIT', 'SessionEpoch': 'EPOCH',
    'TopicId': 'TOPIC_ID',
    'PartitionIndex': 'PARTITION', 'Partition': 'PARTITION', 'Index': 'PARTITION',
}
ENTITY = {'topicName': 'TOPIC', 'groupId': 'GROUP', 'transactionalId': 'TRANSACTION'}


def load(path):
    out = {}
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            if not re.match(r'common/message/\w+(Request|Response)\.json$', name):
                continue
            text = re.sub(r'^\s*//.*$', '', z.read(name).decode(), flags=re.M)
            d = json.loads(re.sub(r'\s//[^"\n]*$', '', text, flags=re.M))
            if d['type'] in ('request', 'response') and d['validVersions'] != 'none':
                out[d['apiKey'], d['type']] = d
    return out


def versions(s, top=255):
    if s == 'none':
        return 1, 0
    m = re.match(r'(\d+)(?:-(\d+)|(\+))?$', s)
    lo = int(m.group(1))
    return lo, int(m.group(2)) if m.group(2) else top if m.group(3) else lo


def rows(fields, structs, flex, inherited=(0, 255)):
    out = []
    for f in fields:
        lo, hi = versions(f['versions'])
        lo, hi = max(lo, inherited[0]), min(hi, inherited[1])
        tagged = versions(f['taggedVersions']) if 'taggedVersions' in f else None
        if tagged:  # it is skipped there with all that are tagged
            hi = min(hi, tagged[0] - 1)
        if lo > hi:
            continue
        kind, inner = f['type'], f.get('fields')
        array = kind.startswith('[]')
        kind = kind[2:] if array else kind
        inner = inner or structs.get(kind)
        what = ENTITY.get(f.get('entityType')) or WHAT.get(f['name'], 'NONE')
        if array:
            out.append(('ARRAY', 'NONE', lo, hi))
        if inner:
            nullable = 'nullableVersions' in f and not array
            out.append(('OPTIONAL' if nullable else 'STRUCT', 'NONE', lo, hi))
            out += rows(inner, structs, flex, (lo, hi))
            out.append(('END', 'NONE', lo, hi))
        elif kind in SIZES:
            out.append((f'FIXED{SIZES[kind]}', what, lo, hi))
        elif kind == 'uuid':
            out.append(('FIXED16', what, lo, hi))
        else:
            if kind == 'string' and what not in ('TOPIC', 'GROUP', 'TRANSACTION'):
                what = 'NONE'
            names = {'string': 'STRING', 'bytes': 'BYTES', 'records': 'RECORDS'}
            out.append((names[kind], what, lo, hi))
        if array:
            out.append(('CLOSE', 'NONE', lo, hi))
    return out


def table(d):
    structs = {s['name']: s['fields'] for s in d.get('commonStructs', [])}
    return rows(d['fields'], structs, d['flexibleVersions'])


def at(table_rows, v):
    return [r[:2] for r in table_rows if r[2] <= v <= r[3]]


def merged(old, new):
    """Rows for the versions of both."""
    if not old or not new:
        return table(old or new)
    a, b = table(old), table(new)
    lo, hi = versions(old['validVersions'])
    first = versions(new['validVersions'])[0]
    # the versions that only the older one has
    if all(at(a, v) == at(b, v) for v in range(lo, hi + 1)):
        return b
    cut = [(k, w, x, min(y, first - 1)) for k, w, x, y in a if x < first]
    rest = [(k, w, max(x, first), y) for k, w, x, y in b if y >= first]
    return cut + rest


def main():
    old, new = load(sys.argv[1]), load(sys.argv[2])
    keys = sorted({k for k, _ in old} | {k for k, _ in new})
    print('/* Made by gen_kafka_schema.py from the definitions of Apache Kafka. Do not edit. */\n')
    print('#define R(kind, what, first, last) {KAFKA_##kind, KAFKA_IS_##what, first, last},\n')
    print('static const struct kafka_field kafka_fields[] = {')
    n, apis = 0, []
    for key in keys:
        both = []
        for kind in ('request', 'response'):
            o, w = old.get((key, kind)), new.get((key, kind))
            d = w or o
            both.append((n, d))
            table_rows = merged(o, w) + [('STOP', 'NONE', 0, 255)]
            print(f'\t/* {n}: {d["name"]} */')
            line = ''
            for k, what, lo, hi in table_rows:
                cell = f'R({k},{what},{lo},{hi})'
                if len(line) + len(cell) > 91:
                    print('\t' + line.rstrip())
                    line = ''
                line += cell + ' '
            print('\t' + line.rstrip())
            n += len(table_rows)
        o, w = old.get((key, 'request')), new.get((key, 'request'))
        valid = [versions(d['validVersions']) for d in (o, w) if d]
        flexible = versions((w or o)['flexibleVersions'])
        name = (w or o)['name'].removesuffix('Request')
        apis.append((key, name, min(v[0] for v in valid), max(v[1] for v in valid),
                     flexible[0] if flexible[0] <= flexible[1] else 255, both[0][0], both[1][0]))
    print('};\n#undef R\n\nstatic const struct kafka_api kafka_apis[] = {')
    for key, name, lo, hi, flex, req, resp in apis:
        print(f'\t{{{key}, {lo}, {hi}, {flex}, {req}, {resp}, "{name}"}},')
    print('};')


main()
