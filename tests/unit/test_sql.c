/*
 * test_sql.c - shapes of statements: what is alike has the same, at any cut, and of what is masked
 */
#include <stdlib.h>
#include "tests/unit/tap.h"
#include "parsers/sql/sql_shape.h"

struct test {
	const char *sql, *want; /* operation, table: shape */
	enum sql_dialect dialect;
};

static const struct test cases[] = {
	{"SELECT 1", "SELECT -: SELECT ?", 0},
	{"select * from orders where id = 42;", "SELECT orders: select * from orders where id = ?",
	 0},
	{"SELECT *\n\tFROM  orders -- all of them\n WHERE id=$1 ; ",
	 "SELECT orders: SELECT * FROM orders WHERE id = ?", 0},
	{"SELECT a,b FROM t WHERE x IN (1, 2,3) AND y IN('a','b')",
	 "SELECT t: SELECT a, b FROM t WHERE x IN (?) AND y IN (?)", 0},
	{"INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'it''s'), (-3.5e-7, NULL)",
	 "INSERT t: INSERT INTO t (a, b) VALUES (?)", 0},
	{"INSERT INTO t VALUES (1, now()), (2, now()), (3, clock())",
	 "INSERT t: INSERT INTO t VALUES (?, now()), (?, clock())", 0},
	{"UPDATE public.\"Big Table\" SET v = v + 1, w = NULL WHERE k = -5 AND z IS NULL",
	 "UPDATE public.Big Table: UPDATE public.\"Big Table\" SET v = v + ?, w = ? WHERE k = ? "
	 "AND z IS NULL",
	 0},
	{"DELETE FROM ONLY s.t WHERE a - 1 > 2", "DELETE s.t: DELETE FROM ONLY s.t WHERE a - ? > ?",
	 0},
	{"WITH x AS (SELECT id FROM a), y AS (SELECT 1) UPDATE b SET v = 2 FROM x",
	 "UPDATE a: WITH x AS (SELECT id FROM a), y AS (SELECT ?) UPDATE b SET v = ? FROM x", 0},
	{"BEGIN; UPDATE t SET a = 1; COMMIT;", "BEGIN -: BEGIN; UPDATE t SET a = ?; COMMIT", 0},
	{"SELECT extract(year FROM d), count(*) FROM sales GROUP BY 1",
	 "SELECT sales: SELECT extract(year FROM d), count(*) FROM sales GROUP BY ?", 0},
	{"SELECT * FROM generate_series(1, 10) g", "SELECT -: SELECT * FROM generate_series(?) g",
	 0},
	{"SELECT E'a\\'b', 'c\\', $$it's$$, $x$ $y$ $x$, U&'d', x'ff', 'e'\n'f' FROM t",
	 "SELECT t: SELECT ?, U & ? FROM t", 0},
	{"SELECT '2020-01-01'::date, a::text, ARRAY[1,2,3], j->>'k', t.* FROM t",
	 "SELECT t: SELECT ?::date, a::text, ARRAY[?], j ->> ?, t.* FROM t", 0},
	{"SELECT /* a /* nested */ comment */ 1 /* 'quote */", "SELECT -: SELECT ?", 0},
	{"/* first */ SELECT 2", "SELECT -: SELECT ?", 0},
	{"COPY t (a) FROM STDIN", "COPY t: COPY t (a) FROM STDIN", 0},
	{"TRUNCATE TABLE t", "TRUNCATE t: TRUNCATE TABLE t", 0},
	{"CREATE TABLE IF NOT EXISTS t (a int DEFAULT 0)",
	 "CREATE t: CREATE TABLE IF NOT EXISTS t (a int DEFAULT ?)", 0},
	{"FETCH 10 FROM cur", "FETCH -: FETCH ? FROM cur", 0},
	{"MOVE FORWARD 5 FROM portal_6", "MOVE -: MOVE FORWARD ? FROM ?", 0},
	{"ROLLBACK TO SAVEPOINT \"s140_x7\"", "ROLLBACK -: ROLLBACK TO SAVEPOINT ?", 0},
	{"declare c_17 cursor for select a1 from t2",
	 "DECLARE t2: declare ? cursor for select a1 from t2", 0},
	{"SET search_path = 'x'", "SET -: SET search_path = ?", 0},
	{"ALTER ROLE joe PASSWORD 'hunter2'", "ALTER -: ALTER ROLE joe PASSWORD ?", 0},
	{"SELECT * FROM a JOIN b ON a.x = b.x WHERE a.y IS DISTINCT FROM 3",
	 "SELECT a: SELECT * FROM a JOIN b ON a.x = b.x WHERE a.y IS DISTINCT FROM ?", 0},
	{"(SELECT 1 FROM u) UNION ALL (SELECT 2 FROM u)",
	 "SELECT u: (SELECT ? FROM u) UNION ALL (SELECT ? FROM u)", 0},
	{"", "- -: ", 0},
	{";;", "- -: ", 0},
	{"SELECT \"a\", 'b', `c` FROM `db`.`t` WHERE x = ? # end",
	 "SELECT db.t: SELECT ?, `c` FROM `db`.`t` WHERE x = ?", 1},
	{"SELECT 'a\\'b' -- c\n, 5--3 FROM t", "SELECT t: SELECT ? - ? FROM t", 1},
	{"/*!40101 SET NAMES utf8mb4 */", "SET -: SET NAMES utf8mb4", 1},
	{"INSERT IGNORE INTO t SET a = _utf8mb4'x', b = 0x1F, c = @v",
	 "INSERT t: INSERT IGNORE INTO t SET a = ?, b = ?, c = @v", 1},
	{"SELECT * FROM t LIMIT 10, 20 INTO OUTFILE '/tmp/x'",
	 "SELECT t: SELECT * FROM t LIMIT ? INTO OUTFILE ?", 1},
};

static const char *shape_of(const char *sql, size_t n, enum sql_dialect dialect, size_t each,
			    uint64_t *hash)
{
	static char text[4096];
	struct sql_shape *s = malloc(sizeof(*s));
	struct str shape, op, table;

	sql_shape_begin(s, dialect, dialect == SQL_MYSQL ? SQL_STRINGS_UNKNOWN : SQL_STRINGS_PLAIN);
	for (size_t at = 0; at < n; at += each) {
		size_t take = n - at < each ? n - at : each;
		uint8_t *copy = malloc(take);

		memcpy(copy, sql + at, take);
		sql_shape_feed(s, copy, take);
		free(copy);
	}
	shape = sql_shape_end(s, hash);
	op = sql_shape_operation(s);
	table = sql_shape_collection(s);
	snprintf(text, sizeof(text), "%.*s %.*s: %.*s", op.p ? (int)op.n : 1, op.p ? op.p : "-",
		 table.p ? (int)table.n : 1, table.p ? table.p : "-", (int)shape.n, shape.p);
	free(s);
	return text;
}

static void test_shapes(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct test *t = &cases[i];
		size_t n = strlen(t->sql);
		uint64_t hash, again;
		char *masked = strdup(t->sql);
		struct sql_lex lex;

		is_str(shape_of(t->sql, n, t->dialect, n + 1, &hash), t->want, t->sql);
		is_str(shape_of(t->sql, n, t->dialect, 1, &again), t->want, "the same by bytes");
		ok(hash == again, "the hash: %s", t->sql);
		sql_lex_begin(&lex, t->dialect,
			      t->dialect == SQL_MYSQL ? SQL_STRINGS_ESCAPE : SQL_STRINGS_PLAIN);
		for (size_t k = 0; k < n; k += 3)
			sql_lex_mask(&lex, (uint8_t *)masked + k, n - k < 3 ? n - k : 3);
		is_str(shape_of(masked, n, t->dialect, n + 1, &again), t->want, masked);
		ok(!strstr(masked, "hunter") && !strstr(masked, "quote"), "hidden: %s", masked);
		free(masked);
	}
}

static void test_bounds(void)
{
	size_t n = 0, room = 400000;
	char *sql = malloc(room);
	uint64_t hash, other;
	const char *text;

	n += (size_t)sprintf(sql + n, "SELECT ");
	for (int i = 0; i < 90; i++)
		n += (size_t)sprintf(sql + n, "t0.column_%d, ", i);
	n += (size_t)sprintf(sql + n, "1 FROM orders t0 WHERE t0.id = 5");
	text = shape_of(sql, n, SQL_POSTGRESQL, n, &hash);
	ok(strlen(text) < SQL_SHAPE_MAX + 40 && strstr(text, " … ") &&
		   strstr(text, "FROM orders t0 WHERE t0.id = ?"),
	   "a long one has both ends: %s", text);
	sql[n - 1] = '7';
	sql[20] = 'X';
	shape_of(sql, n, SQL_POSTGRESQL, n, &other);
	ok(hash != other, "what is different in the middle has another hash");
	n = (size_t)sprintf(sql, "INSERT INTO t VALUES ");
	while (n < room - 100)
		n += (size_t)sprintf(sql + n, "(%zu, 'row %zu', now()), ", n, n);
	n -= 2;
	is_str(shape_of(sql, n, SQL_POSTGRESQL, 1000, &hash),
	       "INSERT t: INSERT INTO t VALUES (?, now())", "many rows");
	memset(sql, '(', room);
	ok(strlen(shape_of(sql, room, SQL_POSTGRESQL, room, &hash)) < SQL_SHAPE_MAX + 40,
	   "only parentheses");
	free(sql);
}

static void test_secrets(void)
{
	ok(sql_has_secret((struct str){"alter role x PassWord 'y'", 25}), "a password");
	ok(!sql_has_secret((struct str){"select pass from words", 22}), "none");
}

/* Nobody has told whether backslashes escape: what follows one in front of a quote is not shown. */
static void test_doubt(void)
{
	static const char sql[] = "SELECT 'C:\\\\', 'it\\'s hunter2', a FROM t";
	struct sql_shape s;
	uint64_t hash;
	struct str shape;

	sql_shape_begin(&s, SQL_POSTGRESQL, SQL_STRINGS_UNKNOWN);
	sql_shape_feed(&s, (const uint8_t *)sql, sizeof(sql) - 1);
	shape = sql_shape_end(&s, &hash);
	ok(shape.n == 8 && !memcmp(shape.p, "SELECT ?", 8), "in doubt: %.*s", (int)shape.n,
	   shape.p);
}

int main(void)
{
	test_doubt();
	test_shapes();
	test_bounds();
	test_secrets();
	return tap_done();
}
