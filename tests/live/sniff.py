"""tcpdump for taking captures, tshark for a second opinion on what is in them."""
import subprocess

from lib import Skip, need, wait_for


class Tcpdump:
    """tcpdump in the background; stop() ends it when it has seen all, and returns the file."""

    def __init__(self, t, name, *args, interface='lo', expression='', prefix=()):
        need('tcpdump')
        self.t, self.path, self.err = t, t.path(name), t.path(name + '.err')
        with open(self.err, 'wb') as err:
            # -Z root: it must be able to write below a directory of ours
            self.p = t.start([*prefix, 'tcpdump', '-U', '-n', '-B', '8192', '-Z', 'root', '-i',
                              interface, *args, '-w', self.path, *expression.split()], stderr=err)
        if not wait_for(lambda: 'listening on' in self._said() or self.p.poll() is not None, 5):
            raise Skip('tcpdump does not begin')
        if self.p.poll() is not None:
            raise Skip(f'tcpdump: {self._said().strip()}')

    def _said(self):
        with open(self.err, encoding='utf-8', errors='replace') as f:
            return f.read()

    def stop(self):
        # its buffer is handed over when it fills up or a second has passed
        subprocess.run(['sleep', '1.1'])
        self.p.terminate()
        self.p.wait()
        if '0 packets dropped by kernel' not in self._said():
            raise Skip(f'tcpdump lost packets: {self._said()}')
        return self.path


def tshark_http(t, path, port, *args):
    """All HTTP heads on this port in a capture: (requests, responses) as dicts, in order."""
    need('tshark')
    fields = ('tcp.stream', 'http.request.method', 'http.request.uri', 'http.response.code',
              'http.content_length', 'http.request_number', 'http.response_number')
    p = t.run(['tshark', '-r', path, '-d', f'tcp.port=={port},http', '-Y',
               f'tcp.port=={port} and (http.request or http.response)', '-T', 'fields',
               '-o', 'tcp.desegment_tcp_streams:TRUE', '-o', 'http.desegment_headers:TRUE', *args,
               *[x for f in fields for x in ('-e', f)], '-E', 'occurrence=a', '-E',
               'aggregator=\x01'])
    requests, responses = [], []
    for line in p.stdout.splitlines():
        # several heads in one frame (pipelining) come as lists; lengths cannot be told apart then
        stream, method, uri, code, length, *_ = line.split('\t')
        methods, uris, codes = (x.split('\x01') if x else [] for x in (method, uri, code))
        lengths = length.split('\x01') if length else []
        sure = len(methods) + len(codes) == 1
        for m, u in zip(methods, uris):
            requests.append({'stream': stream, 'method': m, 'uri': u,
                             'length': lengths[0] if sure and lengths else None})
        for c in codes:
            responses.append({'stream': stream, 'code': c,
                              'length': lengths[0] if sure and lengths else None})
    return requests, responses
