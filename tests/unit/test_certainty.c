/*
 * What one direction tells of the other: which request is answered, where messages begin and end.
 */
#include "tests/unit/certainty_feed.h"

static void test_lost(void)
{
	settled();
	lose(RX, GET("/lost"));
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/next"));
	feed_text(&f, TX, NO2);
	over("(none) (none) 200 lost-events request-not-seen; GET /next 404",
	     "a request was lost: its answer is alone, the next one is certain");

	settled();
	lose(RX, GET("/lost"));
	feed_text(&f, RX, GET("/next"));
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, TX, NO2);
	over("(none) (none) 200 lost-events request-not-seen; GET /next 404 lost-events",
	     "and before one that did not wait: the answers come in order");

	settled();
	lose(RX, "POST /up HTTP/1.1\r\nContent-Length: 40\r\n\r\n");
	feed_text(&f, RX, GET("/inside"));
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/next"));
	feed_text(&f, TX, NO2);
	over("(none) (none) 200 lost-events request-not-seen; GET /next 404",
	     "what its client sent without having received anything is no request");

	settled();
	feed_text(&f, RX, GET("/warc"));
	feed_text(&f, TX, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	lose(TX, "400\r\n");
	for (int i = 0; i < 3; i++)
		feed_text(&f, TX, NO2);
	feed_tick(&f, 3000 * MS);
	over("GET /warc 200 lost-events", "nothing was asked since: no text is an answer");
}

static void test_pipelined(void)
{
	settled();
	feed_text(&f, RX, GET("/a"));
	lose(TX, "HTTP/1.1 302 X\r\n");
	feed_text(&f, RX, "GET /b HTTP/1.1\r\n");
	lose(TX, "Content-Length: 0\r\n\r\n");
	feed_text(&f, RX, "Host: example.org\r\n\r\n" GET("/c"));
	feed_tick(&f, 30 * MS);
	feed_text(&f, TX, OK2);
	feed_text(&f, TX, NO2);
	over("GET /a 0 lost-events response-not-seen; GET /b 200 lost-events; "
	     "GET /c 404 lost-events",
	     "who sends the end of one request and the next at once does not wait");
}

/* In a capture, a client that was seen to wait for its answers. */
static void waits(void)
{
	capture();
	for (int i = 0; i < 2; i++) {
		feed_text(&f, RX, GET("/"));
		feed_text(&f, TX, OK2);
	}
	f.nspans = 0;
}

/* Of two requests that are under way, the answer to the other one. */
static void go_in_step(int n)
{
	for (int i = 0; i < n; i++) {
		feed_tick(&f, 30 * MS);
		feed_text(&f, RX, GET("/x"));
		feed_text(&f, TX, i % 2 ? OK2 : NO2);
	}
}

static void test_window(void)
{
#define ORPHAN "(none) (none) 200 lost-events request-not-seen"
#define DOUBTED ORPHAN "; GET /x 404 lost-events; GET /x 200 lost-events; " \
		       "GET /x 404 lost-events; GET /x 200 lost-events"

	capture();
	lose(RX, GET("/lost") GET("/too"));
	feed_text(&f, TX, OK2);
	go_in_step(4);
	feed_text(&f, TX, OK2);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_tick(&f, 50 * MS);
	is_str(shown(), DOUBTED "; " ORPHAN,
	       "two that were lost under way: each answer is one late");
	feed_end(&f);

	capture();
	lose(RX, GET("/lost") GET("/too"));
	feed_text(&f, TX, OK2);
	go_in_step(4);
	over(DOUBTED, "also where the capture ends before that shows");

	capture();
	lose(RX, GET("/lost"));
	feed_text(&f, TX, OK2);
	go_in_step(4);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over(ORPHAN "; GET /x 404; GET /x 200; GET /x 404; GET /x 200",
	     "in step until an end closes, and nothing is left over: they belong together");

	for (int end = 0; end < 2; end++) {
		waits();
		go_in_step(2);
		f.nspans = 0;
		lose(RX, GET("/lost"));
		feed_text(&f, RX, GET("/found")); /* a request, or what was lost holds it */
		feed_text(&f, TX, OK2);
		go_in_step(4);
		if (end)
			feed_flag(&f, TX, ZC_TCP_FIN);
		else
			feed_text(&f, TX, OK2);
		over(end ? ORPHAN "; GET /x 404; GET /x 200; GET /x 404; GET /x 200"
			 : DOUBTED "; " ORPHAN,
		     end ? "found in what was lost, and nothing is left over: it was content"
			 : "one answer is left over: it was a request, though who asked waits");
	}
}

/* What is in doubt waits for its proof. */
static void test_proof(void)
{
	waits();
	lose(RX, GET("/lost"));
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/1"));
	feed_text(&f, TX, NO2);
	is_str(shown(), "(none) (none) 200 lost-events request-not-seen",
	       "in a capture, what is in doubt is kept");
	feed_text(&f, RX, GET("/2"));
	feed_text(&f, TX, OK2);
	over("(none) (none) 200 lost-events request-not-seen; GET /1 404; GET /2 200",
	     "until one behind it is certain");

	capture();
	lose(RX, GET("/lost"));
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/1"));
	feed_text(&f, TX, NO2);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("(none) (none) 200 lost-events request-not-seen; GET /1 404",
	     "or its client has all its answers and closes");

	capture();
	lose(RX, GET("/lost"));
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/1"));
	feed_text(&f, TX, NO2);
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_flag(&f, RX, ZC_TCP_FIN);
	over("(none) (none) 200 lost-events request-not-seen; GET /1 404 lost-events",
	     "not if the server closes first");

	capture();
	lose(RX, GET("/lost"));
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/1"));
	feed_text(&f, TX, NO2);
	feed_tick(&f, 4000 * MS);
	is_str(shown(), "(none) (none) 200 lost-events request-not-seen; GET /1 404",
	       "or for so long nothing comes that nothing is outstanding");
	feed_end(&f);

	capture();
	for (int i = 0; i < 2; i++) {
		feed_text(&f, RX, GET("/"));
		if (!i)
			feed_text(&f, TX, OK2);
	}
	f.nspans = 0;
	lose(TX, "HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\n");
	feed_text(&f, TX, "0123456789");
	feed_text(&f, RX, GET("/ahead"));
	feed_text(&f, TX, NO2);
	feed_tick(&f, 30 * MS);
	over("GET / 0 lost-events response-not-seen; GET /ahead 404 lost-events",
	     "where a client went on, content may look like an answer");
}

/* Six requests at once, of whose answers the first and the third are lost. */
static void lose_answers(void)
{
	capture();
	feed_text(&f, RX, GET("/1") GET("/2") GET("/3") GET("/4") GET("/5") GET("/6"));
	lose(TX, OK2);
	feed_text(&f, TX, NO2);
	lose(TX, OK2);
	feed_text(&f, TX, OK2 NO2 OK2);
	feed_flag(&f, RX, 0);
	feed_tick(&f, 30 * MS);
	feed_tick(&f, 30 * MS);
}

static void test_number(void)
{
	lose_answers();
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /1 0 lost-events response-not-seen; GET /2 404 lost-events; "
	     "GET /3 0 lost-events response-not-seen; GET /4 200 lost-events; GET /5 404; "
	     "GET /6 200",
	     "all are answered: the last answers are those to the last requests");

	lose_answers();
	feed_tick(&f, 4000 * MS);
	over("GET /1 0 lost-events response-not-seen; GET /2 404 lost-events; "
	     "GET /3 0 lost-events response-not-seen; GET /4 200 lost-events; "
	     "GET /5 404 lost-events; GET /6 200 lost-events",
	     "that nothing comes is no proof: there are slow answers");

	capture();
	feed_text(&f, RX, GET("/1") GET("/2"));
	feed_text(&f, TX, OK2);
	lose(RX, GET("/lost"));
	feed_text(&f, TX, NO2 OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/4") GET("/5"));
	feed_text(&f, TX, OK2 NO2);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /1 200; GET /2 404; (none) (none) 200 lost-events request-not-seen; "
	     "GET /4 200 lost-events; GET /5 404 lost-events",
	     "not what came together with the first one behind a request that was lost");
}

/* Two answers are lost, and the next one has content that looks like another. */
static void test_bare(void)
{
	capture();
	feed_text(&f, RX, GET("/1") GET("/2"));
	feed_text(&f, RX, "HEAD /3 HTTP/1.1\r\nHost: example.org\r\n\r\n" GET("/4") GET("/5"));
	feed_text(&f, TX, OK2);
	lose(TX, OK2 ANSWER("200", "9", ""));
	feed_text(&f, TX, ANSWER("200", "37", ANSWER("503", "0", "")) NO2);
	feed_flag(&f, RX, 0);
	feed_tick(&f, 30 * MS);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /1 200; GET /2 0 lost-events response-not-seen; HEAD /3 200 lost-events; "
	     "GET /4 503 status lost-events; GET /5 404",
	     "what has no content as it seems to answer HEAD may have some");
}

/* The same, with content that would end with the connection, whatever it is. */
static void test_bare_until_close(void)
{
	capture();
	lose(RX, GET("/1"));
	feed_text(&f, RX, "HEAD /2 HTTP/1.1\r\nHost: example.org\r\n\r\n" GET("/3"));
	feed_text(&f, TX, ANSWER("200", "25", "HTTP/1.1 200 X\r\nA: b\r\n\r\n"));
	lose(TX, OK2);
	feed_text(&f, TX, NO2);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("HEAD /2 200 lost-events; GET /3 200 lost-events",
	     "what the connection ends may be content of that before it");
}

/* A client that keeps two requests under way; the answer to the second one is lost. */
static void lose_one_of_two(const char *fourth, const char *fifth)
{
	capture();
	feed_text(&f, RX, GET("/1") GET("/2"));
	feed_text(&f, TX, OK2);
	feed_text(&f, RX, GET("/3"));
	lose(TX, OK2);
	feed_text(&f, RX, fourth);
	feed_text(&f, TX, NO2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, fifth);
	feed_text(&f, TX, OK2 NO2);
}

static void test_full(void)
{
	lose_one_of_two(GET("/4"), GET("/5"));
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /1 200; GET /2 0 lost-events response-not-seen; GET /3 404 lost-events; "
	     "GET /4 200; GET /5 404",
	     "a client that has as many under way as ever has no more");

	lose_one_of_two(GET("/4"), GET("/5"));
	feed_tick(&f, 4000 * MS);
	over("GET /1 200; GET /2 0 lost-events response-not-seen; GET /3 404 lost-events; "
	     "GET /4 200; GET /5 404",
	     "also if nothing more comes");

	lose_one_of_two("", GET("/4") GET("/5"));
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /1 200; GET /2 0 lost-events response-not-seen; GET /3 404 lost-events; "
	     "GET /4 200; GET /5 404",
	     "no matter when it sends them");

	lose_one_of_two(GET("/4") GET("/5"), "");
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /1 200; GET /2 0 lost-events response-not-seen; GET /3 404 lost-events; "
	     "GET /4 200 lost-events; GET /5 404 lost-events",
	     "not what it had under way before");
}

/* Joined: what was sent before is answered one by one, nothing comes in between. */
static void test_answers_in_row(void)
{
	struct engine_options o = {.keep_doubted = 1};

	feed_begin(&f, &o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, RX, "the content of an upload, as far\r\n");
	feed_text(&f, TX, OK2 NO2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/content"));
	feed_text(&f, TX, OK2);
	feed_tick(&f, 4000 * MS);
	over("(none) (none) 200 attached-late request-not-seen; "
	     "(none) (none) 404 attached-late request-not-seen; GET /content 200 attached-late",
	     "its client does not wait: what follows may be the rest of a request");
}

/* Joined, of a slow server: what was asked before may still be answered. */
static void test_slow(void)
{
	struct engine_options o = {.keep_doubted = 1};

	feed_begin(&f, &o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, GET("/1"));
	feed_text(&f, TX, OK2);
	feed_text(&f, RX, GET("/2"));
	feed_text(&f, TX, NO2);
	feed_tick(&f, 4000 * MS);
	over("(none) (none) 200 attached-late request-not-seen; GET /1 200 attached-late; "
	     "GET /2 404 attached-late",
	     "joined: that nothing comes is no proof");

	feed_begin(&f, &o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, TX, OK2);
	for (int i = 0; i < 6; i++) {
		feed_text(&f, RX, GET("/"));
		feed_tick(&f, 2000 * MS);
		feed_text(&f, TX, OK2);
		feed_tick(&f, 30 * MS);
	}
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	ok(f.nspans == 7 && span(6)->incomplete, "nor are answers that come late");
	feed_end(&f);
}

/* Refused, the request goes on all the same; all of its head was lost. */
static void test_rest_of_content(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	feed_text(&f, TX, NO2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, "text" GET("/1"));
	feed_text(&f, TX, OK2);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	ok(!strstr(shown(), "textGET"), "what content ends with and a method are no method");
	feed_end(&f);
}

/* The server had a request and the first letters of the next one when it answered. */
static void test_torn_method(void)
{
	capture();
	feed_text(&f, RX, "GET /1 HTTP/1.1\r\nHost: ");
	lose(RX, "example.org\r\n\r\nGE");
	feed_text(&f, TX, OK2);
	feed_tick(&f, 30 * MS);
	feed_text(&f, RX, "T /2 HTTP/1.1\r\nHost: example.org\r\n\r\n");
	feed_text(&f, RX, GET("/3"));
	feed_text(&f, TX, NO2 OK2);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /1 200 lost-events truncated-head; "
	     "(none) (none) 404 lost-events request-not-seen; GET /3 200 lost-events",
	     "the rest of a method is none, of a client that pipelines");
}

/* Its server had the first part of a request when it answered the one before. */
static void test_had_more(void)
{
	capture();
	feed_text(&f, RX, GET("/1"));
	lose(RX, "OPTION");
	feed_text(&f, TX, OK2);
	feed_tick(&f, 5000 * MS);
	feed_text(&f, RX, "S /2 HTTP/1.1\r\nHost: example.org\r\n\r\n");
	feed_text(&f, TX, NO2);
	feed_tick(&f, 5000 * MS);
	feed_text(&f, RX, GET("/3"));
	feed_text(&f, TX, OK2);
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	over("GET /1 200; (none) (none) 404 lost-events request-not-seen; GET /3 200",
	     "what is behind a pause, and a loss, is the rest of what was begun");
}

/* Where a client that does not wait goes on with a head that was begun, behind a pause. */
static void test_mid_line(void)
{
	for (int joined = 0; joined < 2; joined++) {
		capture();
		if (joined) {
			lose(RX, "GET /0 HTTP/1.1\r\nX-Filler: ");
			feed_text(&f, RX, "f\r\n\r\nget /1 HTTP/1.1\r\nX-Text: ");
		} else {
			feed_text(&f, RX, GET("/0"));
			feed_text(&f, RX, "GET /1 HTTP/1.1\r\nX-Filler: ");
			feed_text(&f, TX, OK2);
			lose(RX, "f\r\n\r\n");
			feed_text(&f, RX, "COPY /2 HTTP/1.1\r\nX-Text: ");
			feed_tick(&f, 30 * MS);
		}
		feed_text(&f, TX, NO2);
		feed_tick(&f, 30 * MS);
		feed_text(&f, RX, GET("/text"));
		feed_text(&f, TX, OK2);
		feed_flag(&f, RX, ZC_TCP_FIN);
		feed_flag(&f, TX, ZC_TCP_FIN);
		over(joined ? "(none) (none) 404 lost-events request-not-seen; "
			      "GET /text 200 lost-events"
			    : "GET /0 200; GET /1 404 lost-events truncated-head; "
			      "(none) (none) 200 lost-events request-not-seen",
		     joined ? "what goes on in a line of before messages were found is in doubt"
			    : "nor is it a request in a line of another one");
	}
}

int main(void)
{
	test_lost();
	test_pipelined();
	test_window();
	test_proof();
	test_number();
	test_bare();
	test_bare_until_close();
	test_full();
	test_torn_method();
	test_answers_in_row();
	test_slow();
	test_rest_of_content();
	test_had_more();
	test_mid_line();
	return tap_done();
}
