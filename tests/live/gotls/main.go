// An HTTPS server and a client of Go's crypto/tls that tell what they know, one JSON object per
// line.
//
// usage: gotls server CERT KEY [PORT]
// | gotls client CA PORT CONNECTIONS REQUESTS http1|http2 1.2|1.3 | gotls proxy CERT KEY CA PORT
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
)

var (
	out  = json.NewEncoder(os.Stdout)
	lock sync.Mutex
)

func tell(what any) {
	lock.Lock()
	defer lock.Unlock()
	out.Encode(what)
}

type served struct {
	Method string `json:"method"`
	Target string `json:"target"`
	Proto  string `json:"proto"`
	Port   int    `json:"port"`
}

func port(addr string) int {
	_, p, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(p)
	return n
}

// /size/N: N octets; /status/N; with content: its length; /chunked/N
func answer(w http.ResponseWriter, r *http.Request) {
	got, _ := io.Copy(io.Discard, r.Body)
	part := strings.Split(r.URL.Path, "/")
	n := 0
	if len(part) > 2 {
		n, _ = strconv.Atoi(part[2])
	}
	tell(served{r.Method, r.URL.RequestURI(), r.Proto, port(r.RemoteAddr)})
	switch {
	case part[1] == "status":
		w.WriteHeader(n)
	case part[1] == "chunked":
		for ; n > 0; n -= 1000 {
			w.Write(bytes.Repeat([]byte("g"), min(n, 1000)))
			w.(http.Flusher).Flush()
		}
	case r.Method == "POST" || r.Method == "PUT":
		fmt.Fprintln(w, got)
	default:
		w.Header().Set("Content-Length", strconv.Itoa(n))
		w.Write(bytes.Repeat([]byte("g"), n))
	}
}

func serve(cert, key, on string) error {
	l, err := net.Listen("tcp", "127.0.0.1:"+on)
	if err != nil {
		return err
	}
	tell(map[string]int{"port": port(l.Addr().String())})
	return http.ServeTLS(l, http.HandlerFunc(answer), cert, key)
}

// What a proxy knows of a request: the ports of both of its sides.
type forwarded struct {
	Target string `json:"target"`
	Port   int    `json:"port"`
	Up     int    `json:"up"`
}

// Forwards everything over a few connections of its own.
func proxy(cert, key, ca, up string) error {
	pool, err := roots(ca)
	if err != nil {
		return err
	}
	to := &url.URL{Scheme: "https", Host: "localhost:" + up}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool},
		MaxConnsPerHost: 12, MaxIdleConnsPerHost: 12}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	tell(map[string]int{"port": port(l.Addr().String())})
	return http.ServeTLS(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := forwarded{r.URL.RequestURI(), port(r.RemoteAddr), 0}
		forward.ServeHTTP(w, connected(r, &f.Up))
		tell(f)
	}), cert, key)
}

// What the client knows of a request.
type known struct {
	ID       string `json:"id"`
	Method   string `json:"method"`
	Path     string `json:"path"`
	Status   int    `json:"status"`
	Sent     int    `json:"sent"`
	Received int64  `json:"received"`
	Port     int    `json:"port"`
	Proto    string `json:"proto"`
	Version  string `json:"version"`
	Cipher   string `json:"cipher"`
}

// The request, and the local port of the connection that it will use.
func connected(r *http.Request, to *int) *http.Request {
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { *to = port(i.Conn.LocalAddr().String()) },
	}))
}

func request(c *http.Client, base string, k *known) error {
	body := bytes.NewReader(make([]byte, k.Sent))
	r, err := http.NewRequest(k.Method, base+k.Path+"?id="+k.ID, body)
	if err != nil {
		return err
	}
	resp, err := c.Do(connected(r, &k.Port))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	k.Received, err = io.Copy(io.Discard, resp.Body)
	k.Status, k.Proto = resp.StatusCode, resp.Proto
	k.Version = tls.VersionName(resp.TLS.Version)[4:]
	k.Cipher = tls.CipherSuiteName(resp.TLS.CipherSuite)
	return err
}

func plan(i, k int) known {
	id := fmt.Sprintf("g%d-%d", i, k)
	switch x := (i*7 + k*3) % 10; {
	case x < 2:
		return known{ID: id, Method: "POST", Path: "/echo", Sent: []int{1, 40000}[x]}
	case x < 3:
		return known{ID: id, Method: "GET", Path: "/status/404"}
	case x < 5:
		return known{ID: id, Method: "GET", Path: fmt.Sprintf("/chunked/%d", x*1500)}
	default:
		size := []int{0, 1, 300, 16000, 70000}[x-5]
		return known{ID: id, Method: "GET", Path: fmt.Sprintf("/size/%d", size)}
	}
}

func client(pool *x509.CertPool, http2, old bool) *http.Client {
	c := &tls.Config{RootCAs: pool}
	if old {
		c.MaxVersion = tls.VersionTLS12
	}
	t := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: http2}
	return &http.Client{Transport: t}
}

// Each worker has a connection of its own; with HTTP/2 it sends four requests at a time.
func work(c *http.Client, base string, i, requests int, http2 bool) error {
	lanes, failed := 1, make(chan error, 4)
	if http2 {
		lanes = 4
		k := plan(i, requests) // makes the connection that the others share
		if err := request(c, base, &k); err != nil {
			return err
		}
		tell(k)
	}
	for lane := 0; lane < lanes; lane++ {
		go func(lane int) {
			for j := lane; j < requests; j += lanes {
				k := plan(i, j)
				if err := request(c, base, &k); err != nil {
					failed <- err
					return
				}
				tell(k)
			}
			failed <- nil
		}(lane)
	}
	for lane := 0; lane < lanes; lane++ {
		if err := <-failed; err != nil {
			return err
		}
	}
	c.CloseIdleConnections()
	return nil
}

func roots(ca string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(ca)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool, err
}

func load(ca, port string, connections, requests int, http2, old bool) error {
	pool, err := roots(ca)
	if err != nil {
		return err
	}
	bufio.NewReader(os.Stdin).ReadString('\n')
	done := make(chan error)
	for i := 0; i < connections; i++ {
		go func(i int) {
			c := client(pool, http2, old)
			done <- work(c, "https://localhost:"+port, i, requests, http2)
		}(i)
	}
	for i := 0; i < connections; i++ {
		if e := <-done; e != nil {
			err = e
		}
	}
	return err
}

func main() {
	var err error
	if a := os.Args[1:]; a[0] == "server" {
		err = serve(a[1], a[2], append(a, "0")[3])
	} else if a[0] == "proxy" {
		err = proxy(a[1], a[2], a[3], a[4])
	} else {
		connections, _ := strconv.Atoi(a[3])
		requests, _ := strconv.Atoi(a[4])
		err = load(a[1], a[2], connections, requests, a[5] == "http2", a[6] == "1.2")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
