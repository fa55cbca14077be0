/*
 * test_tls.c - records, hellos, alerts, and the end of handshakes
 *
 * Each conversation is fed whole, octet by octet, cut at each octet, and with all that the parser
 * calls unneeded missing; its input ends at an unreadable page.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "parsers/tls/tls_handshake.h"
#include "parsers/tls/tls_names.h"
#include "tests/unit/tap.h"
#include "tests/unit/tls_feed.h"

static uint8_t *page_end;

static void make_page(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 8 * page;
	uint8_t *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE))
		abort();
	page_end = map + room;
}

/* ---- one direction */

struct log {
	char text[8192];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void say(struct log *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	l->n += (size_t)vsnprintf(l->text + l->n, sizeof(l->text) - l->n, fmt, ap);
	va_end(ap);
	if (l->n >= sizeof(l->text))
		abort();
}

static void say_hello(struct log *l, unsigned message, const struct tls_hello *h)
{
	struct str name;
	size_t pos = 0;

	say(l, "%s %04x", message == TLS_CLIENT_HELLO ? "client-hello" : "server-hello",
	    h->version);
	if (h->cipher)
		say(l, " cipher=%04x", h->cipher);
	if (h->sni_len)
		say(l, " sni=%.*s", h->sni_len, h->sni);
	while (tls_alpn_next(h, &pos, &name))
		say(l, " alpn=%.*s", (int)name.n, name.p);
	say(l, "%s%s%s%s", h->retry ? " retry" : "", h->psk ? " psk" : "",
	    h->early_data ? " early" : "", h->cut ? " cut" : "");
	if (h->session_len)
		say(l, " session=%u", h->session_len);
}

static void say_event(struct log *l, const struct tls_event *ev, uint64_t end)
{
	switch (ev->type) {
	case TLS_EV_MESSAGE: say(l, "message %u", ev->message); break;
	case TLS_EV_HELLO: say_hello(l, ev->message, ev->hello); break;
	case TLS_EV_CCS: say(l, "ccs"); break;
	case TLS_EV_ALERT: say(l, "alert %u %u", ev->level, ev->alert); break;
	case TLS_EV_RECORD: say(l, "record %u %u", ev->content, ev->length); break;
	case TLS_EV_LOST: say(l, "lost"); break;
	}
	say(l, " @%llu\n", (unsigned long long)end);
}

/* One direction on its way through a parser. */
struct way {
	struct tls t;
	uint8_t kept[TLS_MAX_KEEP];
	size_t nkept;
	uint64_t at; /* position of the next octet to consume */
	uint64_t record, record_time, message, message_time;
	int blind; /* what is unneeded is missing */
	int kept_too_much;
};

struct both {
	struct way way[2];
	struct tls_handshake h;
	struct log *log; /* of events; NULL: none */
	uint64_t time;
};

static void on_event(struct both *b, unsigned dir, const struct tls_event *ev)
{
	struct way *w = &b->way[dir];
	int clear = ev->type == TLS_EV_HELLO || ev->type == TLS_EV_MESSAGE;

	if (b->log)
		say_event(b->log, ev, w->at);
	if (ev->type == TLS_EV_MESSAGE) {
		w->message = w->record;
		w->message_time = w->record_time;
	}
	tls_handshake_event(&b->h, dir, ev, clear ? w->message : w->record, w->at,
			    clear ? w->message_time : w->record_time, b->time);
	if (ev->type == TLS_EV_HELLO && ev->message == TLS_SERVER_HELLO)
		for (int d = 0; d < 2; d++)
			tls_negotiated(&b->way[d].t, b->h.version);
}

static enum parse_status step(struct both *b, unsigned dir, const uint8_t *p, size_t n,
			      size_t *used)
{
	struct way *w = &b->way[dir];
	struct tls_event ev;
	enum parse_status st;
	uint64_t skip = tls_unneeded(&w->t), gone;

	if (tls_at_record(&w->t)) {
		w->record = w->at;
		w->record_time = b->time;
	}
	if (w->blind && skip && n) {
		st = tls_gap(&w->t, skip < n ? skip : n, &gone, &ev);
		*used = (size_t)gone;
	} else {
		st = tls_next(&w->t, p, n, used, &ev);
	}
	w->at += *used;
	if (st == PARSE_EVENT)
		on_event(b, dir, &ev);
	return st;
}

/* n octets that come at once. */
static void feed(struct both *b, unsigned dir, const uint8_t *p, size_t n)
{
	struct way *w = &b->way[dir];
	size_t all = w->nkept + n, off = 0, used;
	uint8_t *buf = page_end - all;
	enum parse_status st;

	memcpy(buf, w->kept, w->nkept);
	memcpy(buf + w->nkept, p, n);
	do {
		st = step(b, dir, buf + off, all - off, &used);
		off += used;
	} while (st == PARSE_EVENT || used);
	w->nkept = all - off;
	if (w->nkept > sizeof(w->kept)) {
		w->kept_too_much = 1;
		w->nkept = 0;
	}
	memcpy(w->kept, buf + off, w->nkept);
}

static void lose(struct both *b, unsigned dir, uint64_t n)
{
	struct way *w = &b->way[dir];
	struct tls_event ev;
	uint64_t gone;

	w->at += w->nkept;
	w->nkept = 0;
	while (n) {
		enum parse_status st = tls_gap(&w->t, n, &gone, &ev);

		n -= gone;
		w->at += gone;
		if (st == PARSE_EVENT)
			on_event(b, dir, &ev);
	}
}

static void end(struct both *b, unsigned dir)
{
	struct tls_event ev;

	while (tls_eof(&b->way[dir].t, &ev) == PARSE_EVENT)
		on_event(b, dir, &ev);
}

static void begin(struct both *b, struct log *log, int blind)
{
	memset(b, 0, sizeof(*b));
	tls_handshake_init(&b->h);
	for (int d = 0; d < 2; d++) {
		tls_init(&b->way[d].t);
		b->way[d].blind = blind;
	}
	b->log = log;
	if (log)
		log->text[log->n = 0] = 0;
}

/* In pieces of `each` octets, but cut at `cut` of all octets. */
static void run(struct both *b, const struct talk *t, struct log *log, size_t each, size_t cut,
		int blind)
{
	size_t seen = 0;

	begin(b, log, blind);
	for (unsigned i = 0; i < t->n; i++) {
		b->time = 1000 + i;
		for (size_t off = 0; off < t->piece[i].len;) {
			size_t k = t->piece[i].len - off;

			k = k < each ? k : each;
			if (seen < cut && cut < seen + k)
				k = cut - seen;
			feed(b, t->piece[i].dir, t->piece[i].p + off, k);
			off += k;
			seen += k;
		}
	}
	end(b, 0);
	end(b, 1);
	tls_handshake_end(&b->h);
}

/* The same events and the same conclusions, however it comes. */
static void check(const char *name, const struct talk *t, const char *want)
{
	static struct log whole, log;
	struct both b, c;
	int good = 1, kept = 0;

	run(&b, t, &whole, TALK_OCTETS, 0, 0);
	is_str(whole.text, want, name);
	for (int how = 0; how < 2; how++) {
		run(&c, t, &log, how ? 1 : TALK_OCTETS, 0, 1);
		good &= !strcmp(log.text, whole.text) && !memcmp(&c.h, &b.h, sizeof(c.h));
	}
	ok(good, "%s: without what is unneeded", name);
	run(&c, t, &log, 1, 0, 0);
	ok(!strcmp(log.text, whole.text) && !memcmp(&c.h, &b.h, sizeof(c.h)), "%s: octet by octet",
	   name);
	good = 1;
	for (size_t cut = 1; cut < t->used; cut++) {
		run(&c, t, &log, TALK_OCTETS, cut, 0);
		good &= !strcmp(log.text, whole.text) && !memcmp(&c.h, &b.h, sizeof(c.h));
		kept |= c.way[0].kept_too_much | c.way[1].kept_too_much;
	}
	ok(good && !kept, "%s: cut at each octet", name);
}

static struct tls_handshake conclude(const struct talk *t)
{
	struct both b;

	run(&b, t, NULL, TALK_OCTETS, 0, 0);
	return b.h;
}

/* ---- RFC 8448 section 3: a handshake of NSS, which puts the server's messages into one record */

static void hello(struct talk *t, unsigned dir, const char *hex)
{
	uint8_t buf[1024];

	talk_add(t, dir, buf, talk_hex(hex, buf));
}

static void opening(struct talk *t)
{
	memset(t, 0, sizeof(*t));
	hello(t, 0, rfc8448_client);
	hello(t, 1, rfc8448_server);
}

static void test_rfc8448(void)
{
	static struct talk t;
	struct tls_handshake h;

	opening(&t);
	talk_record(&t, 1, 23, 674); /* EncryptedExtensions to Finished */
	talk_record(&t, 0, 23, 53);  /* Finished */
	talk_record(&t, 1, 23, 222); /* NewSessionTicket */
	talk_record(&t, 0, 23, 67);
	talk_record(&t, 1, 23, 67);
	talk_record(&t, 0, 23, 19); /* close_notify */
	talk_record(&t, 1, 23, 19);
	check("RFC 8448 section 3", &t,
	      "message 1 @9\nclient-hello 0304 sni=server @201\n"
	      "message 2 @9\nserver-hello 0304 cipher=1301 @95\n"
	      "record 23 674 @774\nrecord 23 53 @259\nrecord 23 222 @1001\nrecord 23 67 @331\n"
	      "record 23 67 @1073\nrecord 23 19 @355\nrecord 23 19 @1097\n");
	h = conclude(&t);
	ok(h.state == TLS_OPEN && h.client == 0 && h.version == 0x0304 && h.cipher == 0x1301 &&
		   !h.resumed && h.alert_dir == TLS_NO_DIR,
	   "its facts");
	ok(h.timed && h.begin_time == 1000 && h.end_time == 1003 && h.begin_pos == 0, "its times");
	ok(h.app_pos[0] == 201 + 58 && h.app_pos[1] == 95 + 679, "where application data begin");
}

/* ---- TLS 1.3, made up */

static void test_flights(void)
{
	static struct talk t;
	struct tls_handshake h;

	opening(&t);
	talk_record(&t, 1, 23, 674);
	talk_record(&t, 0, 23, 19);
	h = conclude(&t);
	ok(h.state == TLS_FAILED && h.alert_dir == 0 && h.alert == -1 && h.timed &&
		   h.end_time == 1003,
	   "the client's alert where Finished was due");

	opening(&t);
	talk_record(&t, 1, 23, 19);
	h = conclude(&t);
	ok(h.state == TLS_FAILED && h.alert_dir == 1,
	   "the server's alert where its flight was due");

	opening(&t);
	for (unsigned i = 0; i < 4; i++)
		talk_record(&t, 1, 23, i == 3 ? 53 : 100);
	talk_record(&t, 0, 23, 25); /* no certificate */
	talk_record(&t, 0, 23, 53);
	h = conclude(&t);
	ok(h.state == TLS_OPEN && h.app_pos[0] == 201 + 30 + 58 && h.app_pos[1] == 95 + 315 + 58,
	   "a client without a certificate");
	talk_record(&t, 1, 23, 19);
	h = conclude(&t);
	ok(h.state == TLS_FAILED && h.alert_dir == 1 && h.alert == -1,
	   "which the server does not like");

	opening(&t);
	talk_record(&t, 1, 23, 674);
	talk_record(&t, 0, 23, 900); /* Certificate, CertificateVerify, Finished */
	talk_record(&t, 0, 23, 53);  /* application data, by chance */
	h = conclude(&t);
	ok(h.state == TLS_OPEN && h.end_time == 1004,
	   "joined messages, and what looks like Finished");
	opening(&t);
	talk_record(&t, 1, 23, 674);
	talk_record(&t, 0, 23, 900);
	talk_record(&t, 0, 23, 80);
	talk_record(&t, 1, 23, 200);
	h = conclude(&t);
	ok(h.state == TLS_OPEN && h.app_pos[0] == 201 + 905 && h.end_time == 1003,
	   "joined messages");

	opening(&t);
	talk_record(&t, 1, 23, 53); /* an EncryptedExtensions of that length */
	talk_record(&t, 1, 23, 900);
	talk_record(&t, 0, 23, 53);
	h = conclude(&t);
	ok(h.state == TLS_OPEN && h.app_pos[0] && !h.app_pos[1],
	   "a server's flight of which nothing is certain");

	opening(&t);
	t.octets[201 + 11 + 32 + 1 + 1] = 0x99; /* the cipher suite */
	talk_record(&t, 1, 23, 53);
	talk_record(&t, 0, 23, 53);
	h = conclude(&t);
	ok(h.state == TLS_OPEN && !h.timed && !h.app_pos[0] && !h.app_pos[1] && h.cipher == 0x1399,
	   "a cipher suite of which nothing is known");
}

static void test_early_data(void)
{
	static struct talk t;
	struct tls_handshake h;
	uint8_t buf[1024];
	size_t n;

	memset(&t, 0, sizeof(t));
	n = talk_hex(rfc8448_client, buf);
	memcpy(buf + n - 6, "\0\x2a\0\2\0\0", 6); /* early_data in the place of record_size_limit */
	talk_add(&t, 0, buf, n);
	talk_record(&t, 0, 23, 53); /* early data */
	talk_record(&t, 0, 23, 300);
	hello(&t, 1, rfc8448_server);
	talk_record(&t, 1, 23, 80);
	talk_record(&t, 0, 23, 200); /* more of it, on its way when ServerHello came */
	talk_record(&t, 1, 23, 19);  /* an answer already */
	talk_record(&t, 0, 23, 21);
	talk_record(&t, 0, 23, 53);
	h = conclude(&t);
	ok(h.early_data && h.state == TLS_OPEN && h.end_time == 1008 &&
		   h.app_pos[0] == 201 + 58 + 305 + 205 + 26 + 58,
	   "early data");
	t.n = 4;
	talk_record(&t, 1, 23, 80);
	talk_record(&t, 0, 23, 53);
	h = conclude(&t);
	ok(h.state == TLS_OPEN && h.app_pos[0] == 201 + 58 + 305 + 58, "early data refused");
}

/* ---- alerts, ends */

static void test_ends(void)
{
	static const uint8_t fatal[] = {21, 3, 3, 0, 2, 2, 40},
			     warning[] = {21, 3, 3, 0, 2, 1, 112},
			     closing[] = {21, 3, 3, 0, 2, 1, 0};
	static struct talk t;
	struct tls_handshake h;

	memset(&t, 0, sizeof(t));
	hello(&t, 0, rfc8448_client);
	h = conclude(&t);
	ok(h.state == TLS_OPENING && h.client_hello && h.timed, "nobody answers");
	talk_add(&t, 1, warning, 7);
	h = conclude(&t);
	ok(h.state == TLS_OPENING && h.alert == 112 && h.alert_dir == 1, "a warning");
	talk_add(&t, 1, fatal, 7);
	h = conclude(&t);
	ok(h.state == TLS_FAILED && h.alert == 40 && h.alert_dir == 1, "an alert");

	opening(&t);
	talk_add(&t, 0, closing, 7);
	h = conclude(&t);
	ok(h.state == TLS_OPENING && h.alert == 0 && h.alert_dir == 0,
	   "close_notify in the middle");
	opening(&t);
	talk_add(&t, 1, warning, 7);
	h = conclude(&t);
	ok(h.state == TLS_FAILED && h.alert == 112, "a warning in TLS 1.3 is no warning");
	opening(&t);
	talk_record(&t, 1, 23, 674);
	h = conclude(&t);
	ok(h.state == TLS_OPENING && h.version == 0x0304, "the client leaves without a word");
}

/* TLS 1.2: what comes after CHANGE_CIPHER_SPEC is encrypted, but its content type is not. */
static void test_old(void)
{
	static struct talk t;
	struct tls_handshake h;

	talk_capture(&t, "tests/golden/tls12.pcap", 0);
	t.n = 3; /* up to the client's Finished */
	h = conclude(&t);
	ok(h.state == TLS_OPENING && h.app_pos[0] && !h.app_pos[1] && h.alert_dir == TLS_NO_DIR,
	   "the server's Finished is to come");
	talk_record(&t, 0, 21, 26);
	h = conclude(&t);
	ok(h.state == TLS_FAILED && h.alert_dir == 0 && h.alert == -1,
	   "an alert of the client instead");
	t.n = 3;
	talk_record(&t, 1, 20, 1);
	talk_record(&t, 1, 21, 26);
	h = conclude(&t);
	ok(h.state == TLS_FAILED && h.alert_dir == 1, "an alert of the server instead");

	talk_capture(&t, "tests/golden/tls12.pcap", 1);
	t.n = 2; /* a resumption: the server's Finished comes first */
	h = conclude(&t);
	ok(h.state == TLS_OPENING && h.resumed && h.app_pos[1] && !h.app_pos[0], "resumed");
	talk_record(&t, 0, 20, 1);
	talk_record(&t, 0, 21, 26);
	h = conclude(&t);
	ok(h.state == TLS_FAILED && h.alert_dir == 0,
	   "an alert of the client instead of its Finished");
}

/* ---- captures of openssl and GnuTLS */

static const char *captured(const char *file, unsigned which, struct tls_handshake *h)
{
	static char text[256];
	static struct talk t;
	char path[64], buf[8];
	const char *name;

	snprintf(path, sizeof(path), "tests/golden/%s.pcap", file);
	if (!talk_capture(&t, path, which))
		return "no such capture";
	*h = conclude(&t);
	name = tls_version_name(h->version);
	snprintf(text, sizeof(text), "%s %s %s%s%s%s", name ? name : "-",
		 h->cipher ? tls_cipher_name(h->cipher, buf) : "-",
		 h->state == TLS_OPEN	  ? "open"
		 : h->state == TLS_FAILED ? "failed"
					  : "opening",
		 h->resumed ? " resumed" : "", h->early_data ? " early" : "",
		 h->retried ? " retried" : "");
	if (h->alert_dir != TLS_NO_DIR)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s from %s",
			 h->alert < 0 ? "?" : tls_alert_name((unsigned)h->alert, buf),
			 h->alert_dir == h->client ? "client" : "server");
	return text;
}

#define CAPTURED(file, which, want) is_str(captured(file, which, &h), want, file " " #which)
#define OLD "1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 "

/* Offsets are sums of the record lengths that tshark tells, with five octets for each header. */
static void test_captures(void)
{
	static struct talk t;
	struct tls_handshake h;

	CAPTURED("tls12", 0, OLD "open");
	ok(h.app_pos[0] == 174 + 42 + 6 + 45 && h.timed, "client's application data");
	is_u64(h.app_pos[1], 85 + 317 + 121 + 9 + 191 + 6 + 45, "server's application data");
	CAPTURED("tls12", 1, OLD "open resumed");
	is_u64(h.app_pos[0], 367 + 6 + 45, "client's application data");
	is_u64(h.app_pos[1], 90 + 6 + 45, "server's application data");
	CAPTURED("tls13", 0, "1.3 TLS_AES_128_GCM_SHA256 open");
	is_u64(h.app_pos[0], 338 + 6 + 58, "client's application data");
	is_u64(h.app_pos[1], 127 + 6 + 37 + 337 + 101 + 58, "server's application data");
	CAPTURED("tls13", 1, "1.3 TLS_AES_128_GCM_SHA256 open resumed early");
	is_u64(h.app_pos[0], 421 + 6 + 28 + 26 + 58, "client's application data");
	is_u64(h.app_pos[1], 133 + 6 + 41 + 58, "server's application data");
	CAPTURED("tls13", 2, "1.3 TLS_AES_256_GCM_SHA384 open retried");
	is_u64(h.app_pos[0], 304 + 6 + 369 + 74, "client's application data");
	CAPTURED("tls13", 3, "1.3 TLS_CHACHA20_POLY1305_SHA256 open");
	CAPTURED("tls-failed", 0, "1.3 TLS_AES_256_GCM_SHA384 failed unknown_ca from client");
	CAPTURED("tls-failed", 1, OLD "failed unknown_ca from client");
	CAPTURED("tls-failed", 2, "- - failed handshake_failure from server");
	CAPTURED("tls-failed", 3, "1.3 TLS_AES_256_GCM_SHA384 failed ? from client");
	CAPTURED("tls-failed", 4, "- - failed protocol_version from server");
	CAPTURED("tls-failed", 5, "- - failed no_application_protocol from server");
	CAPTURED("tls-failed", 6, "1.3 TLS_AES_256_GCM_SHA384 failed ? from server");
	CAPTURED(
		"tls-failed", 7,
		"1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 failed handshake_failure from server");
	for (unsigned i = 0; talk_capture(&t, "tests/golden/tls13.pcap", i); i++) {
		struct log log;
		struct both b;

		run(&b, &t, &log, TALK_OCTETS, 0, 0);
		check("tls13", &t, log.text);
	}
	talk_capture(&t, "tests/golden/tls12.pcap", 0);
	check("tls12", &t,
	      "message 1 @9\nclient-hello 0303 sni=server.example alpn=http/1.1 @174\n"
	      "message 2 @9\nserver-hello 0303 cipher=c02b alpn=http/1.1 @85\n"
	      "message 11 @94\nmessage 12 @411\nmessage 14 @532\n"
	      "message 16 @183\nccs @222\nrecord 22 40 @267\n"
	      "message 4 @541\nccs @729\nrecord 22 40 @774\n"
	      "record 23 31 @303\nrecord 23 31 @810\nrecord 21 26 @334\nrecord 21 26 @841\n");
}

/* ---- hellos in odd shapes */

static void extension(uint8_t *p, size_t *n, unsigned type, const char *data, size_t len)
{
	uint8_t head[4] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(len >> 8), (uint8_t)len};

	memcpy(p + *n, head, 4);
	memcpy(p + *n + 4, data, len);
	*n += 4 + len;
}

/* A ClientHello with these extensions, in records of at most `each` octets. */
static void made_up(struct talk *t, const uint8_t *ext, size_t n, size_t each)
{
	uint8_t m[2048] = {1, 0, 0, 0, 3, 3};
	size_t len = 4 + 34, off, k;

	m[len++] = 0;					  /* session */
	memcpy(m + len, "\0\4\x5a\x5a\x13\1\1\0", 8);	  /* suites, methods */
	len += 8;
	m[len++] = (uint8_t)(n >> 8);
	m[len++] = (uint8_t)n;
	memcpy(m + len, ext, n);
	len += n;
	m[2] = (uint8_t)((len - 4) >> 8);
	m[3] = (uint8_t)(len - 4);
	memset(t, 0, sizeof(*t));
	for (off = 0; off < len; off += k) {
		uint8_t head[5] = {22, 3, 1, 0, 0};

		k = len - off < each ? len - off : each;
		head[3] = (uint8_t)(k >> 8);
		head[4] = (uint8_t)k;
		talk_add(t, 0, head, 5);
		talk_add(t, 0, m + off, k);
	}
}

static void test_hellos(void)
{
	static struct talk t;
	uint8_t ext[1024];
	size_t n = 0;

	extension(ext, &n, 0x1a1a, "", 0);
	extension(ext, &n, 0, "\0\x0e\1\0\1x\0\0\7a.b.c.d", 16);
	extension(ext, &n, 16, "\0\x0f\2\x8a\x8a\2h2\x8http/1.1", 17);
	extension(ext, &n, 43, "\6\xfa\xfa\3\4\3\3", 7);
	made_up(&t, ext, n, 1024);
	check("GREASE, and another kind of name", &t,
	      "message 1 @9\nclient-hello 0304 sni=a.b.c.d alpn=h2 alpn=http/1.1 @110\n");
	made_up(&t, ext, n, 3);
	ok(t.n == 2 * 35, "in records of three octets");
	check("in records of three octets", &t,
	      "message 1 @14\nclient-hello 0304 sni=a.b.c.d alpn=h2 alpn=http/1.1 @280\n");

	n = 0;
	/* the name is longer than its extension */
	extension(ext, &n, 0, "\0\x0e\1\0\1x\0\0\7a.b.c", 14);
	extension(ext, &n, 16, "\0\x0f\2h2\x30http/1.1", 14);
	made_up(&t, ext, n, 1024);
	check("lengths that lie", &t, "message 1 @9\nclient-hello 0303 alpn=h2 @90\n");
	ext[3] = 200;
	made_up(&t, ext, n, 1024);
	check("an extension longer than all", &t, "message 1 @9\nclient-hello 0000 cut @90\n");

	n = 0;
	extension(ext, &n, 0, "\0\6\0\0\3a\0b", 8);
	made_up(&t, ext, n, 1024);
	check("a name with NUL", &t, "message 1 @9\nclient-hello 0303 @66\n");
}

/* ---- loss */

static void test_gaps(void)
{
	static const uint8_t rest[] = {23, 3, 3, 0, 19};
	static struct log log;
	static struct talk t;
	struct both b;

	opening(&t);
	begin(&b, &log, 0);
	feed(&b, 0, t.piece[0].p, 80); /* as much as a capture with a short snaplen has */
	lose(&b, 0, t.piece[0].len - 80);
	feed(&b, 0, rest, 5);
	lose(&b, 0, 19);
	is_str(log.text, "message 1 @9\nclient-hello 0000 sni=server cut @80\nrecord 23 19 @225\n",
	       "a ClientHello that is cut, and the record after it");

	begin(&b, &log, 0);
	feed(&b, 1, t.piece[1].p, 60);
	end(&b, 1);
	is_str(log.text, "message 2 @9\nserver-hello 0000 cipher=1301 cut @60\n",
	       "a ServerHello that is cut does not tell the version");

	begin(&b, &log, 0);
	feed(&b, 0, t.piece[0].p, t.piece[0].len);
	feed(&b, 0, rest, 3);
	lose(&b, 0, 30);
	feed(&b, 0, t.piece[0].p, t.piece[0].len);
	is_str(log.text,
	       "message 1 @9\nclient-hello 0304 sni=server @201\nlost @204\n"
	       "message 1 @243\nclient-hello 0304 sni=server @435\n",
	       "a header that is cut, and a record behind the gap");

	begin(&b, &log, 0);
	feed(&b, 1, (const uint8_t *)"S", 1);
	feed(&b, 1, t.piece[1].p, t.piece[1].len);
	is_str(log.text, "lost @0\nmessage 2 @10\nserver-hello 0304 cipher=1301 @96\n",
	       "a hello behind an octet that is not TLS");

	begin(&b, &log, 0);
	feed(&b, 0, (const uint8_t *)"xx\x17\3\3\0\2ab\x17\3\3\0\3abc\x17\3\3\0\4abcd", 26);
	is_str(log.text, "lost @0\nrecord 23 3 @17\nrecord 23 4 @26\n",
	       "a record in the middle of anything counts if another one follows");

	begin(&b, &log, 0);
	feed(&b, 0, (const uint8_t *)"xx\x17\3\3\0\2abxx", 11);
	feed(&b, 0, t.piece[0].p, t.piece[0].len);
	is_str(log.text, "lost @0\nmessage 1 @20\nclient-hello 0304 sni=server @212\n",
	       "what looked like a record was none");
}

static void test_probe(void)
{
	uint8_t buf[1024];
	size_t n = talk_hex(rfc8448_client, buf);
	int good = 1;

	for (size_t i = 0; i < n; i++)
		good &= tls_probe(page_end - i, 0, 1) == PROBE_MORE;
	for (size_t i = 0; i <= n; i++) {
		memcpy(page_end - i, buf, i);
		good &= tls_probe(page_end - i, i, 1) ==
			(i < TLS_MAX_KEEP ? PROBE_MORE : PROBE_YES);
	}
	ok(good, "a ClientHello is known by its first octets");
	ok(tls_probe((const uint8_t *)"GET / HTTP/1.1\r\n", 16, 0) == PROBE_NO &&
		   tls_probe((const uint8_t *)"PRI * HTTP/2.0\r\n", 16, 0) == PROBE_NO &&
		   tls_probe((const uint8_t *)"\0\0\0\x8\4\xd2\x16\x2f", 8, 0) == PROBE_NO,
	   "what is not TLS");
	ok(tls_probe((const uint8_t *)"\x17\3\3\0\x20", 5, 1) == PROBE_NO, "a record is no start");
	ok(tls_probe((const uint8_t *)"\x17\3\3\0\x20xx", 7, 0) == PROBE_YES, "but will do later");
	ok(tls_probe((const uint8_t *)"\x17\3\3\x50\x20xx", 7, 0) == PROBE_NO,
	   "one that is too long");
	ok(tls_probe((const uint8_t *)"\x16\3\3\0\4\xe\0\0\0\x14\3", 11, 0) == PROBE_YES &&
		   tls_probe((const uint8_t *)"\x16\3\3\0\4\xe\0\0\0\x14\1", 11, 0) == PROBE_NO,
	   "what follows it counts");
}

static void test_names(void)
{
	char buf[8];

	is_str(tls_cipher_name(0x0004, buf), "TLS_RSA_WITH_RC4_128_MD5", "the first suite");
	is_str(tls_cipher_name(0xccac, buf), "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
	       "the last");
	is_str(tls_cipher_name(0x1399, buf), "0x1399", "one without a name");
	is_str(tls_alert_name(48, buf), "unknown_ca", "an alert");
	is_str(tls_alert_name(201, buf), "201", "one without a name");
	is_str(tls_version_name(0x0303), "1.2", "a version");
	ok(!tls_version_name(0x7f1c), "one without a name");
	ok(tls_is_grease(0x0a0a) && tls_is_grease(0xfafa) && !tls_is_grease(0x0a1a) &&
		   !tls_is_grease(0x1301),
	   "GREASE");
}

int main(void)
{
	make_page();
	test_rfc8448();
	test_flights();
	test_early_data();
	test_ends();
	test_old();
	test_captures();
	test_hellos();
	test_gaps();
	test_probe();
	test_names();
	return tap_done();
}
