"""What travels in HTTP: requests of each kind, and what is to be told of them."""
import http.client
import json
import os
import re
import sys

from lib import free_port, wait_port

HERE = os.path.dirname(os.path.abspath(__file__))
SECRET = 'hunter2-sesame'
JSON = [('Content-Type', 'application/json')]
ARGS = {'name': 'weather', 'arguments': {'city': SECRET}}
CHAT = {'messages': [{'role': 'user', 'content': SECRET}], 'model': 'tiny'}
KEYS = {'rpc_system', 'rpc_service', 'rpc_method', 'rpc_status', 'content_error', 'graphql_type',
        'graphql_operation', 'db_system', 'db_operation', 'db_collection', 'mcp_method',
        'mcp_tool', 'gen_ai_provider', 'gen_ai_operation', 'gen_ai_model',
        'gen_ai_response_model', 'gen_ai_input_tokens', 'gen_ai_output_tokens', 'gen_ai_finish',
        'messaging_destination', 'aws_bucket', 'aws_request_id'}


def rpc(method, **more):
    return {'jsonrpc': '2.0', 'id': 1, 'method': method, **more}


def model(n=3, tokens=len(json.dumps(CHAT['messages'])), why='stop', **more):
    return {'gen_ai_provider': 'openai', 'gen_ai_operation': 'chat', 'gen_ai_model': 'tiny',
            'gen_ai_response_model': 'tiny-0125', 'gen_ai_finish': why,
            'gen_ai_input_tokens': tokens, 'gen_ai_output_tokens': n, **more}


MCP = {'rpc_system': 'jsonrpc', 'rpc_method': 'tools/call', 'mcp_method': 'tools/call',
       'mcp_tool': 'weather', 'gen_ai_operation': 'execute_tool'}
CART = {'rpc_system': 'connect_rpc', 'rpc_service': 'shop.Cart'}
LONG = [{'role': 'user', 'content': SECRET * 8000}]  # 112 KB, before the model's name

# path, content, fields, what is to be told, route
GRAPHQL = [
    ('/graphql', {'query': 'query Hero($n: String) { hero(name: $n) }', 'variables': {'n': SECRET}},
     JSON, {'graphql_type': 'query', 'graphql_operation': 'Hero'}, '/graphql query Hero'),
    ('/graphql', {'query': 'mutation { add(n: 1) }'}, JSON, {'graphql_type': 'mutation'},
     '/graphql mutation'),
    ('/graphql', {'query': 'query A { bad } query B { hero }', 'operationName': 'A'}, JSON,
     {'graphql_type': 'query', 'graphql_operation': 'A', 'content_error': 'INTERNAL'},
     '/graphql query A'),
    ('/graphql', {'query': 'query A { bad } query B { hero }', 'operationName': 'B'}, JSON,
     {'graphql_operation': 'B'}, '/graphql B'),
    ('/graphql', {'query': 'query Wrong { nothing }'}, JSON,
     {'graphql_type': 'query', 'graphql_operation': 'Wrong', 'content_error': 'graphql'},
     '/graphql query Wrong'),
]
CASES = [
    ('/rpc', rpc('sum', params=[1, 2]), JSON, {'rpc_system': 'jsonrpc', 'rpc_method': 'sum'},
     '/rpc sum'),
    ('/rpc', rpc('nope'), JSON,
     {'rpc_system': 'jsonrpc', 'rpc_method': 'nope', 'rpc_status': '-32601'}, '/rpc nope'),
    ('/mcp', rpc('tools/call', params=ARGS), JSON, MCP, '/mcp tools/call weather'),
    ('/mcp', {**rpc('tools/call', params=ARGS), 'id': 13}, JSON,
     {**MCP, 'content_error': 'tool_error'}, '/mcp tools/call weather'),
    ('/v1/chat/completions', CHAT, JSON, model(), '/v1/chat/completions'),
    ('/v1/chat/completions', {**CHAT, 'max_tokens': 4000}, JSON, model(4000),
     '/v1/chat/completions'),
    ('/v1/chat/completions', {'messages': LONG, 'model': 'tiny'}, JSON,
     model(tokens=len(json.dumps(LONG))), '/v1/chat/completions'),
    ('/v1/chat/completions', {**CHAT, 'stream': True, 'max_tokens': 40}, JSON,
     model(40, 7, 'length'), '/v1/chat/completions'),
    ('/v1/chat/completions?squeeze', CHAT, JSON,
     {'gen_ai_provider': 'openai', 'gen_ai_operation': 'chat', 'gen_ai_model': 'tiny'},
     '/v1/chat/completions'),
    ('/orders/_search', {'query': {'match': {'name': SECRET}}}, JSON,
     {'db_system': 'elasticsearch', 'db_operation': 'search', 'db_collection': 'orders'},
     '/orders/_search'),
    ('/', {'MessageBody': SECRET, 'QueueUrl': 'http://sqs/1/orders'},
     [('Content-Type', 'application/x-amz-json-1.0'), ('X-Amz-Target', 'AmazonSQS.SendMessage')],
     {'rpc_system': 'aws-api', 'rpc_service': 'SQS', 'rpc_method': 'SendMessage',
      'messaging_destination': 'orders', 'aws_request_id': 'req-7'}, '/ SQS SendMessage'),
    ('/shop/a.txt', None,
     [('X-Amz-Content-Sha256', 'e3'), ('X-Amz-Date', '2'), ('Authorization', SECRET)],
     {'rpc_system': 'aws-api', 'rpc_service': 'S3', 'rpc_method': 'GetObject',
      'aws_bucket': 'shop', 'aws_request_id': 'req-8'}, '/shop/a.txt'),
    ('/shop.Cart/Get', {}, [*JSON, ('Connect-Protocol-Version', '1')],
     {**CART, 'rpc_method': 'Get', 'rpc_status': 'not_found'}, '/shop.Cart/Get'),
    ('/shop.Cart/Watch', b'\0\0\0\0\1a', [('Content-Type', 'application/connect+proto')],
     {**CART, 'rpc_method': 'Watch', 'rpc_status': 'resource_exhausted'}, '/shop.Cart/Watch'),
    ('/orders', {'query': 'shoes', 'method': 'card', 'model': 'T', 'name': SECRET}, JSON, {},
     '/orders'),
    ('/rpc?squeeze', b'{"jsonrpc": "2.0", "method": "sum", "id": 1}',
     [('Content-Type', 'application/json')], {'rpc_system': 'jsonrpc', 'rpc_method': 'sum'},
     '/rpc sum'),
]


def server(t, env=None, program='names_server.py'):
    port = free_port()
    t.start([sys.executable, os.path.join(HERE, program), str(port)], env=env)
    wait_port(port)
    return port


def numbered(i, path):
    """In a way that is no part of what is asked of S3."""
    return f'{path}{"&" if "?" in path else "?"}x-amz-id={i}'


def number(span):
    return re.search(r'x-amz-id=(\d+)', span['query']).group(1)


def encoded(content):
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def ask_all(port, cases):
    c = http.client.HTTPConnection('127.0.0.1', port)
    for i, (path, content, fields, _, _) in enumerate(cases):
        method, body = ('GET', None) if content is None else ('POST', encoded(content))
        c.request(method, numbered(i, path), body, dict(fields))
        c.getresponse().read()
    c.close()
