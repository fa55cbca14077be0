// The ends of the chains: net/http.
//
// usage: chaingo PORT          answers with the query that it got
//        chaingo PORT URL HOW  asks URL with the same query first; HOW: "kept" (connections are),
//                              "new" (one for each call), "post" (with content), "spawn" (another
//                              goroutine asks), "after" (another one, and nobody waits for it)
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

var client = http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func call(url, how string) error {
	var resp *http.Response
	var err error
	if how == "post" {
		body := strings.NewReader(strings.Repeat("x", 9000))
		resp, err = client.Post(url, "text/plain", body)
	} else {
		resp, err = client.Get(url)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return err
}

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if len(os.Args) > 2 {
			done := make(chan error, 1)
			if os.Args[3] == "after" {
				done <- nil
				go call(os.Args[2]+"?"+r.URL.RawQuery, "")
			} else if os.Args[3] == "spawn" {
				go func() { done <- call(os.Args[2]+"?"+r.URL.RawQuery, "") }()
			} else {
				done <- call(os.Args[2]+"?"+r.URL.RawQuery, os.Args[3])
			}
			if err := <-done; err != nil {
				http.Error(w, err.Error(), 502)
				return
			}
		} else if r.URL.Path == "/slow" {
			time.Sleep(time.Millisecond)
		}
		fmt.Fprint(w, r.URL.RawQuery)
	})
	if len(os.Args) > 3 && os.Args[3] == "new" {
		client.Transport = &http.Transport{DisableKeepAlives: true}
	}
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
	os.Exit(1)
}
