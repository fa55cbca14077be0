/*
 * redact.c - names that look secret, and URIs
 */
#include <string.h>

#include "parsers/redact.h"
#include "parsers/digits.h"
#include "parsers/redact_scan.h"

struct word {
	char text[19];
	uint8_t n;
};

#define W(s) { s, sizeof(s) - 1 }

/* Parameters, normalised: exact names. */
static const struct word secret_params[] = {
	W("key"), W("sig"), W("auth"), W("session"), W("sid"), W("code"), W("jwt"), W("pass"),
	W("pwd"), W("passphrase"), W("assertion"), W("clientassertion"), W("samlresponse"),
	W("samlrequest"), W("otp"), W("hmac"), W("ticket"), W("phpsessid"), W("jsessionid"),
	W("totp"), W("mfacode"), W("verificationcode"), W("card"), W("cardnumber"), W("cc"),
	W("pan"), W("cvv"), W("cvc"), W("ssn"), W("taxid"), W("mfatoken"),
};

/* Fields, normalised: exact names. */
static const struct word secret_fields[] = {
	W("cookie"), W("cookie2"), W("setcookie"), W("setcookie2"), W("xauthkey"), W("xjwt"),
};

/* Parameters and fields, normalised: ends of names. */
static const struct word secret_ends[] = {
	W("token"), W("secret"), W("password"), W("passwd"), W("apikey"), W("signature"),
	W("credential"), W("credentials"), W("sessionid"), W("accesskey"), W("accesskeyid"),
	W("secretkey"), W("privatekey"), W("authorization"), W("subscriptionkey"),
	W("functionskey"), W("jwtassertion"), W("oidcdata"), W("csrf"),
};

static const struct word uri_fields[] = {
	W("location"), W("contentlocation"), W("referer"), W("referrer"), W("xoriginaluri"),
	W("xoriginalurl"), W("xforwardeduri"), W("xrewriteurl"), W("origin"), W("destination"),
	W("link"), W("refresh"), W("host"), W("xforwardedhost"), W("xoriginalhost"),
	W("forwarded"), W(":authority"), W(":path"),
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

void redact_name_reset(struct redact_name *a)
{
	a->n = a->cut = a->escape = 0;
}

static void name_append(struct redact_name *a, char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char)(c | 0x20);
	if (c == '-' || c == '_' || c == '.' || c == '[' || c == ']' || c == ' ' || c == '+')
		return;
	if (a->n == sizeof(a->b)) { /* the end is what matters of a long name */
		memmove(a->b, a->b + sizeof(a->b) / 2, sizeof(a->b) / 2);
		a->n = sizeof(a->b) / 2;
		a->cut = 1;
	}
	a->b[a->n++] = c;
}

void redact_name_add(struct redact_name *a, char c, int percent)
{
	int h;

	if (!percent || (!a->escape && c != '%')) {
		name_append(a, c);
		return;
	}
	if (c == '%') {
		a->escape = 1;
		return;
	}
	h = hex_value(c);
	if (h < 0) {
		a->escape = 0;
		name_append(a, c);
	} else if (a->escape == 1) {
		a->high = (uint8_t)h;
		a->escape = 2;
	} else {
		a->escape = 0;
		name_append(a, (char)(a->high << 4 | h));
	}
}

static int is_one_of(const struct redact_name *a, const struct word *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].n == a->n && !a->cut && !memcmp(list[i].text, a->b, a->n))
			return 1;
	return 0;
}

static int ends_like_secret(const struct redact_name *a)
{
	char last = a->n ? a->b[a->n - 1] : 0;

	for (size_t i = 0; i < COUNT(secret_ends); i++) {
		const struct word *w = &secret_ends[i];

		if (w->text[w->n - 1] == last && w->n <= a->n &&
		    !memcmp(w->text, a->b + a->n - w->n, w->n))
			return 1;
	}
	return 0;
}

int redact_name_is_secret_field(const struct redact_name *a)
{
	return is_one_of(a, secret_fields, COUNT(secret_fields)) || ends_like_secret(a);
}

int redact_name_is_uri_field(const struct redact_name *a)
{
	return is_one_of(a, uri_fields, COUNT(uri_fields));
}

static int is_secret_param(const struct redact_name *a)
{
	return is_one_of(a, secret_params, COUNT(secret_params)) || ends_like_secret(a);
}

static struct redact_name name_of(struct str s, int percent)
{
	struct redact_name a = { .n = 0 };

	for (size_t i = 0; i < s.n; i++)
		redact_name_add(&a, s.p[i], percent);
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
	NAME,
	VALUE,
	SECRET,
};

void redact_scan_uri(struct redact_scan *s)
{
	memset(s, 0, sizeof(*s));
	s->colon_slash = 1; /* an authority may be behind "//" alone */
}

static void start_name(struct redact_scan *s)
{
	s->state = NAME;
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
	for (; p < end; p++) {
		if (*p == '@')
			return 1;
		if ((unsigned char)*p <= ' ' || strchr("/?#", *p) || (s->query && *p == '&'))
			return 0;
	}
	return more;
}

/* An octet of a name or a value; returns whether it is secret. */
static int step_param(struct redact_scan *s, char c)
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
	} else if (s->state == NAME && c == '=') {
		s->state = is_secret_param(&s->name) ? SECRET : VALUE;
	} else if (s->state == NAME) {
		redact_name_add(&s->name, c, 1);
	}
	return 0;
}

int redact_scan_step(struct redact_scan *s, const char *p, const char *end, int more)
{
	static const char mark[] = "://";

	s->colon_slash = *p == mark[s->colon_slash] ? (uint8_t)(s->colon_slash + 1)
						    : *p == ':' || *p == '<' || *p == '=';
	if (s->colon_slash == 3) {
		s->colon_slash = 0;
		if (s->state == IN_PATH || s->state == VALUE) { /* also of one that a URI carries */
			s->state = AUTHORITY;
			return 0;
		}
	}
	if (s->state == AUTHORITY) {
		if (more && is_address(p, end))
			return 0; /* of no user; what comes behind end decides for itself */
		s->state = has_userinfo(s, p, end, more) ? USERINFO : HOST;
	}
	if (s->state == USERINFO && *p == '@') {
		s->state = AUTHORITY;
		return 0;
	}
	if (s->state >= NAME)
		return step_param(s, *p);
	if (*p == '?' || *p == '#' || (*p == ';' && s->state != USERINFO)) {
		s->query |= *p != ';';
		start_name(s);
	} else if (*p == '&' && s->query) {
		start_name(s);
	} else if (*p == '/') {
		s->state = s->query ? VALUE : IN_PATH;
	}
	return s->state == USERINFO;
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
