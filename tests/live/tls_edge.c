/*
 * tls_edge.c - a server that uses OpenSSL in ways that most programs do not
 * usage: tls_edge CERT KEY MODE
 *
 * Tells its port, then serves one connection after the other: /size/N, or the length of what came;
 * tells after each how often what the mode is for has happened.
 *
 *   plain        SSL_read and SSL_write
 *   ex           SSL_read_ex, SSL_write_ex
 *   peek         looks with SSL_peek and SSL_peek_ex before each read
 *   moving       does not block; a write that must be tried again comes from another buffer
 *   partial      the same, and a write may take less than it was given
 *   renegotiate  asks for a new handshake after each response (TLS 1.2)
 *   update       new keys after each response (TLS 1.3)
 *   early        reads early data
 *   close        answers when the client has closed its half; the response ends with the connection
 *   clear        one SSL object for all connections
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *mode;
static int happened; /* new handshakes, new keys or writes tried again on this connection */

static int is(const char *m)
{
	return !strcmp(mode, m);
}

static int moves(void)
{
	return is("moving") || is("partial");
}

static void wait_for(SSL *s, int rc)
{
	int err = SSL_get_error(s, rc);
	struct pollfd p = { SSL_get_fd(s), err == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN, 0 };

	poll(&p, 1, 5000);
}

static int again(SSL *s, int rc)
{
	int err = SSL_get_error(s, rc);

	return err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE;
}

/* Octets read, or 0 at the end. */
static int take(SSL *s, char *buf, int room)
{
	size_t n = 0;
	int rc;

	if (is("ex"))
		return SSL_read_ex(s, buf, (size_t)room, &n) ? (int)n : 0;
	if (is("peek")) {
		SSL_peek(s, buf, room > 20 ? 20 : room);
		SSL_peek_ex(s, buf, (size_t)room, &n);
	}
	while ((rc = SSL_read(s, buf, room)) <= 0 && moves() && again(s, rc))
		wait_for(s, rc);
	return rc > 0 ? rc : 0;
}

static void give_moving(SSL *s, const char *data, int n)
{
	while (n > 0) {
		char *copy = malloc((size_t)n);
		int rc;

		memcpy(copy, data, (size_t)n);
		rc = SSL_write(s, copy, n);
		if (rc <= 0 && !again(s, rc))
			n = 0;
		else if (rc <= 0)
			wait_for(s, rc), happened++;
		else
			data += rc, n -= rc;
		memset(copy, '!', (size_t)(n ? n : 1));
		free(copy);
	}
}

static void give(SSL *s, const char *data, int n)
{
	size_t done;

	if (is("ex"))
		SSL_write_ex(s, data, (size_t)n, &done);
	else if (moves())
		give_moving(s, data, n);
	else
		SSL_write(s, data, n);
}

static void answer(SSL *s, const char *head, int got)
{
	static char out[(4 << 20) + 200];
	const char *size = strstr(head, " /size/");
	int n = size ? atoi(size + 7) : 0, h;

	if (!size)
		n = snprintf(out + 100, 20, "%d\n", got);
	h = is("close") ? snprintf(out, 100, "HTTP/1.1 200 OK\r\n\r\n") :
			  snprintf(out, 100, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n);
	if (size)
		memset(out + h, 'e', (size_t)n);
	else
		memmove(out + h, out + 100, (size_t)n);
	give(s, out, h + n);
}

static void between(SSL *s)
{
	if (is("renegotiate")) {
		SSL_renegotiate(s);
		SSL_do_handshake(s);
	} else if (is("update")) {
		happened += SSL_key_update(s, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(s);
	}
}

/* Requests whose head is whole in buf, with their content; returns what is left in it. */
static int serve_some(SSL *s, char *buf, int have)
{
	for (;;) {
		char *end = memmem(buf, (size_t)have, "\r\n\r\n", 4), *field;
		int head, content;

		if (!end)
			return have;
		head = (int)(end - buf) + 4;
		end[2] = 0;
		field = strcasestr(buf, "content-length:");
		content = field ? atoi(field + 15) : 0;
		end[2] = '\r';
		if (have < head + content)
			return have;
		end[2] = 0;
		answer(s, buf, content);
		have -= head + content;
		memmove(buf, buf + head + content, (size_t)have);
		between(s);
	}
}

static int early(SSL *s, char *buf, int room)
{
	size_t n;
	int have = 0, rc;

	while ((rc = SSL_read_early_data(s, buf + have, (size_t)(room - have), &n)) ==
	       SSL_READ_EARLY_DATA_SUCCESS)
		have += (int)n;
	printf("{\"early\": %d}\n", have);
	return have;
}

static void serve(SSL *s, int fd)
{
	static char buf[1 << 20];
	int have = 0, n;

	happened = 0;
	SSL_set_fd(s, fd);
	SSL_set_accept_state(s);
	if (is("early"))
		have = early(s, buf, sizeof(buf) - 1);
	if (SSL_do_handshake(s) <= 0)
		return;
	if (moves())
		fcntl(fd, F_SETFL, O_NONBLOCK);
	have = is("close") ? have : serve_some(s, buf, have);
	while ((n = take(s, buf + have, (int)sizeof(buf) - 1 - have)) > 0) {
		have += n;
		if (!is("close"))
			have = serve_some(s, buf, have);
	}
	if (is("close"))
		serve_some(s, buf, have);
	happened += is("renegotiate") ? (int)SSL_num_renegotiations(s) : 0;
	SSL_shutdown(s);
	if (!is("early"))
		printf("{\"happened\": %d}\n", happened);
}

static SSL_CTX *context(char **file)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, file[0]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, file[1], SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	if (is("moving") || is("partial"))
		SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (is("partial"))
		SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
	if (is("early"))
		SSL_CTX_set_max_early_data(ctx, 16384);
	return ctx;
}

static int listener(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), small = 16384;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (moves())
		setsockopt(l, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	if (bind(l, (struct sockaddr *)&a, len) || listen(l, 64) ||
	    getsockname(l, (struct sockaddr *)&a, &len))
		exit(1);
	printf("{\"port\": %d}\n", ntohs(a.sin_port));
	return l;
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx;
	SSL *s = NULL;
	int l;

	if (argc != 4)
		return 2;
	mode = argv[3];
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	ctx = context(argv + 1);
	l = listener();
	for (;;) {
		int fd = accept(l, NULL, NULL);

		if (!s || !is("clear"))
			s = SSL_new(ctx);
		serve(s, fd);
		if (is("clear"))
			SSL_clear(s);
		else
			SSL_free(s);
		close(fd);
	}
}
