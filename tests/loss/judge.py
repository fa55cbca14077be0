"""judge.py - what zctrace says of conversations, against what is true of them

A span is false if it says something that is not so, and has no word of doubt in `incomplete`. In
HTTP/2, whose streams have numbers, what a doubted span says of its exchange has to be so, too.
"""
import ipaddress
import json
import re
import subprocess
from collections import Counter

from tcp import first_seen


class Case:
    """One conversation: a Talk, how it went over the wire, and what the capture has of it."""

    def __init__(self, talk, conv):
        self.talk, self.conv = talk, conv
        self.packets = conv.captured()
        self.sent = [len(h.sent) for h in conv.host]
        self.client = str(ipaddress.ip_address(conv.addr[0][0])), conv.addr[0][1]
        self.seen = [sorted(((seq - conv.host[d].isn - 1) & 0xffffffff,
                             ((seq - conv.host[d].isn - 1) & 0xffffffff) + len(data))
                            for _, way, _, seq, _, data in self.packets if data and way == d)
                     for d in (0, 1)]
        self.by_rid = {x.rid: x for x in talk.exchanges}
        self.by_stream = {x.stream: x for x in talk.exchanges if x.stream}

    def exchange_of(self, span):
        if self.by_stream:
            return self.by_stream.get(span.get('stream'))
        return self.by_rid.get(rid(span, 'req')) or self.by_rid.get(rid(span, 'resp'))

    def touched(self, x):
        """Is anything of it missing in the capture?"""
        for d, (begin, end) in enumerate((x.req, x.resp)):
            if begin is None or end is None or end > self.sent[d]:
                return True
            pos = begin
            for start, stop in self.seen[d]:
                if start <= pos < stop:
                    pos = stop
            if pos < end:
                return True
        return False

    def cut_by_sender(self, x):
        """Did one of its messages end before its end, for everybody?"""
        return any(end is not None and end > self.sent[d]
                   for d, (_, end) in enumerate((x.req, x.resp)))

    def done(self, x):
        """Was the response sent to its end?"""
        if x.until_close and self.conv.host[1].fin_at is None:
            return False
        if x.resp[1] is None or self.sent[1] < x.resp[1]:
            return False
        # what neither arrived nor is in the capture is as if it had not been sent
        return self.conv.host[0].got >= x.resp[1] or any(stop >= x.resp[1]
                                                         for _, stop in self.seen[1])


def run(binary, pcap, timeout=120):
    """The spans of a capture by (client address, port), and the text of standard error."""
    p = subprocess.run([binary, '-r', pcap, '-o', 'json', '--no-redact', '--header', 'x-rid'],
                       capture_output=True, timeout=timeout, check=False)
    spans = {}
    for line in p.stdout.splitlines():
        o = json.loads(line)
        if o.get('type') == 'span' and 'CONNECT' not in (o.get('db_operation'),
                                                         o.get('messaging_operation')):
            spans.setdefault((o.get('client_addr'), o.get('client_port')), []).append(o)
    return spans, p.returncode, p.stderr.decode('utf-8', 'replace')


def rid(span, which):
    if 'db_operation' in span:      # in the statement, or key; answers have but a size
        found = re.search(r'\b[xk](\d+)[-_](\d+)\b', span.get('db_query', ''))
        return '-'.join(found.groups()) if found and which == 'req' else None
    if span['protocol'] in ('fastcgi', 'mqtt'):
        found = re.search(r'/x(\d+-\d+)$', span.get('path', span.get('messaging_destination', '')))
        return found[1] if found and which == 'req' else None
    value = span.get(f'{which}_headers', {}).get('x-rid')
    return ' and '.join(value) if isinstance(value, list) else value    # of several heads


def undelivered(case, x):
    """Its response went by, and its client had reset the connection: a reset is right, too."""
    client = case.conv.host[0]
    return client.dead and case.done(x) and client.got < x.resp[1]


def wrong_error(case, x, span):
    error, done = span.get('error'), case.done(x)
    if undelivered(case, x):
        return None
    if error in ('status', 'timeout'):
        error = None
    if x.cancelled:
        return None if error in (None, 'reset') else f'error={error} of a stream that was cancelled'
    if done and error and not x.early:
        return f'error={error}, though it was answered'
    if not done and not error:
        return 'no error, though it was not answered to the end'
    if error == 'protocol':
        return 'error=protocol, though all was well'
    if error == 'reset' and not case.conv.was_reset:
        return 'error=reset without a reset'
    return None


def wrong_time(case, x, span):
    """Duration from the first octet of the request to the last one of the response."""
    conv = case.conv
    begin = first_seen(case.packets, conv.host[0].isn, 0, x.req[0])
    end = first_seen(case.packets, conv.host[1].isn, 1, x.resp[1] - 1)
    if begin is None or end is None:
        return 'a duration between octets that were not seen'
    if 'duration_ns' in span and abs(span['duration_ns'] / 1e9 - max(0, end - begin)) > 1e-6:
        return f"duration {span['duration_ns'] / 1e9:.6f} instead of {end - begin:.6f}"
    return None


def falsehood(case, span, shown):
    """What is false of a span without a doubt; None: nothing."""
    asked, answered = rid(span, 'req'), rid(span, 'resp')
    x = case.exchange_of(span)
    if x is None:
        return 'invented', asked or answered or span.get('method')
    if case.by_stream:          # the names of fields may lie in what was not seen
        asked = asked or x.rid
    if asked != x.rid or answered and answered != asked:
        return 'wrong pair', f'{asked} with {answered}'
    if asked in shown:
        return 'twice', asked
    shown.add(asked)
    reset = span.get('error') == 'reset' and not span.get('status') and case.conv.host[0].dead
    unanswered = reset and (undelivered(case, x) or not case.done(x))
    for key, want in (('method', x.method), ('path', x.path), ('stream', x.stream),
                      ('protocol', None if unanswered else x.protocol)):
        if want is not None and span.get(key) != want:
            return f'wrong {key}', f'{span.get(key)} instead of {want}'
    done = case.done(x)
    if span.get('status') != x.status and (span.get('status') or done and not unanswered):
        return 'wrong status', f"{span.get('status')} instead of {x.status}"
    if x.grpc is not None and done and span.get('grpc_status') != x.grpc:
        return 'wrong status', f"gRPC {span.get('grpc_status')} instead of {x.grpc}"
    error = wrong_error(case, x, span)
    if error:
        return 'wrong error', error
    if not done or x.cancelled or span.get('error') == 'reset':
        return None
    for key, want in x.sizes.items():
        if key in span and span[key] != want:
            return 'wrong size', f'{key}={span[key]} instead of {want}'
    error = wrong_time(case, x, span) if x.lasts else None
    return ('wrong time', error) if error else None


# a doubt that lets a member be wrong
OPEN_TO = {'protocol': ('protocol-inferred', 'request-not-seen', 'lost-events'),
           'grpc_status': ('protocol-inferred',)}


def said_in_doubt(case, span):
    """What is false of a doubted span of a stream, though its doubt is about something else. What
    is not there is unknown, and not false."""
    x = case.exchange_of(span)
    if x is None:
        return ('invented', span['stream']) if span.get('stream') else None
    for key, want in (('method', x.method), ('path', x.path), ('status', x.status),
                      ('protocol', x.protocol), ('grpc_status', x.grpc)):
        if key in span and want is not None and span[key] != want and \
                not set(OPEN_TO.get(key, ())) & set(span['incomplete']):
            return f'{key} in doubt', f"{span[key]} instead of {want}, {span['incomplete']}"
    asked, answered = rid(span, 'req'), rid(span, 'resp')
    if asked not in (None, x.rid) or answered not in (None, x.rid):
        return 'pair in doubt', f'{asked} with {answered}'
    return None


class Verdict:
    """What was found in a number of conversations."""

    def __init__(self):
        self.conversations = self.exchanges = self.spans = self.doubted = self.right = 0
        self.needless = 0           # of the doubted: all of it is in the capture
        self.lacking = 0            # exchanges that are all in the capture and have no span
        self.false = Counter()
        self.doubts = Counter()
        self.examples = []          # (case, kind, detail, span)
        self.bad_conversations = 0

    def says_what_is(self, case, span):
        """Its only doubt is no doubt: a head that was long, or that was not sent to its end."""
        x = case.exchange_of(span) or case.talk.exchanges[-1]   # so early that its id is not there
        return span['incomplete'] == ['truncated-head'] and (
            'big-head' in case.talk.kinds or case.cut_by_sender(x))

    def add(self, case, spans):
        shown, bad = set(), 0
        self.conversations += 1
        self.exchanges += len(case.talk.exchanges)
        for span in spans:
            self.spans += 1
            if span.get('incomplete'):
                if not self.says_what_is(case, span):
                    self.doubted += 1
                    x = case.exchange_of(span)
                    self.needless += x is not None and not case.touched(x)
                self.doubts[','.join(span['incomplete'])] += 1
                f = said_in_doubt(case, span) if case.by_stream else None
            else:
                f = falsehood(case, span, shown)
                self.right += not f
            if f:
                bad += 1
                self.false[f[0]] += 1
                self.examples.append((case, f[0], f[1], span))
        self.bad_conversations += bad > 0
        told = {case.exchange_of(span) for span in spans}
        self.lacking += sum(x not in told and case.done(x) and not case.touched(x)
                            for x in case.talk.exchanges)

    @property
    def share(self):
        return 100 * self.doubted / self.spans if self.spans else 0.0

    def __str__(self):
        return (f'{self.conversations:6} conversations {self.exchanges:6} exchanges '
                f'{self.spans:6} spans {self.share:5.1f} % doubted, '
                f'{100 * self.needless / max(1, self.spans):4.1f} % without need, '
                f'{self.lacking} lacking; {self.bad_conversations} with false: {dict(self.false)}')
