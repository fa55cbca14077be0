// A server of net/http and a client whose ends take their time: see test_network_peers.py.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/slow") {
		time.Sleep(600 * time.Millisecond)
	}
	if r.Method == "POST" {
		time.Sleep(time.Second)
	}
	io.Copy(io.Discard, r.Body)
	n, _ := strconv.Atoi(r.URL.Query().Get("size"))
	w.Header().Set("Content-Length", strconv.Itoa(n))
	w.Write(make([]byte, n))
}

func main() {
	if os.Args[1] == "server" {
		fmt.Println(http.ListenAndServe("[::]:"+os.Args[2], http.HandlerFunc(serve)))
		os.Exit(1)
	}
	n, _ := strconv.Atoi(os.Args[3])
	method := "GET"
	if n > 0 {
		method = "POST"
	}
	content := strings.NewReader(strings.Repeat("y", n))
	request, _ := http.NewRequest(method, os.Args[2], content)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	time.Sleep(time.Second)
	got, err := io.Copy(io.Discard, answer.Body)
	fmt.Println(got, err)
}
