/*
 * copy.c - a span for elsewhere: as JSON, as a line of text, as a command of curl(1)
 *
 * What is secret stays hidden as on the screen. A command is quoted for a shell: what came over the
 * wire stays one word, whatever it holds.
 */
#include <string.h>

#include "cli/tui/copy.h"
#include "cli/tui/tui_impl.h"
#include "parsers/http1/http1.h"
#include "parsers/redact_scan.h"
#include "sinks/format.h"
#include "sinks/safe.h"

/* ---- words of a shell */

static int needs_escapes(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		size_t len = (unsigned char)s.p[i] < 0x80 ? 1 : utf8_len(s.p + i, s.n - i);

		if (!len || s.p[i] == '\'' || s.p[i] == '\\' || (unsigned char)s.p[i] < ' ' ||
		    s.p[i] == 0x7f || len > 1)
			return 1;
	}
	return 0;
}

/* Within quotes that are open already: '…', or $'…' with \xHH. */
static void put_inside(struct out *o, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char *p = out_reserve(o, 8);

		if (c >= ' ' && c < 0x7f && c != '\'' && c != '\\')
			*p++ = (char)c;
		else
			p = fmt_hex(FMT_LIT(p, "\\x"), &c, 1);
		out_commit(o, p);
	}
}

/* One word of these parts. */
static void put_word(struct out *o, const struct str *part, int n)
{
	int escapes = 0;

	for (int i = 0; i < n; i++)
		escapes |= part[i].p && needs_escapes(part[i]);
	out_str(o, escapes ? " $'" : " '");
	for (int i = 0; i < n; i++)
		if (part[i].p)
			put_inside(o, part[i]);
	out_char(o, '\'');
}

static void put_option(struct out *o, const char *option, struct str value)
{
	out_char(o, ' ');
	out_str(o, option);
	put_word(o, &value, 1);
}

/* ---- curl */

/* Those that curl makes itself, and those of the connection. */
static int is_curls(struct str name)
{
	static const char *const names[] = { "host", "connection", "content-length",
					     "transfer-encoding", "te", "upgrade", "keep-alive" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == name.n && !strncasecmp(name.p, names[i], name.n))
			return 1;
	return !name.n || name.p[0] == ':';
}

static void put_fields(struct out *o, const struct tui *t, const struct span *s)
{
	struct str name, value;
	char buf[TEXT_MAX];
	size_t pos = 0;

	while (s->req_fields.p && http1_field_next(s->req_fields, &pos, &name, &value)) {
		struct str part[3] = { name, { ": ", 2 }, value };

		if (is_curls(name))
			continue;
		if (t->opt.redact && redact_is_secret_field(name))
			part[2] = str_of(REDACTED);
		else if (t->opt.redact && redact_is_uri_field(name))
			part[2] = text_redacted(value, 0, 1, buf, sizeof(buf));
		out_str(o, " -H");
		put_word(o, part, 3);
	}
}

/* Content that is here as a whole. */
static void put_content(struct out *o, const struct tui *t, const struct span *s)
{
	if (t->opt.body && s->req_body.n && s->req_body.n == s->req_body_bytes)
		put_option(o, "--data-raw", s->req_body);
}

static int is(struct str s, const char *word)
{
	return s.n == strlen(word) && !memcmp(s.p, word, s.n);
}

static void put_method(struct out *o, const struct span *s)
{
	if (is(s->method, "HEAD"))
		out_str(o, " --head");
	else if (!is(s->method, "GET"))
		put_option(o, "-X", s->method);
}

/*
 * The server's own address, so that the request goes where it went; by its name where a certificate
 * must fit that.
 */
static void put_url(struct out *o, const struct tui *t, const struct span *s)
{
	char address[64], path[TEXT_MAX], query[TEXT_MAX];
	struct str at = s->has_addr ? tui_endpoint(address, s->server_addr, s->server_port) :
				      s->host;
	struct str host = s->host.p ? s->host : at, own[2] = { { "Host: ", 6 }, host };
	struct str to[2] = { { "::", 2 }, at };
	struct str url[5] = {
		{ s->tls ? "https://" : "http://", s->tls ? 8 : 7 },
		s->tls ? host : at,
		text_redacted(s->path, 0, t->opt.redact, path, sizeof(path)),
		{ s->query.p ? "?" : "", s->query.p ? 1 : 0 },
		text_redacted(s->query, 1, t->opt.redact, query, sizeof(query)),
	};
	int odd = s->path.n && s->path.p[0] != '/';

	if (s->tls && s->has_addr && s->host.p) {
		out_str(o, " --connect-to");
		put_word(o, to, 2);
	} else if (s->host.p && !s->tls && (host.n != at.n || memcmp(host.p, at.p, at.n))) {
		out_str(o, " -H");
		put_word(o, own, 2);
	}
	if (odd) /* OPTIONS *, or a whole URL as a proxy gets it */
		put_option(o, "--request-target", url[2]);
	put_word(o, url, odd ? 2 : 5);
}

static int put_curl(struct out *o, const struct tui *t, const struct span *s)
{
	if (s->protocol->start_line == NULL || !s->method.p || !s->path.p ||
	    (s->protocol->flags & NAME_CONNECTION))
		return -1;
	out_str(o, "curl -i");
	put_method(o, s);
	put_fields(o, t, s);
	put_content(o, t, s);
	put_url(o, t, s);
	out_char(o, '\n');
	return 0;
}

/* ---- all forms */

static int put_sink(struct sink *k, const struct span *s)
{
	if (!k)
		return -1;
	k->ops->span(k, s);
	k->ops->free(k);
	return 0;
}

static int put_form(struct out *o, const struct tui *t, const struct span *s, enum copy_form form)
{
	const struct sink_options so = { .out = o, .redact = t->opt.redact };

	switch (form) {
	case COPY_JSON: return put_sink(tui_json_sink(t, o), s);
	case COPY_TEXT: return put_sink(sink_text_new(&so), s);
	case COPY_CURL: return put_curl(o, t, s);
	case COPY_TRACE:
		out_commit(o, fmt_hex(out_reserve(o, 2 * TRACE_ID_LEN), s->trace_id, TRACE_ID_LEN));
		return 0;
	}
	return -1;
}

void copy_span(struct tui *t, const struct span *s, enum copy_form form)
{
	static const char *const names[] = { "JSON", "text", "a command of curl", "its trace id" };
	struct out o;

	if (out_init_memory(&o)) {
		tui_say(t, STYLE_ERROR, "out of memory");
		return;
	}
	if (put_form(&o, t, s, form) || o.error)
		tui_say(t, STYLE_ERROR, "it cannot be told as %s", names[form]);
	else if (screen__copy(t->screen, o.buf, o.n))
		tui_say(t, STYLE_ERROR, "%zu bytes are too much for a clipboard; w saves", o.n);
	else
		tui_say(t, STYLE_GOOD, "%s, %zu bytes, given to the terminal's clipboard",
			names[form], o.n);
	out_release(&o);
}
