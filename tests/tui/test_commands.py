#!/usr/bin/env python3
"""What ':' takes, the configuration, a span into the clipboard, the mouse."""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t


def command(term, text):
    term.press(':')
    term.type(text)
    return term.press('Enter')


def window_and_more(path):
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30)) as term:
        term.to_end()
        s = term.press(':')
        t.check('Tab: commands' in s, ': says what there is', s)
        term.type('wi')
        s = term.press('Tab')
        t.check(':window' in s and '5s to 5m' in s, 'Tab completes, and says what it takes', s)
        term.type('10s')
        s = term.press('Enter')
        t.check('P99 10s' in s, ':window', s)
        s = command(term, 'window 1h')
        t.check('a time from 5s to 5m, or all' in s, 'what is wrong is told', s)
        s = term.press('Escape')
        t.check('P99 10s' in s, 'and changes nothing', s)
        s = command(term, 'group service')
        t.check(re.search('^KIND +SERVICE', s, re.M), ':group', s)
        command(term, 'group route')
        s = command(term, 'columns KIND, ROUTE, P99')
        head = next(line for line in s.split('\n') if line.startswith('KIND'))
        t.check(head.split() == ['KIND', 'ROUTE', 'P99', '10s'], ':columns', head, s)
        s = command(term, 'columns all')
        t.check('COUNT' in s, 'and all of them again', s)
        s = command(term, 'sort p99')
        t.check('P99▼' in s or 'P99 10s▼' in s or 'P99 10▼' in s, ':sort', s)
        s = command(term, 'filter status >= 500')
        t.check('/status >= 500' in s, ':filter', s)
        s = command(term, 'filter status >= ')
        t.check('a value is missing' in s, 'a wrong one is told', s)
        term.press('Escape')
        s = command(term, 'nonsense')
        t.check("there is no 'nonsense'" in s, 'what there is not', s)
        term.press('Escape')
        before = term.settled(color=True)
        command(term, 'theme contrast')
        after = term.settled(color=True)
        t.check(before != after and re.sub('\x1b[^m]*m', '', before).split('\n')[2:-2] ==
                re.sub('\x1b[^m]*m', '', after).split('\n')[2:-2], ':theme changes colours only')
        s = command(term, 'headers ' + ','.join(f'x-{i}' for i in range(17)))
        t.check('at most 16 names' in s, 'more than there is room for is told', s)
        term.press('Escape')
        command(term, 'theme mono')
        t.check('38;5' not in term.settled(color=True), 'mono has none')
        command(term, 'quit')
        t.check('[0]' in term.wait(r'\[0\]'), ':quit')


def clearing(path):
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30)) as term:
        term.to_end()
        s = term.press('u')
        t.check('nothing was cleared' in s, 'u without c', s)
        s = term.press('Z')
        t.check('Z is no key here' in s, 'a key without a meaning says so', s)
        s = term.press('w')
        t.check(re.search(rf'saved \d+ lines? to {term.folder}/zctrace-\d+-\d+\.jsonl', s),
                'w says which folder it saves in', s)
        term.press('e')
        before = figures(term.press('Escape'))
        s = term.press('c')
        t.check(not re.search('[▁-█]', s), 'with all that was above the routes', s)
        t.check('cleared; u' in s and not figures(s), 'c clears, and says how to undo that', s)
        s = term.press('2')
        t.check('GET' not in s, 'spans, too', s)
        s = term.press('u')
        t.check('is back' in s and 'GET' in s, 'u brings them back', s)
        s = term.press('1')
        t.check(figures(s) == before, 'and all figures', before, s)


def figures(screen):
    return [line for line in screen.split('\n') if re.match('(serv|hop|clnt) ', line)]


def fields(path):
    """Groups by any field, of heads, too, which a replay then shows from its beginning."""
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30)) as term:
        term.to_end()
        term.press('o')
        term.press('f')
        term.type('header.host')
        s = term.press('Enter')
        t.check('may be secret' in s, 'a field that may be secret', s)
        term.press('Escape')
        command(term, 'group header.user-agent')
        s = term.wait(r'header\.user-agent[\s\S]*\nserv +(?!\(none).* 1\d\d ')
        t.check(re.search(r'^KIND +header\.user-agent', s, re.M) and 'GET' not in s,
                'by a header field, of all requests', s)
        s = command(term, 'group runtime')
        t.check(re.search(r'^KIND +runtime.*\nserv +generic ', s, re.M), 'by a field of spans', s)
        s = term.press('O')
        t.check('by ' in s and not re.search('^KIND +runtime', s, re.M), 'and by others again', s)
        s = command(term, 'filter header.user-agent contains zzz')
        t.check('do not match' in s, 'a filter by a header field, too', s)


def again(term):
    term.press('{')
    term.wait('0:00')
    return term.to_end()


def completed(term, text):
    term.press(':')
    term.type(text)
    return term.press('Tab')


def completing(path):
    """Fields behind :group and :filter, and header fields that were seen."""
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30)) as term:
        term.to_end()
        s = completed(term, 'group runt')
        t.check(':group runtime' in s, 'Tab: a field', s)
        s = term.press('Enter')
        t.check(re.search(r'^KIND +runtime', s, re.M), 'and a blank behind it is none', s)
        s = completed(term, 'group s')
        t.check('service  status' in s and 'duration' not in s, 'what groups are made of', s)
        term.press('Escape')
        s = completed(term, 'group hea')
        t.check(re.search(r'^:group header\.$', s, re.M), 'header fields', s)
        s = term.press('Tab')
        t.check('no header fields are kept so far' in s, 'of which there are none yet', s)
        term.press('Escape')
        s = completed(term, 'filter durat')
        t.check('duration  duration_ns' in s, 'fields of a filter', s)
        term.press('Escape')
        command(term, 'headers on')
        again(term)
        s = completed(term, 'group header.')
        t.check('header.accept-encoding  header.server' in s and 'host' not in s,
                'those that were seen, without what may be secret', s)
        term.type('se')
        s = term.press('Tab')
        t.check(':group header.server' in s, 'and the one that is meant', s)
        s = term.press('Enter')
        t.check(re.search(r'^KIND +header\.server', s, re.M) and 'nginx/' in s, 'which groups', s)
        term.press('/')
        term.type('header.hos')
        s = term.press('Tab')
        t.check('/header.host' in s, 'to filter by, all of them', s)


def settings(path, folder):
    """What is made of what comes; a replay shows it from its beginning."""
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30)) as term:
        s = term.to_end()
        t.check('/orders/{id}' in s and '/reports/daily' in s, 'routes at first', s)
        s = command(term, 'unmatched path')
        t.check('from now on; {' in s, ':unmatched', s)
        s = command(term, 'route /reports/{what}')
        t.check('from now on' in s, ':route', s)
        s = again(term)
        t.check('/reports/{what}' in s and '/reports/daily' not in s and '/orders/{id}' not in s and
                re.search(r'/orders/\d', s), 'the routes of all that came since', s)
        command(term, 'unmatched heuristic')
        s = again(term)
        t.check('/orders/{id}' in s and '/reports/{what}' in s, 'and back', s)
        for typed, told in (('unmatched x', 'one of heuristic, path, wildcard'),
                            ('route /a/{', '{'), ('route', 'a value is missing'),
                            ('names x', 'one of'), ('resolve', 'a value is missing'),
                            ('resolve x', 'on or off')):
            s = command(term, typed)
            t.check(told in s and 'from now on' not in s, f':{typed} is told to be wrong', s)
            term.press('Escape')
        s = command(term, 'resolve on')
        t.check('from now on' in s, ':resolve on', s)
        s = command(term, 'resolve off')
        t.check('from now on' in s and 'GET' in s, 'and off', s)
    graphql(folder)


def graphql(folder):
    sys.path.insert(1, os.path.join(os.path.dirname(t.HERE), 'cli'))
    import capture as c  # pylint: disable=import-outside-toplevel
    p = c.Packets()
    body = b'{"query":"query Basket { items }"}'
    head = (b'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
            b'Content-Length: %d\r\n\r\n' % len(body))
    c.Conversation(p).exchange(head + body, c.OK)
    p.pcap(os.path.join(folder, 'graphql.pcap'))
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'graphql.pcap'], (120, 30), folder) as term:
        s = term.to_end()
        t.check('Basket' in s, 'a name within HTTP', s)
        command(term, 'names off')
        s = again(term)
        t.check('/graphql' in s and 'Basket' not in s, ':names off', s)
        command(term, 'names graphql')
        s = again(term)
        t.check('Basket' in s, ':names graphql', s)


def keeping(path):
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30)) as term:
        term.to_end()
        for typed, told in (('memory 1k', 'from 1M to 4G'), ('memory', 'from 1M to 4G'),
                            ('memory 1T', 'from 1M to 4G'), ('keep x', 'a number of spans'),
                            ('keep', 'a number of spans')):
            s = command(term, typed)
            t.check(told in s, f':{typed} is told to be wrong', s)
            term.press('Escape')
        command(term, 'memory 1MiB')
        s = term.press('6')
        t.check('in at most 1 MiB' in s, ':memory', s)
        command(term, 'keep all')
        s = command(term, 'memory 1g')
        t.check('in at most 1024 MiB' in s, 'and back', s)


def headers(path):
    """What is kept can change, and the replay shows it from then on."""
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 40)) as term:
        term.to_end()
        s = term.press('2', 'Enter')
        t.check('header fields' not in s, 'header fields are not kept at first', s)
        term.press('Escape')
        command(term, 'headers on')
        command(term, 'body 16')
        term.press('{')
        term.wait('0:00')
        term.to_end()
        s = term.press('2', 'Enter', 'End')
        t.check('header fields' in s and re.search('Host +127.0.0.1', s, re.I), ':headers on', s)
        term.press('Escape')
        s = command(term, 'filter header.host contains 127')
        t.check('/header.host contains 127' in s and 'GET' in s, 'a filter on one', s)


def filtered_by_header(path):
    out = subprocess.run([t.ZCTRACE, '-q', '-r', path, '-o', 'json', '-f',
                          'header.HOST contains 127 and entry'], capture_output=True, text=True,
                         check=False).stdout
    spans = [json.loads(line) for line in out.splitlines()]
    t.check(len([s for s in spans if s['type'] == 'span']) > 100,
            '-f header.NAME needs no --header', out[:300])
    t.check('req_headers' not in out, 'and shows none', out[:300])


def clipboard(term):
    return term.tmux('show-buffer')


def copying(path):
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path, '--header', '*', '--body', '100'],
                (120, 30)) as term:
        term.tmux('set', '-g', 'set-clipboard', 'on')
        term.to_end()
        s = term.press('1', 'y')
        t.check('no span here' in s, 'y copies spans only', s)
        command(term, 'filter method == POST and entry')
        s = term.press('2', 'y')
        t.check('copy as  j JSON  t text  c curl' in s, 'y has a menu', s)
        s = term.press('j')
        t.check('JSON,' in s and "given to the terminal's clipboard" in s, 'what was copied', s)
        span = json.loads(clipboard(term))
        t.check(span['method'] == 'POST' and span['path'] == '/orders' and span['req_headers'],
                'as JSON, with header fields', span)
        term.press('y', 't')
        t.check(' HTTP 201 POST /orders(/orders) ' in clipboard(term), 'as text', clipboard(term))
        term.press('y', 'i')
        t.check(clipboard(term) == span['trace_id'], 'its trace id', clipboard(term))
        s = term.press('y', 'c')
        words = shlex.split(clipboard(term))
        t.check(words[0] == 'curl' and words[-1] ==
                f"http://{span['server_addr']}:{span['server_port']}/orders" and
                words[words.index('-X') + 1] == 'POST', 'as a command of curl', words)
        term.press('Enter')
        s = term.press('y', 'j')
        t.check('JSON,' in s, 'also of the span that is open', s)
        term.press('3')
        s = term.press('y', 'i')
        t.check('trace id' in s, 'and in traces', s)


def quoting(folder):
    """What came over the wire stays a word of the shell."""
    sys.path.insert(1, os.path.join(os.path.dirname(t.HERE), 'cli'))
    import capture as c  # pylint: disable=import-outside-toplevel
    p = c.Packets()
    target = "/a'b?x=$(id)&token=s3cret&y=`id`;z"
    c.Conversation(p).exchange(c.get(target), c.OK)
    os.chdir(folder)
    p.pcap('odd.pcap')
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'odd.pcap'], (120, 30), folder) as term:
        term.tmux('set', '-g', 'set-clipboard', 'on')
        term.to_end()
        term.press('2', 'y', 'c')
        line = clipboard(term)
        p = subprocess.run(['bash', '-c', f'set -- {line.strip()}; printf "%s\\n" "${{@: -1}}"'],
                           capture_output=True, text=True, check=False)
        t.check(p.stdout.strip().endswith("/a'b?x=$(id)&token=[redacted]&y=`id`;z"),
                'quotes, dollars and ticks are text, secrets are hidden', line, p.stdout, p.stderr)


def configured(path, folder):
    os.makedirs(os.path.join(folder, 'zctrace'))
    with open(os.path.join(folder, 'zctrace', 'config'), 'w', encoding='ascii') as f:
        f.write('# mine\n[options]\nwindow = 10s\ngroup = service\ntheme = light\n'
                '[columns]\nspans = STAT, METHOD, PATH\n'
                '[keys]\nF5 = 2\nx = :group client\n')
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30), XDG_CONFIG_HOME=folder) as term:
        s = term.to_end()
        t.check('P99 10s' in s and re.search('^KIND +SERVICE', s, re.M), 'options', s)
        s = term.press('x')
        t.check(re.search('^KIND +CLIENT', s, re.M), 'a key that is a command', s)
        s = term.press('F5')
        t.check(re.search('^STAT +METHOD +PATH$', s, re.M), 'a key that is another one, columns', s)
    with open(os.path.join(folder, 'zctrace', 'config'), 'a', encoding='ascii') as f:
        f.write('[keys]\nqq = 2\n[options]\nwindow = 1m\n')
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30), XDG_CONFIG_HOME=folder) as term:
        s = term.wait('is no key')
        t.check("config:12: 'qq' is no key" in s, 'what is wrong is told with its line', s)
        s = term.to_end()
        t.check('P99 1m' in s, 'and the rest counts', s)
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path, '--interval', '2s'], (120, 30),
                XDG_CONFIG_HOME=os.path.join(folder, 'none')) as term:
        t.check('zctrace' in term.to_end(), 'without one')


def remembered(path, folder):
    """:write config keeps what the user wrote, and is read the next time."""
    env = {'XDG_CONFIG_HOME': os.path.join(folder, 'new')}
    name = os.path.join(folder, 'new', 'zctrace', 'config')
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30), **env) as term:
        term.to_end()
        term.press('m', 'm')
        command(term, 'theme light')
        command(term, 'headers host,x-a')
        term.press('2')
        command(term, 'columns STAT, PATH')
        t.check(not os.path.exists(name), 'nothing is written unasked')
        s = command(term, 'write')
        t.check('config:' in s, 'what can be written is told', s)
        term.press('Escape')
        s = command(term, 'write config')
        t.check('written to the configuration' in s, ':write config', s)
    with open(name, encoding='ascii') as f:
        text = f.read()
    t.check(text == '[options]\nwindow = all\ntheme = light\nheaders = host,x-a\n'
            '[columns]\nSpans = STAT, PATH\n', 'what is not as usual', text)
    with open(name, 'w', encoding='ascii') as f:
        f.write('# mine\n[keys]\nx = :window 10s\n[options]\n# light\nTHEME=dark\nmouse = off\n'
                '[columns]\nin flight = AGE')
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30), **env) as term:
        term.to_end()
        command(term, 'theme contrast')
        command(term, 'mouse on')
        term.press('x', '2')
        command(term, 'columns STAT')
        command(term, 'write config')
    with open(name, encoding='ascii') as f:
        text = f.read()
    t.check(text == '# mine\n[keys]\nx = :window 10s\n[options]\n# light\ntheme = contrast\n'
            'mouse = on\n[columns]\nin flight = AGE\n[options]\nwindow = 10s\n'
            '[columns]\nSpans = STAT\n', 'lines of the user stay', text)
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30), **env) as term:
        s = term.to_end()
        t.check('P99 10s' in s and 'config:' not in s, 'and are read the next time', s)
        s = term.press('2')
        t.check(re.search('^STAT$', s, re.M), 'with the columns', s)
    env = {'XDG_CONFIG_HOME': '/proc/none'}
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30), **env) as term:
        term.to_end()
        s = command(term, 'write config')
        t.check('/proc/none/zctrace/config: No such file' in s, 'what fails is told', s)


def mouse(path):
    for args, on in (((), True), (('--no-mouse',), False)):
        p = t.Pty([t.ZCTRACE, '-o', 'top', '-r', path, *args], TERM='xterm-256color')
        p.wait(b'Routes')
        t.check((b'\x1b[?1000h' in p.output or b'\x1b[?1006;1000h' in p.output) == on,
                f'the mouse is {"ours" if on else "left to the terminal"}', p.output[:200])
        p.write(b'q')
        t.check(p.status() == 0, 'and it ends', p.output[-200:])
        p.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = t.recording(folder)
        window_and_more(path)
        clearing(path)
        keeping(path)
        fields(path)
        completing(path)
        settings(path, folder)
        headers(path)
        filtered_by_header(path)
        copying(path)
        quoting(folder)
        configured(path, folder)
        remembered(path, folder)
        mouse(path)
    return t.done()


sys.exit(main())
