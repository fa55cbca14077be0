#include "parsers/proxy_header.h"

#include <string.h>

#define LINE_MAX 107u /* of version 1, with CR LF */

static enum probe_result version_1(const uint8_t *p, size_t n, size_t *len)
{
	static const char name[] = "PROXY ";
	const uint8_t *lf;

	if (memcmp(p, name, n < 6 ? n : 6))
		return PROBE_NO;
	lf = memchr(p, '\n', n < LINE_MAX ? n : LINE_MAX);
	if (!lf)
		return n < LINE_MAX ? PROBE_MORE : PROBE_NO;
	*len = (size_t)(lf - p) + 1;
	if (lf[-1] != '\r' || (memcmp(p + 6, "TCP4 ", 5) && memcmp(p + 6, "TCP6 ", 5) &&
			       memcmp(p + 6, "UNKNOWN", 7)))
		return PROBE_NO;
	return PROBE_YES;
}

enum probe_result proxy_header(const uint8_t *p, size_t n, size_t *len)
{
	static const uint8_t mark[12] = "\r\n\r\n\0\r\nQUIT\n";

	if (!n)
		return PROBE_MORE;
	if (*p == 'P')
		return version_1(p, n, len);
	if (memcmp(p, mark, n < sizeof(mark) ? n : sizeof(mark)))
		return PROBE_NO;
	if (n < 16)
		return PROBE_MORE;
	*len = 16 + ((size_t)p[14] << 8) + p[15];
	if (p[12] >> 4 != 2 || (p[12] & 15) > 1 || *len > PROXY_HEADER_MAX)
		return PROBE_NO;
	return n < *len ? PROBE_MORE : PROBE_YES;
}
