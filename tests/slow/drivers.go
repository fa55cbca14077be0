// What a program asks of a database by database/sql; one line for each failure: its code.
//
// usage: drivers pgx|postgres|mysql DSN
package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
)

var db *sql.DB

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// place turns ? into $1 for PostgreSQL.
func place(query string) string {
	if os.Args[1] == "mysql" {
		return query
	}
	n := 0
	return regexp.MustCompile(`\?`).ReplaceAllStringFunc(query, func(string) string {
		n++
		return fmt.Sprintf("$%d", n)
	})
}

func run(query string, args ...any) {
	_, err := db.Exec(place(query), args...)
	must(err)
}

func fails(query string, args ...any) {
	_, err := db.Exec(place(query), args...)
	var pgxError *pgconn.PgError
	var pqError *pq.Error
	var mysqlError *mysql.MySQLError
	switch {
	case errors.As(err, &pgxError):
		fmt.Println("failed", pgxError.Code)
	case errors.As(err, &pqError):
		fmt.Println("failed", pqError.Code)
	case errors.As(err, &mysqlError):
		fmt.Println("failed", string(mysqlError.SQLState[:]))
	default:
		panic("no failure: " + query)
	}
}

func rows(r *sql.Rows, err error) (n int) {
	must(err)
	for r.Next() {
		n++
	}
	must(r.Err())
	return
}

func main() {
	var err error
	db, err = sql.Open(os.Args[1], os.Args[2])
	must(err)
	db.SetMaxOpenConns(1)
	run("create table boxes (id int primary key, v varchar(100))")
	p, err := db.Prepare(place("insert into boxes values (?, ?)"))
	must(err)
	for i := 0; i < 100; i++ {
		_, err = p.Exec(i, "sesame")
		must(err)
	}
	must(p.Close())
	n := 0
	for i := 0; i < 20; i++ {
		n += rows(db.Query(place("select v from boxes where id < ?"), i*5))
	}
	fmt.Println("rows", n)
	fails("insert into boxes values (?, 'sesame')", 3)
	fails("select 'sesame' from nosuch")
	fails("selec 'sesame'")
	tx, err := db.Begin()
	must(err)
	_, err = tx.Exec("update boxes set v = 'sesame' where id < 7")
	must(err)
	must(tx.Rollback())
	db.SetMaxOpenConns(4)
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for k := 0; k < 25; k++ {
				var v string
				q := place("select v from boxes where id = ?")
				must(db.QueryRow(q, k).Scan(&v))
			}
		}()
	}
	all.Wait()
	must(db.Close())
}
