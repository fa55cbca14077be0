/* The cases of test_http1.c: name, kind, methods answered, closed at the end, input, log. */

#define R "GET /2 HTTP/1.1\r\n\r\n"
#define R_LOG "req GET /2 1.1 none +keep head 19 {}\nend\n"
#define OK_200 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define OK_LOG "resp 200 OK 1.1 length 2 +keep head 38 {Content-Length=2}\nbody hi\nend\n"

static const struct http_case cases[] = {
	/* requests */
	{ "a request", HTTP1_REQUEST, NULL, 1,
	  { S("GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nUser-Agent: x y\r\n\r\n") },
	  "req GET /a?b=c 1.1 none +keep head 59 {Host=example.org; User-Agent=x y}\nend\n" },
	{ "no fields", HTTP1_ANY, NULL, 1, { S("GET / HTTP/1.0\r\n\r\n") },
	  "req GET / 1.0 none head 18 {}\nend\n" },
	{ "an unknown method", HTTP1_ANY, NULL, 0, { S("M-SEARCH!#$%&'*+.^_`|~ * HTTP/1.1\r\n"
	  "\r\n") },
	  "req M-SEARCH!#$%&'*+.^_`|~ * 1.1 none +keep head 37 {}\nend\n" },
	{ "a method in lower case", HTTP1_REQUEST, NULL, 0, { S("get / HTTP/1.1\r\n\r\n") },
	  "req get / 1.1 none +keep head 18 {}\nend\n" },
	{ "a method of 64 octets", HTTP1_REQUEST, NULL, 0,
	  { S("ABCDEFGHIJKLMNOPABCDEFGHIJKLMNOPABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP / HTTP/1.1\n\n") },
	  "req ABCDEFGHIJKLMNOPABCDEFGHIJKLMNOPABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP / 1.1 none +lf "
	  "+keep "
	  "head 77 {}\nend\n" },
	{ "a method of 65 octets", HTTP1_REQUEST, NULL, 0,
	  { S("XABCDEFGHIJKLMNOPABCDEFGHIJKLMNOPABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP / HTTP/1.1\r\n"
	  "\r\n" R) },
	  "skip 80\n" R_LOG },
	{ "absolute-form", HTTP1_REQUEST, NULL, 0,
	  { S("GET http://example.org/x HTTP/1.1\r\n\r\n") },
	  "req GET http://example.org/x 1.1 none +keep head 37 {}\nend\n" },
	{ "authority-form", HTTP1_REQUEST, NULL, 0, { S("CONNECT [::1]:443 HTTP/1.1\r\n\r\n") },
	  "req CONNECT [::1]:443 1.1 none +keep head 30 {}\nend\n" },
	{ "asterisk-form", HTTP1_REQUEST, NULL, 0, { S("OPTIONS * HTTP/1.1\r\n\r\n") },
	  "req OPTIONS * 1.1 none +keep head 22 {}\nend\n" },
	{ "white space in the target", HTTP1_REQUEST, NULL, 0,
	  { S("GET  /a b\tc  HTTP/1.1 \r\n\r\n") },
	  "req GET /a b\\09c 1.1 none +keep head 26 {}\nend\n" },
	{ "octets beyond ASCII in the target", HTTP1_REQUEST, NULL, 0,
	  { S("GET /\xc3\xa4\xff HTTP/1.1\r\n\r\n") },
	  "req GET /\\c3\\a4\\ff 1.1 none +keep head 21 {}\nend\n" },
	{ "empty lines first", HTTP1_REQUEST, NULL, 0, { S("\r\n\n\r\n" R "\r\n" R) },
	  R_LOG R_LOG },
	{ "bare LF", HTTP1_REQUEST, NULL, 0, { S("GET / HTTP/1.1\nA: b\n\n" R) },
	  "req GET / 1.1 none +lf +keep head 21 {A=b}\nend\n" R_LOG },
	{ "one bare LF of three", HTTP1_REQUEST, NULL, 0, { S("GET / HTTP/1.1\r\nA: b\n\r\n") },
	  "req GET / 1.1 none +lf +keep head 23 {A=b}\nend\n" },
	{ "content", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\ncontent-LENGTH:\t5 \r\n\r\nab\r\ncGET / HTTP/1.1\r\n\r\n") },
	  "req POST / 1.1 length 5 +keep head 39 {content-LENGTH=5}\nbody ab\\0d\\0ac\nend\n"
	  "req GET / 1.1 none +keep head 18 {}\nend\n" },
	{ "content of no octets", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n" R) },
	  "req POST / 1.1 length 0 +keep head 38 {Content-Length=0}\nend\n" R_LOG },
	{ "pipelining", HTTP1_ANY, NULL, 1, { S(R R "HEAD / HTTP/1.1\r\n\r\n" R) },
	  R_LOG R_LOG "req HEAD / 1.1 none +keep head 19 {}\nend\n" R_LOG },
	{ "a request within content", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nContent-Length: 22\r\n\r\n\r\n" R "x" R) },
	  "req POST / 1.1 length 22 +keep head 39 {Content-Length=22}\n"
	  "body \\0d\\0aGET /2 HTTP/1.1\\0d\\0a\\0d\\0ax\nend\n" R_LOG },
	{ "Expect and Upgrade", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.1\r\nConnection: foo, UPGRADE\r\nUpgrade: websocket\r\n"
	      "Expect: 100-Continue\r\n\r\n") },
	  "req GET / 1.1 none +keep +up +100 head 86 {Connection=foo, UPGRADE; Upgrade=websocket; "
	  "Expect=100-Continue}\nend\n" },
	{ "Upgrade without its option", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n") },
	  "req GET / 1.1 none +keep head 32 {Upgrade=h2c}\nend\n" },

	/* RFC 9112 section 9.3 */
	{ "1.1 and close", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.1\r\nConnection: a,Close\r\n\r\n") },
	  "req GET / 1.1 none head 39 {Connection=a,Close}\nend\n" },
	{ "1.0 and keep-alive", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n") },
	  "req GET / 1.0 none +keep head 42 {Connection=Keep-Alive}\nend\n" },
	{ "1.0 and Proxy-Connection", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n") },
	  "req GET / 1.0 none +keep head 48 {Proxy-Connection=keep-alive}\nend\n" },
	{ "close and keep-alive", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n") },
	  "req GET / 1.1 none head 61 {Connection=keep-alive; Connection=close}\nend\n" },

	/* field lines */
	{ "obsolete line folding", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nA: b\r\n c\r\nContent-Length:\r\n\t 2\r\n\r\nhi" R) },
	  "req POST / 1.1 length 2 +fold +keep head 51 {A=b\\0d\\0a c; Content-Length=2}\nbody "
	  "hi\nend\n"
	  R_LOG },
	{ "a folded Content-Length is not a field", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.1\r\nA: b\r\n Content-Length: 3\r\n\r\n" R) },
	  "req GET / 1.1 none +fold +keep head 44 {A=b\\0d\\0a Content-Length: 3}\nend\n" R_LOG },
	{ "names that only begin like others", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.1\r\nContent-LengthX: 3\r\nTransfer-Encodin: chunked\r\nExpec:\r\n"
	  "C\r\n\r\n" R) },
	  "req GET / 1.1 none +keep head 76 {Content-LengthX=3; Transfer-Encodin=chunked; "
	  "Expec=}\nend\n"
	  R_LOG },
	{ "a blank before the colon", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nContent-Length : 2\r\n\r\nhi" R) },
	  "req POST / 1.1 length 2 +keep head 39 {Content-Length=2}\nbody hi\nend\n" R_LOG },
	{ "lines that are no fields, and controls", HTTP1_REQUEST, NULL, 0,
	  { S("GET / HTTP/1.1\r\nnothing\r\n: x\r\nA: \0\x01\xff\r\r\n\r\n" R) },
	  "req GET / 1.1 none +keep head 41 {A=\\00\\01\\ff}\nend\n" R_LOG },

	/* Content-Length, RFC 9112 section 6.3 */
	{ "Content-Length repeated", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2, 02\r\n\r\nhi" R) },
	  "req POST / 1.1 length 2 +cl-rep +keep head 61 {Content-Length=2; Content-Length=2, 02}\n"
	  "body hi\nend\n" R_LOG },
	{ "Content-Length in conflict", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi" R) },
	  "req POST / 1.1 length 2 +cl-conf +keep head 57 {Content-Length=2; Content-Length=3}\n"
	  "body hi\nend\n" R_LOG },
	{ "Content-Length negative", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nContent-Length: -2\r\n\r\nhi\r\n" R) },
	  "req POST / 1.1 none +cl-inv head 39 {Content-Length=-2}\nend\nskip 4\n" R_LOG },
	{ "Content-Length empty", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nContent-Length: ,\r\n\r\n" R) },
	  "req POST / 1.1 none +cl-inv head 38 {Content-Length=,}\nend\n" R_LOG },
	{ "Content-Length of 63 bits", HTTP1_REQUEST, NULL, 1,
	  { GAP("POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n\r\nx", 1) },
	  "req POST / 1.1 length 9223372036854775807 +keep head 56 "
	  "{Content-Length=9223372036854775807}\n"
	  "body x<gap 1>\nabort\n" },
	{ "Content-Length beyond 63 bits", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nx") },
	  "resp 200 OK 1.1 close +cl-inv head 56 {Content-Length=9223372036854775808}\nbody x\n"
	  "end\n" },
	{ "Content-Length beyond 64 bits", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nx") },
	  "resp 200 OK 1.1 close +cl-inv head 57 {Content-Length=18446744073709551618}\nbody x\n"
	  "end\n" },
	{ "Content-Length and chunked", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
	  "\r\n" R) },
	  "req POST / 1.1 chunked +cl-te +keep head 66 {Content-Length=4; "
	  "Transfer-Encoding=chunked}\nend\n"
	  R_LOG },

	/* chunked, RFC 9112 section 7.1 */
	{ "chunked", HTTP1_REQUEST, NULL, 0,
	  { S("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
	      "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n" R) },
	  "req POST / 1.1 chunked +keep head 53 {Transfer-Encoding=gzip, Chunked}\nbody "
	  "abc0123456789\nend\n"
	  R_LOG },
	{ "chunk extensions and trailers", HTTP1_RESPONSE, NULL, 0,
	  { S("HTTP/1.1 200 OK\r\nTransfer-Encoding:chunked\r\n\r\n"
	      "3 ;a=\"b;\r\"\r\nabc\r\n000;x\r\nA: b\r\nC:\r\n d\r\n\r\n" OK_200) },
	  "resp 200 OK 1.1 chunked +keep head 46 {Transfer-Encoding=chunked}\nbody abc\n"
	  "trailers {A=b; C=d}\nend\n" OK_LOG },
	{ "chunked with bare LF", HTTP1_RESPONSE, NULL, 0,
	  { S("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\na\n1;\nb\n0\nA: b\n\n" OK_200) },
	  "resp 200 OK 1.1 chunked +lf +keep head 44 {Transfer-Encoding=chunked}\nbody ab\n"
	  "trailers {A=b}\nend\n" OK_LOG },
	{ "two codings on two lines, identity ignored", HTTP1_RESPONSE, NULL, 0,
	  { S("HTTP/1.1 200 \r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked, "
	  "identity\r\n\r\n"
	      "0\r\n\r\n") },
	  "resp 200  1.1 chunked +keep head 80 {Transfer-Encoding=gzip; Transfer-Encoding=chunked, "
	  "identity}\nend\n" },
	{ "chunked is not the last coding: response", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n") },
	  "resp 200 OK 1.1 close head 53 {Transfer-Encoding=chunked, gzip}\nbody "
	  "0\\0d\\0a\\0d\\0a\nend\n" },
	{ "chunked is not the last coding: request", HTTP1_REQUEST, NULL, 1,
	  { S("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n\1\2" R) },
	  "req POST / 1.1 none head 44 {Transfer-Encoding=gzip}\nend\nskip 2\n" R_LOG },
	{ "identity", HTTP1_REQUEST, NULL, 1,
	  { S("POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx" R) },
	  "req POST / 1.1 length 1 +keep head 67 {Transfer-Encoding=identity; "
	  "Content-Length=1}\nbody x\nend\n"
	  R_LOG },
	{ "no chunk size", HTTP1_REQUEST, NULL, 1,
	  { S("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\n" R) },
	  "req POST / 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\nabort\nskip "
	  "4\n" R_LOG },
	{ "a chunk size of 64 bits", HTTP1_REQUEST, NULL, 1,
	  { S("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\n" R) },
	  "req POST / 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\nabort\nskip "
	  "3\n" R_LOG },
	{ "a chunk size of 63 bits", HTTP1_REQUEST, NULL, 1,
	  { S("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n07fffffffffffffff\r\n" R) },
	  "req POST / 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\n"
	  "body GET /2 HTTP/1.1\\0d\\0a\\0d\\0a\nabort\n" },
	{ "a chunk longer than it says", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" OK_200) },
	  "resp 200 OK 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\nbody a\nabort\n"
	  "skip 8\n"
	  OK_LOG },
	{ "no end of the trailer section", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" OK_200) },
	  "resp 200 OK 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\nbody a\n"
	  "abort\n" OK_LOG },

	/* responses */
	{ "a response", HTTP1_ANY, NULL, 1, { S(OK_200 OK_200) }, OK_LOG OK_LOG },
	{ "until close", HTTP1_RESPONSE, NULL, 1, { S("HTTP/1.1 200 OK\r\n\r\n" OK_200) },
	  "resp 200 OK 1.1 close head 19 {}\n"
	  "body HTTP/1.1 200 OK\\0d\\0aContent-Length: 2\\0d\\0a\\0d\\0ahi\nend\n" },
	{ "reason with anything, none, no space", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 204 \xe4 b  c \r\n\r\nHTTP/1.1 304 \r\n\r\nHTTP/1.0 204\r\n\r\n") },
	  "resp 204 \\e4 b  c  1.1 none +keep head 24 {}\nend\nresp 304  1.1 none +keep head 17 "
	  "{}\nend\n"
	  "resp 204  1.0 none head 16 {}\nend\n" },
	{ "HEAD, then GET", HTTP1_RESPONSE, "HEAD GET HEAD", 1,
	  { S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" OK_200
	      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" OK_200) },
	  "resp 200 OK 1.1 none +keep head 38 {Content-Length=2}\nend\n" OK_LOG
	  "resp 200 OK 1.1 none +keep head 47 {Transfer-Encoding=chunked}\nend\n" OK_LOG },
	{ "1xx before the response to HEAD", HTTP1_RESPONSE, "HEAD", 1,
	  { S("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n"
	      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" OK_200) },
	  "resp 100 Continue 1.1 none +keep head 25 {} interim\nend interim\n"
	  "resp 103 Early Hints 1.1 none +keep head 47 {Content-Length=9} interim\nend interim\n"
	  "resp 200 OK 1.1 none +keep head 38 {Content-Length=2}\nend\n" OK_LOG },
	{ "204 and 304 with a length", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
	      "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" OK_200) },
	  "resp 304 Not Modified 1.1 none +keep head 48 {Content-Length=5}\nend\n"
	  "resp 204 No Content 1.1 none +keep head 55 {Transfer-Encoding=chunked}\nend\n" OK_LOG },
	{ "101", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
	  "\x81\x05hello" OK_200) },
	  "resp 101 Switching Protocols 1.1 none +keep +up head 56 {Upgrade=websocket}\nend\n"
	  "over\n" },
	{ "a successful CONNECT", HTTP1_RESPONSE, "CONNECT", 1,
	  { S("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\x16\3\1") },
	  "resp 200 OK 1.1 none +keep head 38 {Content-Length=3}\nend\nover\n" },
	{ "a refused CONNECT", HTTP1_RESPONSE, "CONNECT", 1,
	  { S("HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\nabc" OK_200) },
	  "resp 407 No 1.1 length 3 +keep head 38 {Content-Length=3}\nbody abc\nend\n" OK_LOG },
	{ "empty lines before a response", HTTP1_RESPONSE, NULL, 1, { S("\r\n\r\n" OK_200 "\r\n") },
	  OK_LOG },

	/* the end of the direction */
	{ "nothing", HTTP1_ANY, NULL, 1, { S("") }, "" },
	{ "closed inside a head", HTTP1_REQUEST, NULL, 1, { S(R "GET / HTTP/1.1\r\nHo") },
	  R_LOG "abort\n" },
	{ "closed inside a request-line", HTTP1_REQUEST, NULL, 1, { S("GET /abc") }, "abort\n" },
	{ "closed inside a word", HTTP1_REQUEST, NULL, 1, { S("hello") }, "" },
	{ "closed inside a status-line", HTTP1_ANY, NULL, 1, { S("HTTP/1.1 2") }, "abort\n" },
	{ "closed inside content", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh") },
	  "resp 200 OK 1.1 length 2 +keep head 38 {Content-Length=2}\nbody h\nabort\n" },
	{ "closed before the last chunk", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n") },
	  "resp 200 OK 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\nbody hi\nabort\n" },
	{ "closed inside trailers", HTTP1_RESPONSE, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n") },
	  "resp 200 OK 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\nabort\n" },
	{ "closed after an empty line", HTTP1_REQUEST, NULL, 1, { S(R "\r\n\r") }, R_LOG },

	/* garbage, and joining late */
	{ "late, in a JSON body", HTTP1_REQUEST, NULL, 0, { S("\"a\": [1, 2]}" R) },
	  "skip 12\n" R_LOG },
	{ "late, in words", HTTP1_REQUEST, NULL, 0, { S("lorem ipsum dolor sit" R R) },
	  "skip 21\n" R_LOG R_LOG },
	{ "late, in a line", HTTP1_REQUEST, NULL, 0, { S("HTTP/1.1\r\nHost: a\r\n\r\n" R) },
	  "skip 21\n" R_LOG },
	{ "late, in a response's content", HTTP1_RESPONSE, NULL, 0, { S("<b>HTTP/1.1</b>" OK_200) },
	  "skip 15\n" OK_LOG },
	{ "late, kind unknown", HTTP1_ANY, NULL, 0, { S("POST me HTTP/\n\1\2\3" OK_200) },
	  "skip 17\n" OK_LOG },
	{ "an unknown method after a line end", HTTP1_REQUEST, NULL, 0,
	  { S("{}\nPURGE /x HTTP/1.1\r\nA: b\r\n\r\n") },
	  "skip 3\nreq PURGE /x 1.1 none +keep head 27 {A=b}\nend\n" },
	{ "an unknown method within a line", HTTP1_REQUEST, NULL, 0,
	  { S("{}BURGE /x HTTP/1.1\r\nA: b\r\n\r\n" R) }, "skip 29\n" R_LOG },
	{ "one that everybody knows, behind the end of a word", HTTP1_REQUEST, NULL, 0,
	  { S("{}helloGET /x HTTP/1.1\r\nA: b\r\n\r\n") },
	  "skip 7\nreq GET /x 1.1 none +keep head 25 {A=b}\nend\n" },
	{ "a part of a method at the start of a line", HTTP1_REQUEST, NULL, 0,
	  { GAP("", 1), S("ET /x HTTP/1.1\r\nA: b\r\n\r\n" R) }, "missing 1\nskip 24\n" R_LOG },
	{ "white space in a status line", HTTP1_RESPONSE, NULL, 0,
	  { S("HTTP/1.1  200   OK\r\nContent-Length: 0\r\n\r\n") },
	  "resp 200   OK 1.1 length 0 +keep head 41 {Content-Length=0}\nend\n" },
	{ "a tab in a status line", HTTP1_RESPONSE, NULL, 0,
	  { S("HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n") },
	  "resp 200 OK 1.1 length 0 +keep head 38 {Content-Length=0}\nend\n" },
	{ "requests mentioned in a text", HTTP1_REQUEST, NULL, 0,
	  { S("{POST me. GET /x HTTP/1.1 is a line\nGET /x HTTP/1.1\nis too, and\nGET a "
	  "HTTP/1.1\nb: \n"
	      "GET /x  HTTP/1.1\nb:\nHTTP/1.1 200 OK\nis not\n\"GET / HTTP/1.1\" 200\n" R) },
	  "skip 147\n" R_LOG },
	{ "every form after garbage", HTTP1_REQUEST, NULL, 0,
	  { S("\1GET http://a/ HTTP/1.1\r\n\r\n\1OPTIONS * HTTP/1.0\n\n\1CONNECT a:1 "
	  "HTTP/1.1\r\n\r\n"
	      "\1DELETE / HTTP/1.1\r\nA: b\r\n\r\n") },
	  "skip 1\nreq GET http://a/ 1.1 none +keep head 26 {}\nend\n"
	  "skip 1\nreq OPTIONS * 1.0 none +lf head 20 {}\nend\n"
	  "skip 1\nreq CONNECT a:1 1.1 none +keep head 24 {}\nend\n"
	  "skip 1\nreq DELETE / 1.1 none +keep head 27 {A=b}\nend\n" },
	{ "a start within a start", HTTP1_REQUEST, NULL, 0, { S("\1GET GET /GET" R) },
	  "skip 13\n" R_LOG },
	{ "a start in the midst of a text", HTTP1_REQUEST, NULL, 0,
	  { S("\1text: GET /x HTTP/1.1\nb: \tGET /x HTTP/1.1\n\nc:GET /x HTTP/1.1\n\n" R) },
	  "skip 63\n" R_LOG },
	{ "starts of starts", HTTP1_ANY, NULL, 0,
	  { S("\1HEHTTHTTP/1HTTP/1.1 20HTTP/1.1 099 OPTIOPPOST" OK_200) }, "skip 46\n" OK_LOG },
	{ "nothing but garbage", HTTP1_ANY, NULL, 1, { S("\0\1\2\r\n\r\nG") }, "skip 7\n" },
	{ "TLS", HTTP1_ANY, NULL, 1, { S("\x16\3\1\2\0\1\0\1\xfc\3\3") }, "skip 11\n" },
	{ "HTTP/2", HTTP1_REQUEST, NULL, 1, { S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") }, "skip "
	  "24\n" },
	{ "HTTP/0.9", HTTP1_REQUEST, NULL, 1, { S("GET /\r\n" R) }, "skip 7\n" R_LOG },
	{ "a control in the target", HTTP1_REQUEST, NULL, 1, { S("GET /\1 HTTP/1.1\r\n\r\n" R) },
	  "skip 19\n" R_LOG },
	{ "a bare CR in the request-line", HTTP1_REQUEST, NULL, 1,
	  { S("GET /\r HTTP/1.1\r\n\r\n\rX" R) }, "skip 21\n" R_LOG },
	{ "requests where responses are due", HTTP1_RESPONSE, NULL, 1, { S(R R) }, "skip 38\n" },
	{ "responses where requests are due", HTTP1_REQUEST, NULL, 1,
	  { S("HTTP/1.1 200 OK\r\nA: b\r\n\r\n" R) }, "skip 25\n" R_LOG },
	{ "content longer than it says", HTTP1_RESPONSE, NULL, 0,
	  { S(OK_200 " there\r\n" OK_200 OK_200) }, OK_LOG "skip 8\n" OK_LOG OK_LOG },

	/* gaps */
	{ "a gap inside content", HTTP1_RESPONSE, NULL, 0,
	  { GAP("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", 6), S("yz" OK_200) },
	  "resp 200 OK 1.1 length 10 +keep head 39 {Content-Length=10}\nbody ab<gap 6>yz\n"
	  "end\n" OK_LOG },
	{ "a gap to the end of content", HTTP1_RESPONSE, NULL, 0,
	  { GAP("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 10), S(OK_200) },
	  "resp 200 OK 1.1 length 10 +keep head 39 {Content-Length=10}\nbody <gap 10>\n"
	  "end\n" OK_LOG },
	{ "a gap beyond the content", HTTP1_RESPONSE, NULL, 0,
	  { GAP("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", 50), S("4\r\n\r\nhihi" OK_200) },
	  "resp 200 OK 1.1 length 10 +keep head 39 {Content-Length=10}\nbody <gap 10>\nend\n"
	  "missing 40\nskip 9\n" OK_LOG },
	{ "a gap inside a chunk", HTTP1_RESPONSE, NULL, 0,
	  { GAP("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na", 4),
	    GAP("\r\n2\r\n", 1), S("z\r\n0\r\n\r\n" OK_200) },
	  "resp 200 OK 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\n"
	  "body a<gap 5>z\nend\n" OK_LOG },
	{ "a gap beyond a chunk", HTTP1_RESPONSE, NULL, 0,
	  { GAP("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na", 5),
	    S("\n0\r\n\r\n" OK_200) },
	  "resp 200 OK 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\n"
	  "body a<gap 4>\nabort\nmissing 1\nskip 6\n" OK_LOG },
	{ "a gap until close", HTTP1_RESPONSE, NULL, 1,
	  { GAP("HTTP/1.0 200 OK\r\n\r\nab", 7), S("yz") },
	  "resp 200 OK 1.0 close head 19 {}\nbody ab<gap 7>yz\nend\n" },
	{ "a gap inside a head", HTTP1_REQUEST, NULL, 0,
	  { GAP("GET / HTTP/1.1\r\nHost: exa", 3), S("org\r\nA: GET\r\n\r\n" R) },
	  "abort\nmissing 3\nskip 15\n" R_LOG },
	{ "a gap inside a request-line", HTTP1_REQUEST, NULL, 0,
	  { GAP("GET /ab", 3), S("fg HTTP/1.1\r\n\r\n" R) }, "abort\nmissing 3\nskip 15\n" R_LOG },
	{ "a gap between messages", HTTP1_REQUEST, NULL, 0, { GAP(R, 100), S(R) },
	  R_LOG "missing 100\n" R_LOG },
	{ "a method nobody knows after a gap", HTTP1_REQUEST, NULL, 0,
	  { GAP(R, 100), S("PURGE / HTTP/1.1\r\nA: b\r\n\r\n") },
	  R_LOG "missing 100\nreq PURGE / 1.1 none +keep head 26 {A=b}\nend\n" },
	{ "a gap before anything", HTTP1_RESPONSE, "HEAD", 0, { GAP("", 5), S(OK_200) },
	  "missing 5\nresp 200 OK 1.1 none +keep head 38 {Content-Length=2}\nend\nskip 2\n" },
	{ "a gap in garbage", HTTP1_REQUEST, NULL, 0, { GAP("\1GET /a", 2), S("b HTTP/1.1\r\n"
	  "\r\n" R) },
	  "skip 1\nmissing 2\nskip 14\n" R_LOG },
	{ "a gap inside trailers", HTTP1_RESPONSE, NULL, 0,
	  { GAP("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA", 2),
	    S("b\r\n\r\n" OK_200) },
	  "resp 200 OK 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\nabort\nmissing 2\n"
	  "skip 5\n"
	  OK_LOG },
	{ "a gap in a tunnel", HTTP1_RESPONSE, NULL, 1,
	  { GAP("HTTP/1.1 101 X\r\n\r\n", 5), S("abc") },
	  "resp 101 X 1.1 none +keep +up head 18 {}\nend\nover\n" },
};
