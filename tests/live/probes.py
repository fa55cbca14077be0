"""What zctrace has put into the kernel and into the code of its targets."""
import contextlib
import json
import os
import re
import subprocess

from lib import Skip, need


def held_by(pid, kind):
    """Ids of what of BPF this process holds: of programs 'prog', of maps 'map'."""
    ids = set()
    for fd in os.listdir(f'/proc/{pid}/fdinfo'):
        with contextlib.suppress(OSError), open(f'/proc/{pid}/fdinfo/{fd}', encoding='ascii') as f:
            ids |= {int(n) for n in re.findall(rf'^{kind}_id:\s*(\d+)', f.read(), re.M)}
    return ids


def programs_of(pid):
    return held_by(pid, 'prog')


def keys_of(pid, name):
    """The keys, as lists of bytes, of the first map of that name that this process holds."""
    need('bpftool')
    for number in held_by(pid, 'map'):
        p = subprocess.run(['bpftool', '-j', 'map', 'show', 'id', str(number)],
                           capture_output=True, text=True)
        if f'"name":"{name}"' not in p.stdout:
            continue
        p = subprocess.run(['bpftool', '-j', 'map', 'dump', 'id', str(number)],
                           capture_output=True, text=True)
        return [entry['key'] for entry in json.loads(p.stdout)]
    raise Skip(f'bpftool does not show {name}')


def programs_alive(ids):
    """Those of the programs that are still in the kernel."""
    need('bpftool')
    p = subprocess.run(['bpftool', '-j', 'prog', 'show'], capture_output=True, text=True)
    try:
        return ids & {x['id'] for x in json.loads(p.stdout)}
    except json.JSONDecodeError as e:
        raise Skip(f'bpftool: {p.stderr.strip()[:80]}') from e


def hooks_of(ids):
    """Those of the programs that a control group's hooks still hold."""
    p = subprocess.run(['bpftool', '-j', 'cgroup', 'tree'], capture_output=True, text=True)
    return ids & {int(n) for n in re.findall(r'"id":(\d+)', p.stdout)}


def breakpoints(pid, name):
    """How many octets of the code of a mapped file differ from that file: uprobes are what does
    that."""
    differ = 0
    with open(f'/proc/{pid}/maps', encoding='ascii') as f:
        rows = [x.split() for x in f if name in x and x.split()[1] == 'r-xp']
    for row in rows:
        begin, end = (int(x, 16) for x in row[0].split('-'))
        with open(f'/proc/{pid}/mem', 'rb') as mem, open(f'/proc/{pid}/map_files/{row[0]}',
                                                         'rb') as file:
            mem.seek(begin)
            file.seek(int(row[2], 16))
            a, b = mem.read(end - begin), file.read(end - begin)
        differ += sum(x != y for x, y in zip(a, b)) if a != b else 0
    if not rows:
        raise AssertionError(f'{name} is not mapped by {pid}')
    return differ
