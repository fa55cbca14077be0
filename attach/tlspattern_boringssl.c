/*
 * tlspattern_boringssl.c - functions of BoringSSL by their error sites in ssl_lib.cc
 *
 * In the source these follow one another:
 *
 *   SSL_do_handshake  134 (connection type not set)
 *   ssl_read_impl     226 (uninitialized), 215 (handshake failure)
 *   SSL_read          none of its own: calls SSL_peek and takes from the buffer what that copied
 *   SSL_peek          66 (should not have been called: QUIC); calls ssl_read_impl
 *   SSL_write         66, 226, 215, of later versions 111 (bad length)
 *   others with 226   SSL_key_update, SSL_shutdown
 *
 * So the first line with 226 is ssl_read_impl's and the second SSL_write's, and a 66 between them
 * is SSL_peek's. Compilers inline: SSL_do_handshake into SSL_connect and SSL_accept, SSL_peek into
 * SSL_read. SSL_read is told from SSL_peek by its writing to the stream's state.
 *
 * SSL_new has 185 (null context). When it fails it destroys the stream: of the functions that it
 * calls, the destructor is the one that calls through a pointer (the method's ssl_free) and calls
 * another that does so too (the configuration's destructor), allocates nothing, and is not called
 * by another such one. It gets the stream as its argument and every stream ends in it, so it does
 * as SSL_free.
 */
#include "attach/tlspattern.h"

#define LIB_SSL 16
#define R_SHOULD_NOT_HAVE_BEEN_CALLED 66
#define R_CONNECTION_TYPE_NOT_SET 134
#define R_NULL_SSL_CTX 185
#define R_HANDSHAKE_FAILURE 215
#define R_UNINITIALIZED 226
#define MIN_SITES 8
#define MAX_LINES 8
#define MAX_CALLERS 64
#define NEAR_LINES 80 /* from a function's first error site to its last, generously */

static int is_site(const struct pat *p, const struct code_call *c)
{
	return (c->known & 0x1d) == 0x1d && c->arg[0] == LIB_SSL && pat_is_file(p, c->arg[3]) &&
	       c->target;
}

/* Whether f has a site with the reason, at a line in [from, to]. */
static int has_site(const struct pat *p, const struct pat_func *f, uint64_t reason, uint64_t from,
		    uint64_t to)
{
	for (size_t i = 0; i < f->ncalls; i++) {
		const struct code_call *c = pat_call(p, f, i);

		if (is_site(p, c) && c->arg[2] == reason && c->arg[4] >= from && c->arg[4] <= to)
			return 1;
	}
	return 0;
}

static int has(const struct pat *p, const struct pat_func *f, uint64_t reason)
{
	return has_site(p, f, reason, 0, UINT64_MAX);
}

/* All sites must call one function; it is ERR_put_error. */
static uint64_t common_target(const struct pat *p)
{
	uint64_t target = 0;
	size_t n = 0;

	for (size_t i = 0; i < p->ncalls; i++) {
		if (!is_site(p, &p->call[i]))
			continue;
		if (target && target != p->call[i].target)
			return 0;
		target = p->call[i].target;
		n++;
	}
	return n >= MIN_SITES ? target : 0;
}

/* The least line above `after` that has the reason; 0: none. */
static uint64_t next_line(const struct pat *p, uint64_t reason, uint64_t after)
{
	uint64_t least = 0;

	for (size_t i = 0; i < p->ncalls; i++) {
		const struct code_call *c = &p->call[i];

		if (is_site(p, c) && c->arg[2] == reason && c->arg[4] > after &&
		    (!least || c->arg[4] < least))
			least = c->arg[4];
	}
	return least;
}

/* The only function with that site, -1 if there are none or several. */
static int only_with(const struct pat *p, uint64_t reason, uint64_t line)
{
	int found = -1;

	for (size_t i = 0; i < p->nsource; i++)
		if (has_site(p, &p->func[i], reason, line, line)) {
			if (found >= 0)
				return -1;
			found = (int)i;
		}
	return found;
}

/* ---- SSL_read */

static void count_read(const struct pat_func *f, uint64_t *va, int *n)
{
	if (f->stores && f->is_entry && *va != f->start) {
		*va = f->start;
		(*n)++;
	}
}

/* The functions near this source file's that call SSL_peek and write to the stream's state. */
static void count_callers(struct pat *p, uint64_t peek, uint64_t *va, int *n)
{
	struct code_ref ref[MAX_CALLERS];
	size_t nrefs = code_callers(p->e, peek, ref, MAX_CALLERS);
	uint64_t low = UINT64_MAX, high = 0, start, end;

	for (size_t i = 0; i < p->nsource; i++) {
		low = p->func[i].start < low ? p->func[i].start : low;
		high = p->func[i].end > high ? p->func[i].end : high;
	}
	for (size_t i = 0; i < nrefs; i++) {
		int f;

		if (ref[i].va < low || ref[i].va >= high ||
		    !pat_bounds(p, ref[i].va, &start, &end) || (f = pat_load(p, start)) < 0)
			continue;
		if (pat_calls(p, &p->func[f], peek))
			count_read(&p->func[f], va, n);
	}
}

static uint64_t find_read(struct pat *p, uint64_t impl_line, uint64_t write_line)
{
	uint64_t peek = next_line(p, R_SHOULD_NOT_HAVE_BEEN_CALLED, impl_line), va = 0, lone = 0;
	int n = 0;

	/* SSL_write's own is the last before its first 226 */
	if (!peek || next_line(p, R_SHOULD_NOT_HAVE_BEEN_CALLED, peek) >= write_line)
		return 0;
	for (size_t i = 0; i < p->nsource; i++) {
		const struct pat_func *f = &p->func[i];

		if (!has_site(p, f, R_SHOULD_NOT_HAVE_BEEN_CALLED, peek, peek))
			continue;
		/* with ssl_read_impl inlined both write to the state */
		if (has_site(p, f, R_UNINITIALIZED, impl_line, impl_line))
			return 0;
		if (f->stores)
			count_read(f, &va, &n);
		else
			lone = f->start;
	}
	if (!n && lone)
		count_callers(p, lone, &va, &n);
	return n == 1 ? va : 0;
}

/* ---- SSL_do_handshake, SSL_free */

/* With SSL_connect and SSL_accept, if it was inlined into them: all are called with the stream. */
static void find_handshake(const struct pat *p, struct tlsbin_find *f)
{
	static const int slot[] = {SSL_DO_HANDSHAKE, SSL_CONNECT, SSL_ACCEPT};
	size_t n = 0;

	for (size_t i = 0; i < p->nsource; i++) {
		const struct pat_func *fn = &p->func[i];

		if (!has(p, fn, R_CONNECTION_TYPE_NOT_SET) || has(p, fn, R_UNINITIALIZED) ||
		    has(p, fn, R_SHOULD_NOT_HAVE_BEEN_CALLED) || !fn->is_entry)
			continue;
		if (n == 3) {
			for (size_t k = 0; k < 3; k++)
				f->va[slot[k]] = 0;
			return;
		}
		f->va[slot[n++]] = fn->start;
	}
}

static int calls_through_pointer(const struct pat *p, const struct pat_func *f)
{
	return pat_calls(p, f, 0) != NULL;
}

/* SSL_new's first call with a constant: new memory for a stream. */
static uint64_t allocator(const struct pat *p, const struct pat_func *ssl_new)
{
	for (size_t i = 0; i < ssl_new->ncalls; i++) {
		const struct code_call *c = pat_call(p, ssl_new, i);

		if (c->target && c->known & 1 && !is_site(p, c))
			return c->target;
	}
	return 0;
}

/*
 * Whether `at`, called by SSL_new, destroys something that has destructors itself. ERR_put_error
 * may call through a pointer as well, where memory is freed in it.
 */
static int is_destructor(struct pat *p, size_t ssl_new, int at, uint64_t alloc, uint64_t put_error)
{
	if (!calls_through_pointer(p, &p->func[at]) || pat_calls(p, &p->func[at], alloc))
		return 0;
	for (size_t i = 0; i < p->func[ssl_new].ncalls; i++) {
		uint64_t target = pat_call(p, &p->func[ssl_new], i)->target;
		int other;

		if (!target || target == put_error || target == p->func[at].start ||
		    !pat_calls(p, &p->func[at], target) || (other = pat_load(p, target)) < 0)
			continue;
		if (calls_through_pointer(p, &p->func[other]))
			return 1;
	}
	return 0;
}

static uint64_t find_free(struct pat *p, uint64_t put_error)
{
	uint64_t cand[MAX_LINES];
	size_t n = 0, top = 0;
	uint64_t line = next_line(p, R_NULL_SSL_CTX, 0), alloc, va = 0;
	int at = line ? only_with(p, R_NULL_SSL_CTX, line) : -1;

	if (at < 0 || !(alloc = allocator(p, &p->func[at])))
		return 0;
	for (size_t i = 0; i < p->func[at].ncalls && n < MAX_LINES; i++) {
		uint64_t target = pat_call(p, &p->func[at], i)->target;
		int f = target && target != put_error ? pat_load(p, target) : -1, dup = 0;

		for (size_t k = 0; k < n; k++)
			dup |= cand[k] == target;
		if (f >= 0 && !dup && is_destructor(p, (size_t)at, f, alloc, put_error))
			cand[n++] = target;
	}
	for (size_t i = 0; i < n; i++) {
		int called = 0;

		for (size_t k = 0; k < n; k++)
			called |= k != i && pat_calls(p, &p->func[pat_load(p, cand[k])], cand[i]);
		if (!called && p->func[pat_load(p, cand[i])].is_entry) {
			va = cand[i];
			top++;
		}
	}
	return top == 1 ? va : 0;
}

/* ---- all of it */

void pat_boringssl(struct pat *p, struct tlsbin_find *f)
{
	uint64_t put_error = common_target(p), impl, write;
	int at;

	impl = put_error ? next_line(p, R_UNINITIALIZED, 0) : 0;
	write = impl ? next_line(p, R_UNINITIALIZED, impl) : 0;
	at = write ? only_with(p, R_UNINITIALIZED, write) : -1;
	/* both complete a handshake first, and say when that fails */
	if (at < 0 || !has_site(p, &p->func[at], R_HANDSHAKE_FAILURE, write, write + NEAR_LINES) ||
	    next_line(p, R_HANDSHAKE_FAILURE, impl) >= write || !p->func[at].is_entry) {
		pat_missing(f, ZC_TLS_BORINGSSL, "SSL_read and SSL_write");
		return;
	}
	f->va[SSL_WRITE] = p->func[at].start;
	f->va[SSL_ERR_PUT] = put_error;
	f->va[SSL_READ] = find_read(p, impl, write);
	find_handshake(p, f);
	f->va[SSL_FREE] = find_free(p, put_error);
	if (!f->va[SSL_READ])
		pat_missing(f, ZC_TLS_BORINGSSL, "SSL_read");
	else if (!f->va[SSL_FREE])
		pat_missing(f, ZC_TLS_BORINGSSL, "SSL_free");
}
