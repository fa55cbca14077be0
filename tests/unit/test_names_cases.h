/* test_names_cases.h - conversations for test_names.c, and what is told of them */

/* ---- GraphQL */
{"GraphQL: a query by its own name",
 POST("/graphql") "{\"query\":\"query Orders($n: Int) { orders(first: $n) { id } }\",\"variab"
 "les\":{\"n\":3}}",
 OK "{\"data\":{\"orders\":[]}}",
 "graphql_operation=Orders graphql_type=query (query Orders)"},
{"GraphQL: the name beside the document chooses",
 POST("/api") "{\"operationName\":\"B\",\"query\":\"query A { a }\\nmutation B { b(x: "
 "\\\"secret\\\") { c } }\"}",
 OK "{\"data\":{\"b\":null}}",
 "graphql_operation=B graphql_type=mutation (mutation B)"},
{"GraphQL: no name, execution failed",
 POST("/graphql") "{\"query\":\"{ me { name } }\"}",
 OK "{\"errors\":[{\"message\":\"secret\",\"extensions\":{\"code\":\"FORBIDDEN\"}}],"
 "\"data\":null}",
 "graphql_type=query content_error=FORBIDDEN failed (query)"},
{"GraphQL: the request was at fault",
 POST("/graphql") "{\"query\":\"subscription S { s }\"}",
 OK "{\"errors\":[{\"message\":\"syntax\"}]}",
 "graphql_operation=S graphql_type=subscription content_error=graphql refused (subscription S)"},
{"GraphQL: no errors in a list of them",
 POST("/graphql") "{\"query\":\"query Q { q }\"}", OK "{\"errors\":[],\"data\":{\"errors\":[1]}}",
 "graphql_operation=Q graphql_type=query (query Q)"},
{"GraphQL: a persisted query",
 POST("/graphql") "{\"operationName\":\"Home\",\"variables\":{},"
 "\"extensions\":{\"persistedQuery\":{\"version\":1}}}",
 OK "{\"data\":{}}", "graphql_operation=Home (Home)"},
{"GraphQL: by GET",
 "GET /graphql?query=query%20Who%20%7B%20me%20%7D&variables=%7B%7D HTTP/1.1\r\nHost: a\r\n\r\n",
 OK "{\"data\":{}}", "graphql_operation=Who graphql_type=query (query Who)"},
{"GraphQL: a batch of one kind",
 POST("/graphql") "[{\"query\":\"query Q { q }\"},{\"query\":\"query Q { q }\"}]", OK "[{\"da"
 "ta\":1},{\"data\":2}]",
 "graphql_operation=Q graphql_type=query (query Q)"},
{"GraphQL: a batch of several",
 POST("/graphql") "[{\"query\":\"query A { q }\"},{\"query\":\"query B { q }\"}]", OK "[]",
 "graphql_type=query (query)"},
{"GraphQL: a fragment first",
 POST("/graphql") "{\"query\":\"fragment F on T { a } query Late { ...F }\",\"operationName\""
 ":\"Late\"}", OK "{}",
 "graphql_operation=Late graphql_type=query (query Late)"},
{"GraphQL: the name behind the document",
 POST("/graphql") "{\"query\":\"query A { a }\\n# mutation C { c }\\nmutation B { b(q: "
 "\\\"query D {\\\") { c } }\",\"operationName\":\"B\"}",
 OK "{}", "graphql_operation=B (B)"},
{"GraphQL: compressed content",
 "POST /graphql HTTP/1.1\r\n" JSON "Content-Encoding: gzip\r\n\r\n{\"query\":\"query A { q "
 "}\"}", OK "{}", ""},

/* ---- JSON-RPC and MCP */
{"JSON-RPC: a method", POST("/") "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"par"
 "ams\":[\"secret\"]}",
 OK "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
 "rpc_system=jsonrpc rpc_method=eth_call (eth_call)"},
{"JSON-RPC: the method first, an internal error",
 POST("/rpc") "{\"method\":\"sum\",\"params\":{\"a\":1},\"id\":7,\"jsonrpc\":\"2.0\"}",
 OK "{\"error\":{\"code\":-32603,\"message\":\"secret\"},\"id\":7,\"jsonrpc\":\"2.0\"}",
 "rpc_method=sum rpc_system=jsonrpc rpc_status=-32603 failed (sum)"},
{"JSON-RPC: no such method", POST("/rpc") "{\"jsonrpc\":\"2.0\",\"method\":\"nope\",\"id\":1}",
 OK "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32601},\"id\":1}",
 "rpc_system=jsonrpc rpc_method=nope rpc_status=-32601 refused (nope)"},
{"JSON-RPC: a batch of several",
 POST("/rpc") "[{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1},{\"jsonrpc\":\"2.0\",\"method"
 "\":\"b\",\"id\":2}]",
 OK "[]", "rpc_system=jsonrpc "},
{"JSON-RPC: not version 2", POST("/rpc") "{\"method\":\"sum\",\"params\":[],\"id\":1}", OK "{"
 "\"result\":1}", ""},
{"MCP: a tool", POST("/mcp") "{\"method\":\"tools/call\",\"params\":{\"name\":\"weather\",\"a"
 "rguments\":{\"city\":\"secret\"}},\"jsonrpc\":\"2.0\",\"id\":3}",
 EVENTS "event: message\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":3,"
 "\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"no\"}],\"isError\":true}}\r\n\r\n",
 "rpc_method=tools/call mcp_method=tools/call gen_ai_operation=execute_tool mcp_tool=weather "
 "rpc_system=jsonrpc content_error=tool_error failed (tools/call weather)"},
{"MCP: a prompt, a resource's URI", POST("/mcp") "{\"jsonrpc\":\"2.0\",\"id\":3,"
 "\"method\":\"prompts/get\",\"params\":{\"name\":\"review\"}}", OK "{}",
 "rpc_system=jsonrpc rpc_method=prompts/get mcp_method=prompts/get mcp_prompt=review "
 "(prompts/get review)"},
{"MCP: a resource", POST("/mcp") "{\"jsonrpc\":\"2.0\",\"id\":3,"
 "\"method\":\"resources/read\",\"params\":{\"uri\":\"file:///a\"}}", OK "{}",
 "rpc_system=jsonrpc rpc_method=resources/read mcp_method=resources/read "
 "mcp_resource=file:///a (resources/read)"},
{"MCP: by the field alone",
 "POST / HTTP/1.1\r\n" JSON "Mcp-Protocol-Version: 2025-06-18\r\n\r\n{\"jsonrpc\":\"2.0\",\"i"
 "d\":1,\"method\":\"ping\"}", OK "{}",
 "rpc_system=jsonrpc rpc_method=ping mcp_method=ping (ping)"},
{"MCP: how it begins", POST("/mcp") "{\"method\":\"initialize\",\"params\":{\"protocolVersion\":"
 "\"2025-06-18\",\"capabilities\":{}},\"jsonrpc\":\"2.0\",\"id\":0}", OK "{}",
 "rpc_method=initialize mcp_method=initialize rpc_system=jsonrpc (initialize)"},
{"JSON-RPC: another one's beginning", POST("/rpc") "{\"method\":\"initialize\",\"params\":{},"
 "\"jsonrpc\":\"2.0\"}", OK "{}", "rpc_method=initialize rpc_system=jsonrpc (initialize)"},
{"JSON-RPC: a name among the parameters is none of a tool",
 POST("/rpc") "{\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"name\":\"secret\",\"ur"
 "i\":\"x\"}}", OK "{}",
 "rpc_system=jsonrpc rpc_method=login (login)"},

/* ---- language models */
{"OpenAI: chat", "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n" JSON "\r\n{"
 "\"messages\":[{\"role\":\"user\",\"content\":\"secret\"}],\"model\":\"gpt-4o\"}",
 OK "{\"id\":\"x\",\"object\":\"chat.completion\",\"model\":\"gpt-4o-2024\",\"choices\":[{\"i"
 "ndex\":0,\"message\":{\"content\":\"secret\"},\"finish_reason\":\"stop\"}],"
 "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,\"total_tokens\":46}}",
 "gen_ai_operation=chat gen_ai_provider=openai gen_ai_model=gpt-4o "
 "gen_ai_response_model=gpt-4o-2024 gen_ai_finish=stop gen_ai_input_tokens=12 "
 "gen_ai_output_tokens=34 "},
{"OpenAI: a stream", POST("/openai/v1/chat/completions") "{\"model\":\"m\",\"stream\":true,"
 "\"messages\":[]}",
 EVENTS "data: {\"object\":\"chat.completion.chunk\",\"model\":\"m-1\",\"choices\":[{\"delta"
 "\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"
 "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"
 "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}}\n\ndata: "
 "[DONE]\n\n",
 "gen_ai_operation=chat gen_ai_provider=openai gen_ai_model=m gen_ai_response_model=m-1 "
 "gen_ai_finish=length gen_ai_input_tokens=5 gen_ai_output_tokens=7 "},
{"OpenAI: responses", POST("/v1/responses") "{\"model\":\"o1\",\"input\":\"secret\"}",
 EVENTS "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"object"
 "\":\"response\",\"model\":\"o1-x\",\"status\":\"in_progress\",\"usage\":null}}\n\n"
 "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"object\":"
 "\"response\",\"model\":\"o1-x\",\"status\":\"completed\",\"usage\":{\"input_tokens\":3,"
 "\"output_tokens\":9}}}\n\n",
 "gen_ai_operation=chat gen_ai_provider=openai gen_ai_model=o1 gen_ai_response_model=o1-x "
 "gen_ai_finish=completed gen_ai_input_tokens=3 gen_ai_output_tokens=9 "},
{"Anthropic: a message",
 "POST /v1/messages HTTP/1.1\r\nanthropic-version: 2023-06-01\r\n" JSON "\r\n{\"model\":\"cla"
 "ude-x\",\"max_tokens\":9,\"messages\":[]}",
 OK "{\"type\":\"message\",\"model\":\"claude-x\",\"content\":[{\"type\":\"text\",\"text\":\""
 "secret\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":10,"
 "\"cache_read_input_tokens\":5,\"output_tokens\":4}}",
 "gen_ai_operation=chat gen_ai_provider=anthropic gen_ai_model=claude-x "
 "gen_ai_response_model=claude-x gen_ai_finish=end_turn gen_ai_output_tokens=4 "
 "gen_ai_input_tokens=15 "},
{"Anthropic: a stream",
 "POST /v1/messages HTTP/1.1\r\nAnthropic-Version: 2023-06-01\r\n" JSON "\r\n{\"model\":\"cla"
 "ude-x\",\"stream\":true}",
 EVENTS "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"cla"
 "ude-y\",\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n"
 "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_to"
 "kens\"},\"usage\":{\"output_tokens\":15}}\n\n",
 "gen_ai_operation=chat gen_ai_provider=anthropic gen_ai_model=claude-x "
 "gen_ai_response_model=claude-y gen_ai_input_tokens=25 gen_ai_finish=max_tokens "
 "gen_ai_output_tokens=15 "},
/* ---- Gemini, Ollama, Bedrock */
{"Gemini: a response",
 "POST /v1beta/models/gemini-2.5-flash:generateContent?key=secret HTTP/1.1\r\nHost: generativelan"
 "guage.googleapis.com\r\n" JSON "\r\n{\"contents\":[{\"parts\":[{\"text\":\"secret\"}]}]}",
 OK
 "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"secret\"}]},\"finishReas"
 "on\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCou"
 "nt\":20,\"thoughtsTokenCount\":5,\"totalTokenCount\":33},\"modelVersion\":\"ge"
 "mini-2.5-flash-001\"}",
 "gen_ai_operation=generate_content gen_ai_provider=gcp.gemini gen_ai_model=gemini-2.5-flash "
 "gen_ai_finish=STOP gen_ai_input_tokens=8 gen_ai_output_tokens=25 "
 "gen_ai_response_model=gemini-2.5-flash-001 "},
{"Gemini: a stream, of Vertex AI",
 "POST /v1/projects/p/locations/us-central1/publishers/google/models/gemini-pro:streamGenerateCont"
 "ent?alt=sse HTTP/1.1\r\nHost: us-central1-aiplatform.googleapis.com\r\n" JSON "\r\n{}",
 EVENTS
 "data: {\"candidates\":[{\"content\":{}}],\"usageMetadata\":{\"promptTokenCount"
 "\":4}}\n\ndata: {\"candidates\":[{\"finishReason\":\"MAX_TOKENS\"}],\"usageMet"
 "adata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":9}}\n\n",
 "gen_ai_operation=generate_content gen_ai_provider=gcp.vertex_ai gen_ai_model=gemini-pro "
 "gen_ai_input_tokens=4 gen_ai_finish=MAX_TOKENS gen_ai_output_tokens=9 "},
{"Gemini: a stream that is an array", POST("/v1beta/models/g:streamGenerateContent") "{}", OK
 "[{\"candidates\":[{\"content\":{}}],\"usageMetadata\":{\"promptTokenCount\":4}"
 "},\n{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptT"
 "okenCount\":4,\"candidatesTokenCount\":3}}]",
 "gen_ai_operation=generate_content gen_ai_provider=gcp.gemini gen_ai_model=g "
 "gen_ai_input_tokens=4 gen_ai_finish=STOP gen_ai_output_tokens=3 "},
{"Ollama: a stream of lines", POST("/api/chat") "{\"model\":\"llama3.2\",\"messages\":[]}",
 "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
 "{\"model\":\"llama3.2\",\"message\":{\"content\":\"secret\"},\"done\":false}\n"
 "{\"model\":\"llama3.2\",\"done_reason\":\"stop\",\"done\":true,\"total_duratio"
 "n\":4883583458,\"prompt_eval_count\":26,\"eval_count\":282}\n",
 "gen_ai_operation=chat gen_ai_provider=ollama gen_ai_model=llama3.2 "
 "gen_ai_response_model=llama3.2 gen_ai_finish=stop gen_ai_input_tokens=26 "
 "gen_ai_output_tokens=282 "},
{"Ollama: at once", POST("/api/generate") "{\"model\":\"m\",\"prompt\":\"secret\"}",
 OK
 "{\"model\":\"m\",\"response\":\"secret\",\"done\":true,\"done_reason\":\"lengt"
 "h\",\"context\":[1,2],\"total_duration\":5,\"prompt_eval_count\":1,\"eval_coun"
 "t\":2}",
 "gen_ai_operation=text_completion gen_ai_provider=ollama gen_ai_model=m "
 "gen_ai_response_model=m gen_ai_finish=length gen_ai_input_tokens=1 gen_ai_output_tokens=2 "},
{"a chat of somebody else", POST("/api/chat") "{\"model\":\"T\",\"text\":\"hello\"}",
 OK "{\"model\":\"T\",\"done\":true}", ""},
{"Bedrock: converse",
 "POST /model/anthropic.claude-3-haiku-20240307-v1%3A0/converse HTTP/1.1\r\nHost: bedrock-runtime."
 "us-east-1.amazonaws.com\r\nX-Amz-Date: 2\r\nX-Amz-Content-Sha256: x\r\n" JSON "\r\n{\"messages\""
 ":[]}",
 "HTTP/1.1 200 OK\r\n" JSON "x-amzn-RequestId: r-1\r\n\r\n"
 "{\"output\":{\"message\":{\"content\":[{\"text\":\"secret\"}]}},\"stopReason\""
 ":\"end_turn\",\"usage\":{\"inputTokens\":30,\"outputTokens\":628,\"totalTokens"
 "\":658}}",
 "gen_ai_operation=chat gen_ai_provider=aws.bedrock "
 "gen_ai_model=anthropic.claude-3-haiku-20240307-v1:0 aws_request_id=r-1 gen_ai_finish=end_turn "
 "gen_ai_input_tokens=30 gen_ai_output_tokens=628 "},
{"Bedrock: a model's own interface",
 "POST /model/m/invoke HTTP/1.1\r\nHost: 127.0.0.1:8\r\nX-Amz-Date: 2\r\n\r\n{}",
 "HTTP/1.1 200 OK\r\n" JSON "X-Amzn-Bedrock-Input-Token-Count: 7\r\nX-Amzn-Bedrock-Output-Token-Co"
 "unt: 3\r\n\r\n{\"stop_reason\":\"end_turn\",\"content\":[]}",
 "gen_ai_operation=invoke_model gen_ai_provider=aws.bedrock gen_ai_model=m gen_ai_input_tokens=7 "
 "gen_ai_output_tokens=3 gen_ai_finish=end_turn "},
{"a path like Bedrock's", POST("/model/m/invoke") "{}", OK "{\"stop_reason\":\"x\"}", ""},
{"Bedrock: a stream of Amazon's events",
 "POST /model/m/converse-stream HTTP/1.1\r\nX-Amz-Date: 2\r\n" JSON "\r\n{}",
 AMZ_EVENTS
 "\000\000\000X\000\000\000\027cccc\013:event-type\007\000\010metadata{\"content"
 "BlockIndex\":0,\"delta\":{\"text\":\"secret\"}}cccc\000\000\000B\000\000\000"
 "\027cccc\013:event-type\007\000\010metadata{\"stopReason\":\"max_tokens\"}cccc"
 "\000\000\000o\000\000\000\027cccc\013:event-type\007\000\010metadata{\"metrics"
 "\":{\"latencyMs\":9},\"usage\":{\"inputTokens\":11,\"outputTokens\":12}}cccc",
 "gen_ai_operation=chat gen_ai_provider=aws.bedrock gen_ai_model=m gen_ai_finish=max_tokens "
 "gen_ai_input_tokens=11 gen_ai_output_tokens=12 ", sizeof(AMZ_EVENTS) - 1 + 265},
{"Bedrock: a stream of a model's own parts",
 "POST /model/m/invoke-with-response-stream HTTP/1.1\r\nX-Amz-Date: 2\r\n" JSON "\r\n{}",
 AMZ_EVENTS
 "\000\000\000\200\000\000\000\024cccc\013:event-type\007\000\005chunk{\042"
 "bytes\042:\042eyJ0eXBlIjoibWVzc2FnZV9kZWx0YSIsImRlbHRhIjp7InN0b3BfcmVhc29"
 "uIjoiZW5kX3R1cm4ifX0=\042}cccc\000\000\000\270\000\000\000\024cccc\013:ev"
 "ent-type\007\000\005chunk{\042bytes\042:\042eyJ0eXBlIjoibWVzc2FnZV9zdG9wI"
 "iwiYW1hem9uLWJlZHJvY2staW52b2NhdGlvbk1ldHJpY3MiOnsiaW5wdXRUb2tlbkNvdW50Ij"
 "o4LCJvdXRwdXRUb2tlbkNvdW50IjoxMn19\042}cccc",
 "gen_ai_operation=invoke_model gen_ai_provider=aws.bedrock gen_ai_model=m gen_ai_finish=end_turn "
 "gen_ai_input_tokens=8 gen_ai_output_tokens=12 ", sizeof(AMZ_EVENTS) - 1 + 312, 1},

{"messages of somebody else", POST("/v1/messages") "{\"model\":\"T\",\"text\":\"hello\"}",
 OK "{\"model\":\"T\"}", ""},
{"completions without a model", POST("/search/completions") "{\"prefix\":\"ab\"}", OK "{\"mod"
 "el\":\"T\"}", ""},

/* ---- Elasticsearch */
{"Elasticsearch: it says so", POST("/orders/_search?size=1") "{\"query\":{\"match\":{\"a\":\""
 "secret\"}}}",
 "HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\n" JSON "\r\n{\"took\":1}",
 "db_operation=search db_collection=orders db_system=elasticsearch "},
{"OpenSearch: its client does", "PUT /logs/_doc/7 HTTP/1.1\r\nUser-Agent: "
 "opensearch-py/2.4\r\n" JSON "\r\n{\"a\":1}", OK "{}",
 "db_operation=index db_collection=logs db_system=opensearch "},
{"Elasticsearch: its answer does", "POST /_bulk HTTP/1.1\r\nContent-Type: "
 "application/x-ndjson\r\n\r\n{\"index\":{}}\n{}\n",
 OK "{\"took\":3,\"errors\":false,\"items\":[]}", "db_operation=bulk db_system=elasticsearch "},
{"Elasticsearch: a family", "GET /_cluster/health HTTP/1.1\r\nUser-Agent: "
 "elasticsearch-java/8\r\n\r\n", OK "{}",
 "db_operation=cluster.health db_system=elasticsearch "},
{"a path that looks like it", "GET /help/_search HTTP/1.1\r\nUser-Agent: curl/8\r\n\r\n",
 OK "{\"took\":1,\"pages\":[]}", ""},
{"CouchDB", "GET /db/_design/d/_search/i HTTP/1.1\r\n\r\n", OK "{\"total_rows\":1}", ""},

/* ---- AWS */
{"S3: an object of a bucket's host", "GET /a/b.txt HTTP/1.1\r\nHost: "
 "shop.s3.eu-west-1.amazonaws.com\r\nx-amz-content-sha256: e3\r\nx-amz-date: 2\r\n\r\n",
 "HTTP/1.1 200 OK\r\nx-amz-request-id: R1\r\nx-amz-id-2: I\r\n\r\nhello",
 "rpc_system=aws-api rpc_service=S3 aws_region=eu-west-1 aws_bucket=shop "
 "rpc_method=GetObject aws_request_id=R1 "},
{"S3: a list, at another server", "GET /shop?list-type=2&prefix=a HTTP/1.1\r\nHost: "
 "minio:9000\r\nX-Amz-Content-Sha256: e3\r\n\r\n",
 "HTTP/1.1 200 OK\r\nX-Amz-Request-Id: R2\r\nX-Amz-Id-2: I\r\n\r\n<x/>",
 "rpc_system=aws-api rpc_service=S3 aws_bucket=shop rpc_method=ListObjectsV2 "
 "aws_request_id=R2 "},
{"S3: a part", "PUT /shop/k?partNumber=1&uploadId=U HTTP/1.1\r\nHost: "
 "10.0.0.1:9000\r\nX-Amz-Content-Sha256: e3\r\n\r\nx",
 "HTTP/1.1 200 OK\r\nX-Amz-Id-2: I\r\n\r\n",
 "rpc_system=aws-api rpc_service=S3 aws_bucket=shop rpc_method=UploadPart "},
{"S3: what has no name here", "PUT /shop?cors HTTP/1.1\r\nHost: "
 "localhost\r\nX-Amz-Content-Sha256: e3\r\n\r\n<x/>",
 "HTTP/1.1 200 OK\r\nX-Amz-Id-2: I\r\n\r\n", "rpc_system=aws-api rpc_service=S3 "
 "aws_bucket=shop "},
{"S3: a host that may be a bucket's", "GET /a/b HTTP/1.1\r\nHost: "
 "x.example.org\r\nX-Amz-Content-Sha256: e3\r\n\r\n",
 "HTTP/1.1 200 OK\r\nX-Amz-Id-2: I\r\n\r\n", "rpc_system=aws-api rpc_service=S3 "},
{"signed for another service", "GET /a HTTP/1.1\r\nHost: "
 "search.example.org\r\nX-Amz-Content-Sha256: e3\r\n\r\n", OK "{}", ""},
{"SQS: JSON", "POST / HTTP/1.1\r\nHost: sqs.us-east-1.amazonaws.com\r\nX-Amz-Target: "
 "AmazonSQS.SendMessage\r\nContent-Type: application/x-amz-json-1.0\r\n\r\n"
 "{\"MessageBody\":\"secret\",\"QueueUrl\":\"https://sqs.us-east-1.amazonaws.com/1/orders\"}",
 "HTTP/1.1 200 OK\r\nx-amzn-RequestId: R3\r\n\r\n{}",
 "rpc_system=aws-api rpc_method=SendMessage rpc_service=SQS aws_region=us-east-1 "
 "messaging_destination=orders aws_request_id=R3 (SQS SendMessage)"},
{"SQS: a form", "POST /1/orders HTTP/1.1\r\nX-Amz-Date: 2\r\nContent-Type: "
 "application/x-www-form-urlencoded; charset=utf-8\r\n\r\n"
 "Action=ReceiveMessage&QueueUrl=https%3A%2F%2Fsqs%2F1%2Forders&Version=2012-11-05", "HTTP/1."
 "1 200 OK\r\n\r\n<x/>",
 "rpc_method=ReceiveMessage messaging_destination=orders rpc_system=aws-api rpc_service=SQS "
 "(SQS ReceiveMessage)"},
{"DynamoDB", "POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\nContent-Type: "
 "application/x-amz-json-1.0\r\n\r\n{\"Key\":{\"S\":\"secret\"}}", OK "{}",
 "rpc_system=aws-api rpc_method=GetItem rpc_service=DynamoDB (DynamoDB GetItem)"},
{"a form of somebody else", "POST / HTTP/1.1\r\nX-Amz-Date: 2\r\nContent-Type: "
 "application/x-www-form-urlencoded\r\n\r\nAction=Buy&Version=1", OK "{}", ""},

/* ---- Connect */
{"Connect: a call that failed", "POST /shop.v1.Cart/Get "
 "HTTP/1.1\r\nConnect-Protocol-Version: 1\r\nContent-Type: application/proto\r\n\r\n\x0a\x03",
 "HTTP/1.1 404 Not Found\r\n" JSON "\r\n{\"code\":\"not_found\",\"message\":\"secret\"}",
 "rpc_system=connect_rpc rpc_service=shop.v1.Cart rpc_method=Get rpc_status=not_found refused "},
{"Connect: an error of the server", "POST /shop.v1.Cart/Get "
 "HTTP/1.1\r\nConnect-Protocol-Version: 1\r\n" JSON "\r\n{}",
 "HTTP/1.1 500 Oops\r\n" JSON "\r\n{\"code\":\"internal\"}",
 "rpc_system=connect_rpc rpc_service=shop.v1.Cart rpc_method=Get rpc_status=internal failed "},

/* ---- none of them */
{"ordinary JSON", POST("/orders") "{\"query\":\"shoes\",\"method\":\"card\",\"model\":\"T\","
 "\"operationName\":\"x\"}",
 OK "{\"errors\":[{\"code\":1}],\"error\":{\"code\":5}}", ""},
{"a search's query", POST("/search") "{\"query\":\"query of everything { else\"}", OK "{}", ""},
{"SQL in JSON", POST("/sql") "{\"query\":\"SELECT * FROM t\"}", OK "{}", ""},
{"JSON in JSON", POST("/q") "{\"query\":\"{\\\"a\\\":1}\"}", OK "{}", ""},
{"no JSON at all", POST("/graphql") "query=1", OK "x", ""},
{"nothing", POST("/graphql"), OK, ""},
