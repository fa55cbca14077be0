#!/usr/bin/env python3
"""Every option of --help is in the manual and in the three completions, and they have no others."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, ZCTRACE, check, done, read  # noqa: E402


def from_help():
    """{(short or None, long, must have a value)}"""
    p = subprocess.run([ZCTRACE, '--help'], capture_output=True, text=True, check=True)
    found = re.findall(r'^ {2,6}(?:-(\S), )?--([a-z-]+)(=?)', p.stdout, re.M)
    return {(s or None, long, bool(value)) for s, long, value in found}


def from_manual():
    options = set()
    for line in read('man/zctrace.1').splitlines():
        m = re.match(r'\.It Fl (?:(\\&\?|\S) (?:Ar \S+ )?, Fl )?Fl ([a-z][a-z-]*)'
                     r'( Ns = Ns (?:Oo .* Oc Ns )?Ar \S+)?(?: Ns Op = Ns Ar \S+)?$', line)
        if m:
            short = m.group(1) and m.group(1).replace('\\&', '')
            options.add((short or None, m.group(2), bool(m.group(3))))
    return options


def from_bash():
    words = re.search(r"words='(--port=.*?)'", read('completions/zctrace.bash'),
                      re.S).group(1).split()
    longs = {(w[2:].rstrip('='), w.endswith('=')) for w in words if w.startswith('--')}
    return longs, {w[1] for w in words if not w.startswith('--')}


def from_zsh():
    options = set()
    for line in read('completions/_zctrace').splitlines():
        line = line.strip().rstrip('\\').strip()
        m = re.match(r"'[^']*'\{-(\\?\S),--([a-z-]+)(=?)\}'\[", line)
        if m:
            options.add((m.group(1).replace('\\', ''), m.group(2), bool(m.group(3))))
            continue
        m = re.match(r"'(?:\([^)]*\)|\*)?--([a-z-]+)(=(?!-))?(?:=-)?\[", line)
        if m:
            options.add((None, m.group(1), bool(m.group(2))))
    return options


def from_fish():
    options = set()
    for line in read('completions/zctrace.fish').splitlines():
        m = re.match(r"complete -c zctrace (?:-s '?(\S?)'? )?-l (\S+)( -[xr])?", line)
        if m:
            options.add((m.group(1) or None, m.group(2), bool(m.group(3))))
    return options


def compare(name, got, want):
    check(got == want, name, f'missing: {sorted(map(str, want - got))}',
          f'not in --help: {sorted(map(str, got - want))}')


def completed(line):
    """What bash offers for the last word of the line."""
    words = ' '.join(f"'{w}'" for w in line)
    script = (f'source completions/zctrace.bash; compopt() {{ :; }}; ss() {{ printf '
              '"LISTEN 0 5 127.0.0.1:21800 *:*\\nLISTEN 0 5 [::]:443 [::]:*\\n"; }; '
              'pgrep() { [[ $2 == ^ngin ]] && printf "12\\n34\\n"; }; '
              f'COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _zctrace; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    return subprocess.run(['bash', '-c', script], capture_output=True, text=True, cwd=ROOT,
                          check=False).stdout.split()


def completions():
    for line, want in ((['-P', '21'], ['21800']), (['-P', '80,21'], ['80,21800']),
                       (['-P21'], ['-P21800']), (['-p', 'ngin'], ['12', '34']),
                       (['-f', 'sta'], ['status'])):
        got = completed(['zctrace', *line])
        check(got == want, f'bash: {" ".join(line)}', got)
    words = re.search(r"_zctrace_filter='(.*?)'", read('completions/zctrace.bash'), re.S).group(1)
    for other in ('_zctrace', 'zctrace.fish'):
        check(' '.join(words.split()) in read('completions/' + other),
              f'{other}: the same words of filters')
    demo = os.path.join(ROOT, 'tests', 'golden', 'nginx-keep-alive.pcap')
    for word in words.split():
        expr = 'not root' if word == 'not' else word
        p = subprocess.run([ZCTRACE, '-q', '-r', demo, '-o', 'json', '-f', expr],
                           capture_output=True, text=True, check=False)
        check(p.returncode == 0, f'which is one: {word}', p.stderr)


def rendering():
    """What mandoc and groff set differently, or wrongly: several words in one pair of quotes."""
    lines = read('man/zctrace.1').split('\n')
    bad = [line for line in lines if re.match(r'\.(Pq )?Ql \S+ , \S', line)]
    check(not bad, 'the manual quotes each word by itself', *bad)
    bad = [line for line in lines if re.match(r'\.It Fl Fl Ar', line)]
    check(not bad, 'and has no option that there is not', *bad)


def main():
    completions()
    rendering()
    options = from_help()
    check(len(options) > 25, f'--help has {len(options)} options')
    compare('the manual has the same options', from_manual(), options)
    longs, shorts = from_bash()
    compare('bash: the same long options', longs, {(o[1], o[2]) for o in options})
    compare('bash: the same short options', shorts, {o[0] for o in options if o[0]})
    compare('zsh: the same options', from_zsh(), options)
    compare('fish: the same options', from_fish(), options)

    p = subprocess.run([ZCTRACE, '--version'], capture_output=True, text=True)
    check(p.returncode == 0 and re.fullmatch(r'zctrace \d+\.\d+\.\d+( \([0-9a-f]{12}\+?\))?\n',
                                             p.stdout),
          '--version tells a version', repr(p.stdout))
    p = subprocess.run([ZCTRACE, '--usage'], capture_output=True, text=True)
    check(p.returncode == 0 and all('--' + o[1] in p.stdout for o in options),
          '--usage has all long options')
    return done()


sys.exit(main())
