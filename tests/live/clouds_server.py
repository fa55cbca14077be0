#!/usr/bin/env python3
"""Answers as Bedrock, S3, SQS, Elasticsearch and Ollama give them, for their real clients."""
import base64
import http.server
import json
import struct
import sys
import zlib

SECRET = 'hunter2-sesame'
JSON, ELASTIC = 'application/json', 'application/vnd.elasticsearch+json;compatible-with=8'
USAGE = {'inputTokens': 30, 'outputTokens': 62, 'totalTokens': 92}
TALK = {'role': 'assistant', 'content': [{'text': SECRET}]}
TIMES = {'total_duration': 48, 'prompt_eval_count': 26, 'eval_count': 29}
NONE = {'total': {'value': 0, 'relation': 'eq'}, 'max_score': None, 'hits': []}


def event(kind, content):
    """A message of an event stream of Amazon's."""
    heads = b''
    for name, value in ((b':event-type', kind), (b':content-type', JSON.encode()),
                        (b':message-type', b'event')):
        heads += bytes([len(name)]) + name + b'\7' + struct.pack('>H', len(value)) + value
    payload = json.dumps(content).encode()
    lengths = struct.pack('>II', 16 + len(heads) + len(payload), len(heads))
    message = lengths + struct.pack('>I', zlib.crc32(lengths)) + heads + payload
    return message + struct.pack('>I', zlib.crc32(message))


def part(content):
    """Of what a model streams as its own."""
    return event(b'chunk', {'bytes': base64.b64encode(json.dumps(content).encode()).decode(),
                            'p': 'abcd'})


def line(**more):
    return json.dumps({'model': 'llama3.2', 'created_at': '2026-01-01T00:00:00Z', **more}).encode()


STREAMS = {
    '/converse-stream': ('application/vnd.amazon.eventstream', [
        event(b'contentBlockDelta', {'contentBlockIndex': 0, 'delta': {'text': SECRET}}),
        event(b'messageStop', {'stopReason': 'max_tokens'}),
        event(b'metadata', {'usage': USAGE, 'metrics': {'latencyMs': 1}})]),
    '/invoke-with-response-stream': ('application/vnd.amazon.eventstream', [
        part({'type': 'content_block_delta', 'delta': {'type': 'text_delta', 'text': SECRET}}),
        part({'type': 'message_delta', 'delta': {'stop_reason': 'end_turn'}}),
        part({'type': 'message_stop', 'amazon-bedrock-invocationMetrics': {
            'inputTokenCount': 30, 'outputTokenCount': 62, 'invocationLatency': 9}})]),
    '/api/chat': ('application/x-ndjson', [
        line(message={'role': 'assistant', 'content': SECRET}, done=False) + b'\n',
        line(message={'role': 'assistant', 'content': ''}, done=True, done_reason='stop',
             **TIMES) + b'\n']),
}
SHARDS = {'total': 1, 'successful': 1, 'skipped': 0, 'failed': 0}
ANSWERS = {  # how the path ends: content, its type, fields
    '/converse': ({'output': {'message': TALK}, 'stopReason': 'end_turn', 'usage': USAGE,
                   'metrics': {'latencyMs': 1}}, JSON, {'x-amzn-RequestId': 'r-1'}),
    '/invoke': ({'stop_reason': 'end_turn'}, JSON,
                {'X-Amzn-Bedrock-Input-Token-Count': '7',
                 'X-Amzn-Bedrock-Output-Token-Count': '8'}),
    '/_search': ({'took': 3, 'timed_out': False, '_shards': SHARDS, 'hits': NONE}, ELASTIC, {}),
    '/1': ({'_index': 'orders', '_id': '1', '_version': 1, 'result': 'created',
            '_shards': SHARDS, '_seq_no': 0, '_primary_term': 1}, ELASTIC, {}),
    '/_bulk': ({'took': 3, 'errors': False, 'items': []}, ELASTIC, {}),
    '/a.txt': (None, 'text/plain', {'x-amz-request-id': 'q', 'x-amz-id-2': 'z', 'ETag': '"a"'}),
    '/': ({'QueueUrl': 'http://sqs/1/orders'}, 'application/x-amz-json-1.0', {}),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def head(self, kind, **fields):
        self.send_response(200)
        for name, value in {'Content-Type': kind, **fields}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers.get('content-length', 0)))
        for end, (kind, parts) in STREAMS.items():
            if self.path.endswith(end):
                self.head(kind, **{'Transfer-Encoding': 'chunked'})
                for p in parts:
                    self.wfile.write(b'%x\r\n%s\r\n' % (len(p), p))
                self.wfile.write(b'0\r\n\r\n')
                return
        for end, (content, kind, fields) in ANSWERS.items():
            if self.path.endswith(end):
                body = json.dumps(content).encode() if content else b''
                if kind == ELASTIC:
                    fields = {'X-Elastic-Product': 'Elasticsearch'}
                self.head(kind, **{'Content-Length': str(len(body)), **fields})
                self.wfile.write(body)
                return
        self.head(JSON, **{'Content-Length': '0'})

    do_GET = do_PUT = do_POST

    def log_message(self, *args):
        pass


if __name__ == '__main__':
    http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
