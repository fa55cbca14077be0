/*
 * word_match.h - is what comes byte by byte one of a few words?
 *
 * The words are in the order of their bytes, none of them empty, and fewer than WORD_NONE.
 */
#ifndef ZC_PARSERS_WORD_MATCH_H
#define ZC_PARSERS_WORD_MATCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD_NONE 255u

/* All zero at the beginning. */
struct word_match {
	uint8_t word; /* the first one that begins as what is read; WORD_NONE: none does */
	uint8_t n;    /* how much is read of it */
};

/* Does what is read, with c, begin as one of them? None of them goes on with a zero. */
static inline int word_goes_on(struct word_match *m, const char *const *list, size_t n, uint8_t c)
{
	const char *was = m->word < n ? list[m->word] : NULL;
	size_t i = m->word;

	if (!was)
		return 0;
	while (i < n && !strncmp(list[i], was, m->n) && (uint8_t)list[i][m->n] < c)
		i++;
	if (!c || i == n || strncmp(list[i], was, m->n) || (uint8_t)list[i][m->n] != c) {
		m->word = WORD_NONE;
		return 0;
	}
	m->word = (uint8_t)i;
	m->n++;
	return 1;
}

/* Is it one of them, whole? */
static inline int word_is_whole(const struct word_match *m, const char *const *list, size_t n)
{
	return m->word < n && m->n && !list[m->word][m->n];
}

#endif
