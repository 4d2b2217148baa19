//go:build fakeserver

package dashboards

import (
	"context"
	"net"
	"os"
	"os/signal"
	"testing"
	"time"
)

// TestServeFake serves the fake for the console's browser test and for work on the console:
//
//	go test -tags fakeserver -run TestServeFake -timeout 0 ./dashboards
//
// It listens on TOCSIN_FAKE_LISTEN (default 127.0.0.1:8099) until interrupted; the login link is
// /login/link?token=once.
func TestServeFake(t *testing.T) {
	addr := os.Getenv("TOCSIN_FAKE_LISTEN")
	if addr == "" {
		addr = "127.0.0.1:8099"
	}
	f := newFake(t)
	server := f.start(t)
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() {
		beat := time.NewTicker(2 * time.Second)
		defer beat.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-beat.C:
				server.Publish(EventReadings)
			}
		}
	}()
	web := server.HTTPServer()
	go func() { <-ctx.Done(); server.Close(); _ = web.Close() }()
	t.Logf("http://%s/login/link?token=once", listener.Addr())
	_ = web.Serve(listener)
}
