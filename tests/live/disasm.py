"""Where functions are in a file and what their code is, by nm, readelf and objdump."""
import collections
import re
import subprocess

Insn = collections.namedtuple('Insn',
                              'va text target')  # target: of a direct call or jump, else None

# what the kernel emulates at a uprobe: push of a register, direct call and jump, nop
EMULATED = re.compile(r'(push\s+%r\w+|nop|call\s+[0-9a-f]+( <.*)?|j(?!r?cxz|ecxz)\w+\s+[0-9a-f]+( '
                      r'<.*)?)$')
# of arm64 what branches, or makes an address
EMULATED_ARM64 = re.compile(r'(b|bl|b\.\w+|cbn?z|tbn?z|br|blr|ret|adrp?)(\s|$)')
JBE = re.compile(r'(jbe|b\.ls)\s')
CALL = re.compile(r'(?:call|j\w+|bl?|b\.\w+)\s+([0-9a-f]+)\b|(?:cbn?z\s+\w+|tbn?z\s+\w+, '
                  r'#\d+),\s*([0-9a-f]+)\b')


def output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def segments(path):
    """[(address, end, file offset)]"""
    found = []
    for line in output('readelf', '-lW', path).splitlines():
        if line.split()[:1] == ['LOAD']:
            off, va, _, n = (int(x, 16) for x in line.split()[1:5])
            found.append((va, va + n, off))
    return found


class Binary:
    """A file's functions; dynamic: only those that it defines for others. Places are file
    offsets."""

    def __init__(self, path, dynamic=False, arm64=False):
        self.path, self.segments, self.arm64 = path, segments(path), arm64
        self.va, self.size = {}, {}
        for line in output('nm', '-S', '--defined-only', *(['-D'] if dynamic else []),
                           path).splitlines():
            m = re.match(r'([0-9a-f]+) (?:([0-9a-f]+) )?[TtWi] ([^@\n]+)', line)
            if m and m.group(3) not in self.va:
                self.va[m.group(3)] = int(m.group(1), 16)
                self.size[int(m.group(1), 16)] = int(m.group(2) or '0', 16)

    def offset(self, va):
        return next(va - a + off for a, end, off in self.segments if a <= va < end)

    def first(self, name):
        """The function's first instruction."""
        return self.offset(self.va[name])

    def names(self):
        """{file offset of the place to probe: names of functions}"""
        found = collections.defaultdict(set)
        for name, va in self.va.items():
            found[self.offset(va)].add(name)
        return found

    def code(self, va, n):
        """Instructions in n octets from an address on."""
        text = output('aarch64-linux-gnu-objdump' if self.arm64 else 'objdump', '-d',
                      '--no-show-raw-insn', f'--start-address={va:#x}',
                      f'--stop-address={va + n:#x}', self.path)
        found = []
        for line in text.splitlines():
            m = re.match(r'\s*([0-9a-f]+):\t(.*?)\s*(?:#.*)?$', line)
            if m:
                to = CALL.match(m.group(2))
                found.append(Insn(int(m.group(1), 16), m.group(2),
                                  int(to.group(1) or to.group(2), 16) if to else None))
        return found

    def cheap(self, va):
        """The address at which a probe of the function costs least, or None: each costs the
        same."""
        if self.arm64:
            return va if EMULATED_ARM64.match(self.code(va, 4)[0].text) else None
        for insn in self.code(va, 16)[:2]:
            if EMULATED.match(insn.text):
                return insn.va
            if insn.text != 'endbr64':
                break
        return None

    def common(self, a, b):
        """What both functions call or jump to outside themselves, if it is one."""
        calls = [{i.target for i in self.code(va, self.size[va])
                  if i.target and not va <= i.target < va + self.size[va]} for va in (a, b)]
        both = calls[0] & calls[1]
        return both.pop() if len(both) == 1 else None

    def go_place(self, va):
        """The jump of the stack check that a function of Go begins with, or the function's
        beginning."""
        insns = self.code(va, 24)[:4 if self.arm64 else 3]
        check = next((i for i, x in enumerate(insns) if JBE.match(x.text)), 0)
        return self.offset(insns[check].va)

    def only_calls(self, name, other):
        """Whether all calls and jumps of one function lead to the other, as objdump names it."""
        insns = self.code(self.va[name], self.size[self.va[name]])
        return [re.sub(r'.*<(\w+).*', r'\1', i.text) for i in insns if i.target] == [other]

    def places(self, table, inner=(), forwards=()):
        """{file offset: (kind, 0)} of the functions in table {name: kind}. inner: (functions,
        kind), where what the functions have in common is probed in their place. forwards:
        (name, other) where the first is not probed if it only calls the other and costs more."""
        table, found = dict(table), {}
        for name, other in forwards:
            if (name in self.va and other in self.va and not self.cheap(self.va[name]) and
                    self.only_calls(name, other)):
                del table[name]
        for names, kind in inner:
            va = [self.va.get(n) for n in names]
            common = None if None in va else self.common(va[0], va[1])
            if common:
                found[self.offset(self.cheap(common) or common)] = (kind, 0)
                table = {n: k for n, k in table.items() if n not in names}
        for name, kind in table.items():
            if name in self.va:
                va = self.va[name]
                found[self.offset(self.cheap(va) or va)] = (kind, 0)
        return found
