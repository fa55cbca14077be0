// A gRPC server and a client that makes calls of every kind and tells what it knows of each.
//
// usage: grpcgo server ADDR | grpcgo client ADDR CALLS [PAUSE_MS]
// With TLS where the environment has CERT and KEY, or CA; with WAIT, a client waits for a line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type text = wrapperspb.StringValue

// "fail CODE MESSAGE" fails, "wait MS" waits, anything else is echoed.
func answer(ctx context.Context, in string) (string, error) {
	word := strings.SplitN(in, " ", 3)
	switch word[0] {
	case "fail":
		code, _ := strconv.Atoi(word[1])
		return "", status.Error(codes.Code(code), word[2])
	case "wait":
		ms, _ := strconv.Atoi(word[1])
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
		case <-ctx.Done():
			return "", status.FromContextError(ctx.Err()).Err()
		}
	}
	return in, nil
}

func unary(_ any, ctx context.Context, dec func(any) error,
	_ grpc.UnaryServerInterceptor) (any, error) {
	in := new(text)
	if err := dec(in); err != nil {
		return nil, err
	}
	out, err := answer(ctx, in.Value)
	return &text{Value: out}, err
}

// Says each message back as often as its first word, a number, asks for.
func stream(_ any, s grpc.ServerStream) error {
	for {
		in := new(text)
		if err := s.RecvMsg(in); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		n, err := strconv.Atoi(strings.SplitN(in.Value, " ", 2)[0])
		if err != nil {
			if _, err = answer(s.Context(), in.Value); err != nil {
				return err
			}
		}
		for i := 0; i < n; i++ {
			if err := s.SendMsg(in); err != nil {
				return err
			}
		}
	}
}

var service = grpc.ServiceDesc{
	ServiceName: "zc.test.Echo",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Say", Handler: unary}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Up", Handler: stream, ClientStreams: true, ServerStreams: true},
		{StreamName: "Down", Handler: stream, ClientStreams: true, ServerStreams: true},
		{StreamName: "Both", Handler: stream, ClientStreams: true, ServerStreams: true},
	},
}

func serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	options := []grpc.ServerOption{}
	if cert := os.Getenv("CERT"); cert != "" {
		creds, err := credentials.NewServerTLSFromFile(cert, os.Getenv("KEY"))
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(creds))
	}
	s := grpc.NewServer(options...)
	s.RegisterService(&service, struct{}{})
	fmt.Println("listening")
	return s.Serve(l)
}

// What the client knows of a call.
type call struct {
	Method     string `json:"method"`
	ID         string `json:"id"`
	Code       int    `json:"code"`
	Message    string `json:"message"`
	Sent       int    `json:"sent"`
	Received   int    `json:"received"`
	TimeoutMS  int    `json:"timeout_ms"`
	Cancelled  bool   `json:"cancelled"`
	DurationNS int64  `json:"duration_ns"`
}

func invoke(conn *grpc.ClientConn, c *call, in string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if c.TimeoutMS > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.TimeoutMS)*time.Millisecond)
		defer cancel()
	}
	if c.Method == "Say" {
		if c.Cancelled {
			time.AfterFunc(20*time.Millisecond, cancel)
		}
		out := new(text)
		c.Sent = 1
		err := conn.Invoke(ctx, "/zc.test.Echo/Say", &text{Value: in}, out)
		if err == nil {
			c.Received = 1
		}
		return err
	}
	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	s, err := conn.NewStream(ctx, desc, "/zc.test.Echo/"+c.Method)
	if err != nil {
		return err
	}
	up, down := map[string][2]int{"Up": {5, 0}, "Down": {1, 7}, "Both": {4, 2}}[c.Method], 0
	for ; c.Sent < up[0]; c.Sent++ {
		if err := s.SendMsg(&text{Value: strconv.Itoa(up[1]) + " " + in}); err != nil {
			return err
		}
		for down = 0; c.Method == "Both" && down < up[1]; down++ {
			if err := s.RecvMsg(new(text)); err != nil {
				return err
			}
			c.Received++
		}
	}
	s.CloseSend()
	for {
		if err := s.RecvMsg(new(text)); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		c.Received++
	}
}

func load(addr string, n int, pause time.Duration) error {
	creds, err := insecure.NewCredentials(), error(nil)
	if ca := os.Getenv("CA"); ca != "" {
		creds, err = credentials.NewClientTLSFromFile(ca, "localhost")
	}
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		return err
	}
	defer conn.Close()
	out := json.NewEncoder(os.Stdout)
	for i := 0; i < n; i++ {
		methods := []string{"Say", "Say", "Up", "Down", "Both"}
		c := call{Method: methods[i%5], ID: strconv.Itoa(i)}
		in := "hello " + c.ID + strings.Repeat("x", i*37%3000)
		switch i % 20 {
		case 1:
			in = "fail 5 no such thing, 100% sure"
		case 6:
			in = "fail 13 broken"
		case 11:
			in, c.TimeoutMS = "wait 5000", 30
		case 16:
			in, c.Cancelled = "wait 5000", true
		case 10:
			c.TimeoutMS = 60000
		}
		begun := time.Now()
		err := invoke(conn, &c, in)
		c.DurationNS = time.Since(begun).Nanoseconds()
		c.Code, c.Message = int(status.Code(err)), status.Convert(err).Message()
		if err := out.Encode(c); err != nil {
			return err
		}
		time.Sleep(pause)
	}
	return nil
}

func main() {
	var err error
	if os.Args[1] == "server" {
		err = serve(os.Args[2])
	} else {
		n, _ := strconv.Atoi(os.Args[3])
		if os.Getenv("WAIT") != "" {
			bufio.NewReader(os.Stdin).ReadString('\n')
		}
		pause := 0
		if len(os.Args) > 4 {
			pause, _ = strconv.Atoi(os.Args[4])
		}
		err = load(os.Args[2], n, time.Duration(pause)*time.Millisecond)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
