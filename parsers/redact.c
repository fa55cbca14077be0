/*
 * redact.c - names that look secret, and URIs
 */
#include <string.h>

#include "parsers/redact.h"
#include "parsers/digits.h"
#include "parsers/redact_scan.h"

struct word {
	char text[21];
	uint8_t n;
};

#define W(s) { s, sizeof(s) - 1 }

/* Parameters alone, normalised: exact names. */
static const struct word secret_params[] = { W("key"), W("code") };

/* Parameters and fields, normalised: exact names, or what is behind a '.', a '[' or an X-. */
static const struct word secret_names[] = {
	W("sig"), W("auth"), W("session"), W("sid"), W("jwt"), W("pass"), W("pwd"), W("passphrase"),
 W("assertion"), W("clientassertion"), W("samlresponse"),
	W("samlrequest"), W("otp"), W("hmac"), W("ticket"), W("phpsessid"), W("jsessionid"),
	W("totp"), W("mfacode"), W("verificationcode"), W("card"), W("cardnumber"), W("cc"),
	W("pan"), W("cvv"), W("cvc"), W("ssn"), W("taxid"), W("mfatoken"),
};

/* Fields, normalised: exact names. */
static const struct word secret_fields[] = {
	W("cookie"), W("cookie2"), W("setcookie"), W("setcookie2"), W("xauthkey"),
	W("xregistryauth"), W("xregistryconfig"), W("xhubsignature256"),
	W("secwebsocketprotocol"), /* browsers have no other place for a token */
};

/* Parameters and fields, normalised: ends of names. */
static const struct word secret_ends[] = {
	W("token"), W("secret"), W("password"), W("passwd"), W("apikey"), W("signature"),
	W("credential"), W("credentials"), W("sessionid"), W("accesskey"), W("accesskeyid"),
	W("secretkey"), W("privatekey"), W("authorization"), W("subscriptionkey"),
	W("functionskey"), W("jwtassertion"), W("oidcdata"), W("csrf"),
};

static const struct word uri_fields[] = {
	W("referrer"), W("origin"), W("destination"), W("link"), W("refresh"), W("forwarded"),
	W(":authority"), W("servertiming"),
};

/* Of fields: ends of names. */
static const struct word uri_ends[] = {
	W("location"), W("referer"), W("host"), W("uri"), W("url"), W("path"), W("redirect"),
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static int is_secret_param(const struct redact_name *a);

void redact_name_reset(struct redact_name *a)
{
	a->n = a->cut = a->part = a->secret = 0;
}

void redact_name_add(struct redact_name *a, char c)
{
	const uint8_t half = sizeof(a->b) / 2;

	if (c >= 'A' && c <= 'Z')
		c = (char)(c | 0x20);
	if (c == '[')
		a->secret = a->secret || is_secret_param(a);
	if (c == '[' || c == '.')
		a->part = a->n;
	if (c == '-' || c == '_' || c == '.' || c == '[' || c == ']' || c == ' ' || c == '+' ||
	    c == '"')
		return;
	if (a->n == sizeof(a->b)) { /* the end is what matters of a long name */
		memmove(a->b, a->b + half, half);
		a->n = half;
		a->part = a->part > half ? (uint8_t)(a->part - half) : 0;
		a->cut = 1;
	}
	a->b[a->n++] = c;
}

/* An octet with percent-encoding undone, however often it was encoded; -1: in the midst of it. */
static int unescape(uint8_t *at, char c)
{
	int h = hex_value(c);

	if (c == '%') {
		*at = 1;
		return -1;
	}
	if (!*at || h < 0) {
		*at = 0;
		return (uint8_t)c;
	}
	if (*at == 1) {
		*at = (uint8_t)(0x10 | h);
		return -1;
	}
	h |= (*at & 15) << 4;
	*at = h == '%';
	return *at ? -1 : h;
}

/* Is the name from this octet on one of these? */
static int is_one_of(const struct redact_name *a, uint8_t from, const struct word *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].n == a->n - from && !memcmp(list[i].text, a->b + from, list[i].n))
			return from || !a->cut;
	return 0;
}

static int ends_like(const struct redact_name *a, const struct word *list, size_t n)
{
	char last = a->n ? a->b[a->n - 1] : 0;

	for (size_t i = 0; i < n; i++) {
		const struct word *w = &list[i];

		if (w->text[w->n - 1] == last && w->n <= a->n &&
		    !memcmp(w->text, a->b + a->n - w->n, w->n))
			return 1;
	}
	return 0;
}

#define IS_ONE_OF(a, from, list) is_one_of(a, from, list, COUNT(list))

static int is_secret_name(const struct redact_name *a)
{
	return a->secret || ends_like(a, secret_ends, COUNT(secret_ends)) ||
	       IS_ONE_OF(a, 0, secret_names) || (a->part && IS_ONE_OF(a, a->part, secret_names)) ||
	       (a->n && !a->cut && a->b[0] == 'x' && IS_ONE_OF(a, 1, secret_names));
}

int redact_name_is_secret_field(const struct redact_name *a)
{
	return IS_ONE_OF(a, 0, secret_fields) || is_secret_name(a);
}

int redact_name_is_uri_field(const struct redact_name *a)
{
	return IS_ONE_OF(a, 0, uri_fields) || ends_like(a, uri_ends, COUNT(uri_ends));
}

static int is_secret_param(const struct redact_name *a)
{
	return IS_ONE_OF(a, 0, secret_params) || is_secret_name(a);
}

static struct redact_name name_of(struct str s, int percent)
{
	struct redact_name a = { .n = 0 };
	uint8_t escape = 0;

	for (size_t i = 0; i < s.n; i++) {
		int c = percent ? unescape(&escape, s.p[i]) : s.p[i];

		if (!percent || c >= 0)
			redact_name_add(&a, (char)c);
	}
	return a;
}

int redact_is_secret_field(struct str name)
{
	struct redact_name a = name_of(name, 0);

	return redact_name_is_secret_field(&a);
}

int redact_is_uri_field(struct str name)
{
	struct redact_name a = name_of(name, 0);

	return redact_name_is_uri_field(&a);
}

int redact_is_secret_param(struct str name)
{
	struct redact_name a = name_of(name, 1);

	return is_secret_param(&a);
}

/* ---- URIs */

enum scan_state {
	AUTHORITY, /* its first octet, or behind an '@' in it, comes next; the initial one */
	IN_PATH,
	USERINFO,
	HOST,
	PARAM, /* a name, or a value, in which names may be, too */
	SECRET,
};

void redact_scan_uri(struct redact_scan *s)
{
	memset(s, 0, sizeof(*s));
	s->colon_slash = 1; /* an authority may be behind "//" alone */
}

static void start_name(struct redact_scan *s)
{
	s->state = PARAM;
	redact_name_reset(&s->name);
}

static void redact_scan_query(struct redact_scan *s)
{
	redact_scan_uri(s);
	s->query = 1;
	start_name(s);
}

#define IPV4_MAX 15 /* octets of one: no more are looked at for each that comes */

/* Do these octets look like an IPv4 address, or like a piece of one? */
static int is_address(const char *p, const char *end)
{
	if (end - p > IPV4_MAX)
		return 0;
	while (p < end && ((*p >= '0' && *p <= '9') || *p == '.'))
		p++;
	return p == end;
}

/* Is there an '@' in the authority that begins at p, or might there be one in what follows end? */
static int has_userinfo(const struct redact_scan *s, const char *p, const char *end, int more)
{
	uint8_t escape = 0;

	for (; p < end; p++) {
		int c = unescape(&escape, *p);

		if (c == '@')
			return 1;
		if ((unsigned char)*p <= ' ' || (c > 0 && strchr("/?#", c)) ||
		    (s->query && *p == '&'))
			return 0;
	}
	return more;
}

/* An octet of a value, c with percent-encoding undone: parameters may be within it. */
static void step_value(struct redact_scan *s, int c)
{
	if (c == '?' || c == '&' || c == ';' || c == '#') {
		redact_name_reset(&s->name);
	} else if (c == '=') {
		s->state = is_secret_param(&s->name) ? SECRET : PARAM;
		redact_name_reset(&s->name);
	} else if (c >= 0) {
		redact_name_add(&s->name, (char)c);
	}
}

/* An octet of a name or a value; returns whether it is secret. */
static int step_param(struct redact_scan *s, char c, int plain)
{
	int ends_path_param = !s->query && (c == '/' || c == ';');

	if (c == '#' || (c == '?' && (s->state != SECRET || !s->query))) {
		s->query = 1;
		start_name(s);
	} else if (ends_path_param || c == '&') {
		start_name(s);
		if (c == '/')
			s->state = IN_PATH;
	} else if (s->state == SECRET) {
		return 1; /* in a query ';' may be part of it */
	} else if (c == ';') {
		start_name(s);
	} else {
		step_value(s, plain);
	}
	return 0;
}

static void after_authority(struct redact_scan *s)
{
	s->state = s->query ? PARAM : IN_PATH;
	redact_name_reset(&s->name);
}

/* An octet of an authority or a path, c with percent-encoding undone; is it secret? */
static int step_path(struct redact_scan *s, char raw, int c)
{
	if (raw == '?' || raw == '#' || (raw == ';' && s->state != USERINFO)) {
		s->query |= raw != ';';
		start_name(s);
	} else if (raw == '&' && s->query) {
		start_name(s);
	} else if (c == '/') {
		after_authority(s);
	} else if (raw != c && (c == '?' || c == '#' || c == '&' || c == ';')) {
		s->state = PARAM; /* of a URI that the path carries */
		redact_name_reset(&s->name);
	}
	return s->state == USERINFO;
}

int redact_scan_step(struct redact_scan *s, const char *p, const char *end, int more)
{
	static const char mark[] = "://";
	int c = unescape(&s->escape, *p);

	if (c >= 0)
		s->colon_slash = c == mark[s->colon_slash] ? (uint8_t)(s->colon_slash + 1)
							   : c == ':' || c == '<' || c == '=';
	if (s->colon_slash == 3) {
		s->colon_slash = 0;
		if (s->state == IN_PATH || s->state == PARAM) { /* also of one that a URI carries */
			s->state = AUTHORITY;
			return 0;
		}
	}
	if (s->state == AUTHORITY) {
		if (more && is_address(p, end))
			return 0; /* of no user; what comes behind end decides for itself */
		s->state = has_userinfo(s, p, end, more) ? USERINFO : HOST;
	}
	if (s->state == USERINFO && c == '@') {
		s->state = AUTHORITY;
		return *p != '@';
	}
	return s->state >= PARAM ? step_param(s, *p, c) : step_path(s, *p, c);
}

void redact_pieces_uri(struct redact_pieces *r, struct str uri)
{
	r->rest = uri;
	r->known = 0;
	redact_scan_uri(&r->scan);
}

void redact_pieces_query(struct redact_pieces *r, struct str query)
{
	r->rest = query;
	r->known = 0;
	redact_scan_query(&r->scan);
}

int redact_next(struct redact_pieces *r, struct str *piece)
{
	const char *p = r->rest.p, *end = p + r->rest.n;
	int secret = r->hidden;
	size_t n = 1;

	if (!r->rest.n)
		return 0;
	if (!r->known)
		secret = redact_scan_step(&r->scan, p, end, 0);
	for (r->known = 0; n < r->rest.n; n++) {
		r->hidden = (uint8_t)redact_scan_step(&r->scan, p + n, end, 0);
		if (r->hidden != secret) { /* with it the next piece begins */
			r->known = 1;
			break;
		}
	}
	*piece = secret ? (struct str){ REDACTED, strlen(REDACTED) } : (struct str){ p, n };
	r->rest = (struct str){ p + n, r->rest.n - n };
	return 1;
}

static size_t join(struct redact_pieces *r, char *out, size_t cap)
{
	struct str piece;
	size_t n = 0;

	while (redact_next(r, &piece)) {
		if (n < cap)
			memcpy(out + n, piece.p, piece.n < cap - n ? piece.n : cap - n);
		n += piece.n;
	}
	return n;
}

size_t redact_uri(struct str in, char *out, size_t cap)
{
	struct redact_pieces r;

	redact_pieces_uri(&r, in);
	return join(&r, out, cap);
}

size_t redact_query(struct str in, char *out, size_t cap)
{
	struct redact_pieces r;

	redact_pieces_query(&r, in);
	return join(&r, out, cap);
}
