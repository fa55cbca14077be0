"""What the test programs have in common that report in TAP by hand."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ZCTRACE = os.environ.get('ZCTRACE', os.path.join(ROOT, 'zctrace'))
ASAN = os.path.join(ROOT, 'build', 'asan', 'zctrace')
_count = _failed = 0


def check(passed, name, *why):
    """One line; why: shown where it failed."""
    global _count, _failed
    _count += 1
    _failed += not passed
    print(f'{"" if passed else "not "}ok {_count} - {name}', flush=True)
    for line in why if not passed else ():
        for part in str(line).split('\n'):
            print(f'# {part}')
    return passed


def skip(name, reason):
    global _count
    _count += 1
    print(f'ok {_count} - {name} # skip {reason}', flush=True)


def done():
    """The plan; returns the exit status."""
    print(f'1..{_count}')
    return _failed > 0


def read(name):
    """A text file of the tree."""
    with open(os.path.join(ROOT, name), encoding='utf-8') as f:
        return f.read()
