package sms

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/alerting"
	"tocsin/alerting/channeltest"
)

const (
	account  = "ACabcdefabcdefabcdefabcdefabcdefab"
	token    = "5ecre7t0ken5ecre7t0ken"
	callback = "https://warnings.example.bt/hooks/twilio/status"
)

// fakeTwilio speaks the protocol of Twilio's Messages resource.
type fakeTwilio struct {
	t      *testing.T
	server *httptest.Server
	done   chan struct{}

	mu    sync.Mutex
	next  func(w http.ResponseWriter, r *http.Request, sid string)
	forms []url.Values
}

func newFake(t *testing.T) *fakeTwilio {
	f := &fakeTwilio{t: t, done: make(chan struct{})}
	f.next = f.accept
	f.server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(func() {
		close(f.done)
		f.server.Close()
	})
	return f
}

func (f *fakeTwilio) serve(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != account || password != token {
		fail(w, 401, 20003, "Authenticate")
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/2010-04-01/Accounts/"+account+"/Messages.json" {
		fail(w, 404, 20404, "The requested resource "+r.URL.Path+" was not found")
		return
	}
	if got := r.Header.Get("Content-Type"); got != "application/x-www-form-urlencoded" {
		f.t.Errorf("content type %q", got)
	}
	if err := r.ParseForm(); err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	next := f.next
	f.mu.Unlock()
	next(w, r, "")
}

// take counts a message as taken and gives it an id.
func (f *fakeTwilio) take(r *http.Request) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forms = append(f.forms, r.PostForm)
	return fmt.Sprintf("SM%032d", len(f.forms))
}

func (f *fakeTwilio) accept(w http.ResponseWriter, r *http.Request, _ string) {
	sid := f.take(r)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"sid": %q, "account_sid": %q, "status": "queued", "to": %q, "error_code": null, "num_segments": "1", "direction": "outbound-api"}`,
		sid, account, r.PostForm.Get("To"))
}

// fail answers as Twilio does.
func fail(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code": %d, "message": %q, "more_info": "https://www.twilio.com/docs/errors/%d", "status": %d}`, code, message, code, status)
}

func failing(status, code int, words string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, _ string) {
		fail(w, status, code, strings.ReplaceAll(words, "{to}", r.PostForm.Get("To")))
	}
}

func (f *fakeTwilio) taken() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.forms)
}

func (f *fakeTwilio) answer(next func(http.ResponseWriter, *http.Request, string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = next
}

func (f *fakeTwilio) behave(b channeltest.Behaviour) {
	switch b {
	case channeltest.Accept, channeltest.Down:
		f.answer(f.accept)
	case channeltest.Busy:
		f.answer(func(w http.ResponseWriter, r *http.Request, sid string) {
			w.Header().Set("Retry-After", "7")
			fail(w, 429, 20429, "Too Many Requests")
		})
	case channeltest.Broken:
		f.answer(failing(503, 20503, "Service Unavailable for {to}"))
	case channeltest.Refuse:
		f.answer(failing(400, 21211, "Invalid 'To' Phone Number: {to}"))
	case channeltest.OptedOut:
		f.answer(failing(400, 21610, "Attempt to send to unsubscribed recipient {to}"))
	case channeltest.Silent:
		f.answer(func(_ http.ResponseWriter, r *http.Request, _ string) {
			f.take(r)
			select {
			case <-r.Context().Done():
			case <-f.done:
			}
		})
	case channeltest.HangUp:
		f.answer(func(_ http.ResponseWriter, r *http.Request, _ string) {
			f.take(r)
			panic(http.ErrAbortHandler)
		})
	case channeltest.Garbled:
		f.answer(func(w http.ResponseWriter, r *http.Request, _ string) {
			f.take(r)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "<html>welcome to the captive portal</html>")
		})
	}
}

func (f *fakeTwilio) channel(change func(*TwilioConfig)) *Twilio {
	base, err := url.Parse(f.server.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	cfg := TwilioConfig{
		AccountSID: account, AuthToken: token, From: "+15005550006", StatusCallback: callback,
		Transport: Via(base, f.server.Client().Transport),
	}
	if change != nil {
		change(&cfg)
	}
	channel, err := NewTwilio(cfg, time.Now)
	if err != nil {
		f.t.Fatal(err)
	}
	return channel
}

func TestTwilioConformance(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Subject {
		f := newFake(t)
		down := false
		inner := f.server.Client().Transport
		base, err := url.Parse(f.server.URL)
		if err != nil {
			t.Fatal(err)
		}
		nobody := closedPort(t)
		channel := f.channel(func(c *TwilioConfig) {
			c.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if down {
					return Via(nobody, inner).RoundTrip(r)
				}
				return Via(base, inner).RoundTrip(r)
			})
		})
		return channeltest.Subject{
			Channel: channel, Taken: f.taken, Now: time.Now, Secrets: []string{token},
			Set: func(b channeltest.Behaviour) { down = b == channeltest.Down; f.behave(b) },
			Can: []channeltest.Behaviour{
				channeltest.Accept, channeltest.Busy, channeltest.Broken, channeltest.Refuse, channeltest.OptedOut,
				channeltest.Silent, channeltest.HangUp, channeltest.Garbled, channeltest.Down,
			},
		}
	})
}

// closedPort is an address of this machine on which nobody listens.
func closedPort(t *testing.T) *url.URL {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return &url.URL{Scheme: "http", Host: address}
}

func TestDryRunConformance(t *testing.T) {
	channeltest.Run(t, func(*testing.T) channeltest.Subject {
		d := NewDryRun(100, time.Now)
		return channeltest.Subject{
			Channel: d, Set: func(channeltest.Behaviour) {}, Now: time.Now, Can: []channeltest.Behaviour{channeltest.Accept},
			Taken: func() int { return len(d.Messages(alerting.NewAddress("+999123456789"))) },
		}
	})
}

func outgoing() alerting.Outgoing {
	return alerting.Outgoing{
		Key: "w/1/a/sms", Mode: alerting.Exercise, To: alerting.NewAddress("+97517123456"),
		Text: "EXERCISE: ཆུ་ & go + up = now", Expires: time.Now().Add(90 * time.Minute),
	}
}

// TestTwilioForm checks what reaches Twilio.
func TestTwilioForm(t *testing.T) {
	f := newFake(t)
	receipt, err := f.channel(nil).Send(t.Context(), outgoing())
	if err != nil || receipt.State != alerting.StateAccepted || !strings.HasPrefix(receipt.ProviderID, "SM") {
		t.Fatalf("receipt %+v (%v)", receipt, err)
	}
	form := f.forms[0]
	for key, want := range map[string]string{
		"To": "+97517123456", "Body": "EXERCISE: ཆུ་ & go + up = now", "From": "+15005550006", "StatusCallback": callback, "MessagingServiceSid": "",
	} {
		if got := form.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if validity := form.Get("ValidityPeriod"); validity != "5399" && validity != "5400" {
		t.Errorf("ValidityPeriod %s, want the 90 minutes left", validity)
	}
	long := outgoing()
	long.Expires = time.Now().Add(48 * time.Hour)
	service := f.channel(func(c *TwilioConfig) { c.From, c.StatusCallback = "MG1234", "" })
	if _, err := service.Send(t.Context(), long); err != nil {
		t.Fatal(err)
	}
	form = f.forms[1]
	if form.Get("MessagingServiceSid") != "MG1234" || form.Has("From") || form.Has("StatusCallback") || form.Get("ValidityPeriod") != "36000" {
		t.Errorf("form %v", form)
	}
}

func TestTwilioErrors(t *testing.T) {
	f := newFake(t)
	channel := f.channel(nil)
	for _, c := range []struct {
		status, code int
		want         error // nil: may be tried again
	}{
		{429, 20429, nil},
		{400, 21610, alerting.ErrOptedOut},
		{400, 21211, alerting.ErrPermanent},
		{400, 21614, alerting.ErrPermanent},
		{400, 21617, alerting.ErrPermanent},
		{400, 21408, alerting.ErrPermanent},
		{401, 20003, nil},
		{403, 20005, nil},
		{404, 20404, nil},
		{429, 21611, nil},
		{400, 21606, nil},
		{500, 20500, nil},
		{502, 0, nil},
		{503, 20503, nil},
		{504, 20504, alerting.ErrUncertain},
	} {
		f.answer(failing(c.status, c.code, "no {to}"))
		_, err := channel.Send(t.Context(), outgoing())
		if err == nil {
			t.Fatalf("%d %d: no error", c.status, c.code)
		}
		for _, class := range []error{alerting.ErrPermanent, alerting.ErrUncertain, alerting.ErrOptedOut} {
			if errors.Is(err, class) != (c.want == class) { //nolint:errorlint // the class itself is asked for
				t.Errorf("%d %d: %v, want %v", c.status, c.code, err, c.want)
			}
		}
	}
	f.answer(func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<html>nginx</html>")
	})
	if _, err := channel.Send(t.Context(), outgoing()); err == nil || errors.Is(err, alerting.ErrUncertain) || errors.Is(err, alerting.ErrPermanent) {
		t.Errorf("a page for an error: %v, want to try again", err)
	}
	f.answer(func(w http.ResponseWriter, r *http.Request, _ string) {
		f.take(r)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"sid": "SM1", "status": "failed", "error_code": 21610}`)
	})
	if receipt, err := channel.Send(t.Context(), outgoing()); !errors.Is(err, alerting.ErrOptedOut) || receipt.ProviderID != "SM1" {
		t.Errorf("taken and failed at once: %+v, %v", receipt, err)
	}
}

func TestTwilioConfig(t *testing.T) {
	err := TwilioConfig{AccountSID: "SK1", AuthToken: "", StatusCallback: "/hooks"}.Validate()
	for _, want := range []string{"account_sid", "auth token", "from", "status callback"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not speak of %s", err, want)
		}
	}
}

// outbox holds one delivery; the rest of the contract is not asked for.
type outbox struct {
	alerting.Outbox
	mu    sync.Mutex
	there bool
	held  alerting.Delivery
}

func (o *outbox) ByProvider(_ context.Context, channel, id string) (alerting.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.there || channel != "sms" || id != o.held.ProviderID {
		return alerting.Delivery{}, alerting.ErrNotFound
	}
	return o.held, nil
}

func (o *outbox) Record(_ context.Context, d alerting.Delivery) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = d
	return nil
}

// sign is the signature of a callback as Twilio's documentation has it (Webhooks Security): the URL
// followed by each key and value in the order of the keys, HMAC-SHA1 with the auth token, base64.
func sign(t *testing.T, secret, address string, form url.Values) string {
	t.Helper()
	mac := hmac.New(sha1.New, []byte(secret))
	text := address
	for _, key := range slices.Sorted(maps.Keys(form)) {
		text += key + form.Get(key)
	}
	if _, err := mac.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func post(handler http.Handler, form url.Values, signature string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, "http://10.0.0.1:8080"+StatusPath, strings.NewReader(form.Encode()))
	request.Header.Set("X-Twilio-Signature", signature)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func TestStatusCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		channel, err := NewTwilio(TwilioConfig{AccountSID: account, AuthToken: token, From: "+15005550006", StatusCallback: callback}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		box := &outbox{there: true}
		var told []alerting.DeliveryState
		handler := channel.StatusHandler(box, slog.New(slog.DiscardHandler), func(d alerting.Delivery) { told = append(told, d.State) })
		for status, want := range map[string]alerting.DeliveryState{
			"queued": alerting.StateAccepted, "sent": alerting.StateSent, "delivered": alerting.StateDelivered,
			"undelivered": alerting.StateFailed, "failed": alerting.StateFailed, "canceled": alerting.StateSuppressed,
		} {
			box.held = alerting.Delivery{Key: "k", ProviderID: "SM1", State: alerting.StateAccepted}
			form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {status}, "ErrorCode": {"30003"}, "To": {"+97517123456"}}
			if answer := post(handler, form, sign(t, token, callback, form)); answer.Code != http.StatusNoContent || box.held.State != want {
				t.Errorf("%s: %d, delivery %s, want %s", status, answer.Code, box.held.State, want)
			}
			if !strings.Contains(box.held.Detail, "30003") || strings.Contains(box.held.Detail, "17123456") {
				t.Errorf("detail %q", box.held.Detail)
			}
		}
		if len(told) != 6 {
			t.Errorf("told %v", told)
		}
		form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
		box.held.State = alerting.StateAccepted
		for name, signature := range map[string]string{
			"none": "", "another secret": sign(t, "other", callback, form), "another address": sign(t, token, "https://evil.example/", form),
			"another form": sign(t, token, callback, url.Values{"MessageSid": {"SM1"}}),
		} {
			if answer := post(handler, form, signature); answer.Code != http.StatusForbidden || box.held.State != alerting.StateAccepted {
				t.Errorf("signature of %s: %d, state %s", name, answer.Code, box.held.State)
			}
		}
		form.Set("MessageSid", "SM9")
		if answer := post(handler, form, sign(t, token, callback, form)); answer.Code != http.StatusNotFound {
			t.Errorf("unknown message: %d", answer.Code)
		}
	})
}

// TestEarlyCallback: Twilio calls back before the outbox knows the message's id.
func TestEarlyCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		channel, err := NewTwilio(TwilioConfig{AccountSID: account, AuthToken: token, From: "+15005550006", StatusCallback: callback}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		box := &outbox{held: alerting.Delivery{Key: "k", ProviderID: "SM1", State: alerting.StateAccepted}}
		handler := channel.StatusHandler(box, slog.New(slog.DiscardHandler), func(alerting.Delivery) {})
		time.AfterFunc(time.Second, func() {
			box.mu.Lock()
			defer box.mu.Unlock()
			box.there = true
		})
		form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
		if answer := post(handler, form, sign(t, token, callback, form)); answer.Code != http.StatusNoContent || box.held.State != alerting.StateDelivered {
			t.Errorf("%d, state %s", answer.Code, box.held.State)
		}
	})
}

func TestStatusMethod(t *testing.T) {
	channel, err := NewTwilio(TwilioConfig{AccountSID: account, AuthToken: token, From: "x"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	channel.StatusHandler(&outbox{}, slog.New(slog.DiscardHandler), nil).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, StatusPath, nil))
	if answer.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", answer.Code)
	}
}

func TestDryRunKeepsTheLast(t *testing.T) {
	d := NewDryRun(2, time.Now)
	for _, key := range []string{"a", "b", "c", "c"} {
		message := outgoing()
		message.Key = key
		if _, err := d.Send(t.Context(), message); err != nil {
			t.Fatal(err)
		}
	}
	shown := d.Messages(outgoing().To)
	if len(shown) != 2 || shown[0].Key != "b" || shown[1].Key != "c" || shown[1].Encoding != UCS2 {
		t.Errorf("shown %+v", shown)
	}
	if len(d.Messages(alerting.NewAddress("+97500000000"))) != 0 {
		t.Error("a phone that got nothing shows something")
	}
}
