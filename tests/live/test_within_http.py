#!/usr/bin/env python3
"""Names within HTTP: GraphQL, JSON-RPC, MCP, language models, Elasticsearch, AWS, Connect."""
import os
import subprocess
import sys

from h2tools import python_packages
from lib import Zctrace, free_port, main, need, replay, test, wait_for, wait_port
from within_http import CASES, GRAPHQL, KEYS, SECRET, ask_all, encoded, number, numbered, server


def compare(t, spans, cases, what):
    found = {number(s): s for s in spans}
    t.equal(len(spans), len(cases), f'{what}: spans')
    for i, (path, _, _, told, route) in enumerate(cases):
        s = found.get(str(i), {})
        t.equal({k: s[k] for k in KEYS & s.keys()}, told, f'{what}: {i} {path}: names')
        t.equal(s.get('route'), route, f'{what}: {i} {path}: route')
        failed = told.keys() & {'content_error', 'rpc_status'}
        if s.get('kind') == 'client' and failed:
            t.equal(s.get('error'), 'status', f'{what}: {i} {path}: it failed')


def traced(t, port, cases, ask, ends):
    """While they are asked: each end tells all, and so does what is recorded."""
    rec = t.path('names.pcapng')
    z = Zctrace(t, '--port', port, '--role', 'both', '-w', rec)
    ask()
    wait_for(lambda: len(z.spans) >= len(cases) * ends, 20)
    z.stop()
    again, _ = replay(t, rec)
    for what, spans in (('live', z.spans), ('replay', again)):
        seen = {(s['kind'], s['server_port'], s['protocol'] == 'h2') for s in spans}
        t.equal(len(seen), ends, f'{what}: ends')
        for kind, to, h2 in sorted(seen):
            compare(t, [s for s in spans if (s['kind'], s['server_port']) == (kind, to)], cases,
                    f'{what} {kind} {"HTTP/2" * h2}')
    t.check(SECRET not in z.out(), 'nothing of content is shown')
    with open(rec, 'rb') as f:
        t.check(SECRET.encode() not in f.read(), 'nothing of content is recorded')
    return rec


@test
def content_asked_for(t):
    """content is recorded if --body asks for it, and overwritten otherwise"""
    port, rec = server(t), t.path('body.pcapng')
    case = [c for c in CASES if c[0] == '/v1/chat/completions'][:1]
    for options, want in ((['--body', '300'], True), ([], False)):
        z = Zctrace(t, '--port', port, '-w', rec, *options)
        ask_all(port, case)
        z.wait_spans(1)
        z.stop()
        again, _ = replay(t, rec, '--body', '300')
        for s in (*(z.spans if options else ()), *again):
            for part in ('req_body', 'resp_body'):
                t.equal(SECRET in s[part], want, f'{options}: {part}: {s[part]}')
        t.equal([s.get('gen_ai_output_tokens') for s in again], [3], f'{options}: names')


@test
def http1(t):
    """each kind over one connection of HTTP/1.1: names at both ends, and in replay; none if off"""
    port = server(t)
    rec = traced(t, port, CASES, lambda: ask_all(port, CASES), 2)
    off, _ = replay(t, rec, '--names=off')
    t.equal([k for s in off for k in KEYS & s.keys()], [], '--names=off')
    some, _ = replay(t, rec, '--names=aws,jsonrpc')
    t.equal({s.get('rpc_system') for s in some}, {None, 'aws-api', 'jsonrpc'}, 'only some')
    t.equal([s for s in some if s.keys() & {'gen_ai_model', 'db_system'}], [], 'no others')


@test
def real_graphql(t):
    """GraphQL by graphql-core: operations by name and type, errors by whose fault they are"""
    where = python_packages(t, 'graphql-core==3.2.6')
    port = server(t, dict(os.environ, PYTHONPATH=where))
    rec = traced(t, port, GRAPHQL, lambda: ask_all(port, GRAPHQL), 2)
    spans, _ = replay(t, rec)
    failed = [(s['kind'], s['graphql_operation']) for s in spans if s.get('error') == 'status']
    t.equal(sorted(failed), [('client', 'A'), ('client', 'Wrong'), ('server', 'A')],
            'what the server could not help is no error of it')
    p = t.run(['./zctrace', '-q', '-r', rec, '-o', 'summary', '--role', 'server'])
    t.check('/graphql query Hero' in p.stdout and '/graphql query A' in p.stdout,
            f'the summary tells operations apart: {p.stdout}')


CLIENTS = r'''
import sys, boto3, ollama
from botocore.config import Config
from elasticsearch import Elasticsearch, helpers
url, secret = 'http://127.0.0.1:' + sys.argv[1], 'hunter2-sesame'
aws = {'endpoint_url': url, 'region_name': 'us-east-1', 'aws_access_key_id': 'A',
       'aws_secret_access_key': secret, 'config': Config(retries={'max_attempts': 0})}
b = boto3.client('bedrock-runtime', **aws)
ask = {'modelId': 'acme.tiny-v1:0', 'messages': [{'role': 'user', 'content': [{'text': secret}]}]}
b.converse(**ask)
assert list(b.converse_stream(**ask)['stream'])[-1]['metadata']['usage']['inputTokens'] == 30
b.invoke_model(modelId='acme.tiny-v1:0', body=b'{}')['body'].read()
told = list(b.invoke_model_with_response_stream(modelId='acme.tiny-v1:0', body=b'{}')['body'])
assert len(told) == 3 and b'"outputTokenCount": 62' in told[2]['chunk']['bytes']
s = boto3.client('s3', **aws)
s.put_object(Bucket='shop', Key='a.txt', Body=secret.encode())
s.get_object(Bucket='shop', Key='a.txt')['Body'].read()
boto3.client('sqs', **aws).get_queue_url(QueueName='orders')
e = Elasticsearch(url)
e.search(index='orders', query={'match': {'a': secret}})
e.index(index='orders', id='1', document={'a': secret})
helpers.bulk(e, [{'_index': 'orders', '_source': {'a': 1}}])
talk = ollama.Client(host=url).chat(model='llama3.2', stream=True,
                                    messages=[{'role': 'user', 'content': secret}])
assert list(talk)[-1]['eval_count'] == 29
'''


def bedrock(operation, tokens, why, **more):
    return {'gen_ai_provider': 'aws.bedrock', 'gen_ai_operation': operation,
            'gen_ai_model': 'acme.tiny-v1:0', 'gen_ai_input_tokens': tokens[0],
            'gen_ai_output_tokens': tokens[1], 'gen_ai_finish': why, **more}


def object_of(method):
    return {'rpc_system': 'aws-api', 'rpc_service': 'S3', 'rpc_method': method,
            'aws_bucket': 'shop', 'aws_request_id': 'q'}


def index(operation, **more):
    return {'db_system': 'elasticsearch', 'db_operation': operation, **more}


REAL = [bedrock('chat', (30, 62), 'end_turn', aws_request_id='r-1'),
        bedrock('chat', (30, 62), 'max_tokens'), bedrock('invoke_model', (7, 8), 'end_turn'),
        bedrock('invoke_model', (30, 62), 'end_turn'),
        object_of('PutObject'), object_of('GetObject'),
        {'rpc_system': 'aws-api', 'rpc_service': 'SQS', 'rpc_method': 'GetQueueUrl',
         'messaging_destination': 'orders'},
        index('search', db_collection='orders'), index('index', db_collection='orders'),
        index('bulk'),
        {'gen_ai_provider': 'ollama', 'gen_ai_operation': 'chat', 'gen_ai_model': 'llama3.2',
         'gen_ai_response_model': 'llama3.2', 'gen_ai_finish': 'stop', 'gen_ai_input_tokens': 26,
         'gen_ai_output_tokens': 29}]


@test
def real_clients(t):
    """boto3, elasticsearch-py and ollama, as they ask by themselves: names at both ends"""
    # Elasticsearch's client wants all of OpenTelemetry's interface, if there is any of it
    env = dict(os.environ, PYTHONPATH=python_packages(t, 'boto3==1.35.20', 'elasticsearch==8.15.1',
                                                      'ollama==0.3.3', 'opentelemetry-api==1.27.0'))
    port = server(t, program='clouds_server.py')
    z = Zctrace(t, '--port', port, '--role', 'both')
    p = t.run([sys.executable, '-c', CLIENTS, str(port)], env=env)
    t.equal(p.returncode, 0, f'the client: {p.stderr[-600:]}')
    wait_for(lambda: len(z.spans) >= 2 * len(REAL), 20)
    z.stop()
    for kind in ('server', 'client'):
        spans = sorted((s for s in z.spans if s['kind'] == kind), key=lambda s: s['time'])
        t.equal([{k: s[k] for k in KEYS & s.keys()} for s in spans], REAL, kind)
    t.check(SECRET not in z.out(), 'nothing of content is shown')


@test
def http2(t):
    """the same over HTTP/2, through a proxy that asks in HTTP/1.1: the same names at each hop"""
    need('nghttpx', 'curl')
    back, front = server(t), free_port()
    t.start(['nghttpx', '--conf=/dev/null', '-f', f'127.0.0.1,{front};no-tls',
             '-b', f'127.0.0.1,{back}',
             '--workers=1', '--errorlog-file=/dev/null'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(front)
    cases = [c for c in CASES if c[0] != '/shop.Cart/Watch']

    def ask():
        for i, (path, content, fields, _, _) in enumerate(cases):
            argv = [a for k, v in fields for a in ('-H', f'{k}: {v}')]
            if content is not None:
                argv += ['--data-binary', '@' + t.file(f'content{i}', encoded(content))]
            p = t.run(['curl', '--http2-prior-knowledge', '-so', '/dev/null', *argv,
                       f'http://127.0.0.1:{front}{numbered(i, path)}'])
            t.equal(p.returncode, 0, f'curl: {path}: {p.stderr}')
    traced(t, front, cases, ask, 3)


sys.exit(main())
