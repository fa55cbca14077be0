#!/usr/bin/env python3
"""A server of HTTP/1.1 that answers as GraphQL, JSON-RPC, MCP, language models, … do.

usage: names_server.py PORT; GraphQL is that of graphql-core where it can be imported.
"""
import gzip
import http.server
import json
import sys

try:
    import graphql
    SCHEMA = graphql.build_schema('type Query { hero(name: String): String, bad: String! } '
                                  'type Mutation { add(n: Int!): Int }')
except ImportError:
    graphql = None


class Root:
    """What the schema's fields are."""

    @staticmethod
    def hero(_info, name='x'):
        return name

    @staticmethod
    def add(_info, n):
        return n + 1

    @staticmethod
    def bad(_info):
        raise graphql.GraphQLError('hunter2-sesame', extensions={'code': 'INTERNAL'})


def of_graphql(asked):
    result = graphql.graphql_sync(SCHEMA, asked['query'], Root(),
                                  variable_values=asked.get('variables'),
                                  operation_name=asked.get('operationName'))
    out = {} if result.data is None and any(not e.path for e in result.errors or []) \
        else {'data': result.data}
    if result.errors:
        out['errors'] = [e.formatted for e in result.errors]
    return out


def of_rpc(asked):
    method = asked['method']
    out = {'jsonrpc': '2.0', 'id': asked.get('id')}
    if method in ('tools/call', 'sum'):
        return {**out, 'result': {'content': [{'type': 'text', 'text': 'hunter2-sesame'}],
                                  'isError': asked.get('id') == 13}}
    return {**out, 'error': {'code': -32601, 'message': 'hunter2-sesame'}}


def of_model(asked):
    words = 'hunter2-sesame ' * asked.get('max_tokens', 3)
    return {'id': 'c-1', 'object': 'chat.completion', 'model': asked['model'] + '-0125',
            'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': words},
                         'finish_reason': 'stop'}],
            'usage': {'prompt_tokens': len(json.dumps(asked['messages'])),
                      'completion_tokens': asked.get('max_tokens', 3), 'total_tokens': 9}}


def chunks_of(asked):
    head = {'object': 'chat.completion.chunk', 'model': asked['model'] + '-0125'}
    n = asked.get('max_tokens', 3)
    for _ in range(n):
        yield {**head, 'choices': [{'index': 0, 'delta': {'content': 'hunter2-sesame'},
                                    'finish_reason': None}]}
    yield {**head, 'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'length'}]}
    yield {**head, 'choices': [], 'usage': {'prompt_tokens': 7, 'completion_tokens': n}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = -1

    def content(self):
        if self.headers.get('Transfer-Encoding') != 'chunked':
            return self.rfile.read(int(self.headers.get('Content-Length', 0)))
        out = b''
        while True:
            n = int(self.rfile.readline(), 16)
            out += self.rfile.read(n)
            self.rfile.readline()
            if not n:
                return out

    def answer(self, what, status=200, kind='application/json', fields=()):
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        if 'squeeze' in self.path:
            body, fields = gzip.compress(body), [*fields, ('Content-Encoding', 'gzip')]
        self.send_response(status)
        for k, v in [('Content-Type', kind), *fields]:
            self.send_header(k, v)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events):
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        for line in [*(json.dumps(e).encode() for e in events), b'[DONE]']:
            data = b'data: ' + line + b'\n\n'
            self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b'0\r\n\r\n')

    def do_POST(self):
        body, path = self.content(), self.path.split('?')[0]
        if path == '/graphql':
            self.answer(of_graphql(json.loads(body)))
        elif path in ('/rpc', '/mcp'):
            self.answer(of_rpc(json.loads(body)))
        elif path == '/v1/chat/completions':
            asked = json.loads(body)
            if asked.get('stream'):
                self.stream(chunks_of(asked))
            else:
                self.answer(of_model(asked))
        elif path.endswith('/_search'):
            self.answer({'took': 1, 'timed_out': False, '_shards': {'total': 1}})
        elif path == '/shop.Cart/Get':
            self.answer({'code': 'not_found', 'message': 'hunter2-sesame'}, 404)
        elif path == '/shop.Cart/Watch':
            end = json.dumps({'error': {'code': 'resource_exhausted'}}).encode()
            self.answer(b'\0\0\0\0\2ab' + b'\2' + len(end).to_bytes(4, 'big') + end, 200,
                        'application/connect+proto')
        elif self.headers.get('X-Amz-Target'):
            self.answer({}, fields=[('x-amzn-RequestId', 'req-7')])
        else:
            self.answer({'errors': [1], 'error': {'code': 1}, 'model': 'T'})

    def do_GET(self):
        self.answer(b'<x/>', kind='application/xml',
                    fields=[('x-amz-request-id', 'req-8'), ('x-amz-id-2', 'i')])

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
