package sms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	twilio "github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"tocsin/alerting"
)

// longestValidity is the most that Twilio keeps a message (Messages resource, ValidityPeriod, seconds).
const longestValidity = 36_000

// TwilioConfig says whose account sends, and from where.
type TwilioConfig struct {
	AccountSID string // "AC..."
	AuthToken  string // a secret: from the environment or a file, never from tocsin.yaml
	From       string // a number (E.164), a sender's name, or the id of a Messaging Service ("MG...")
	// StatusCallback is the public URL of StatusHandler; empty: Twilio is not asked to call back, and
	// messages stay accepted.
	StatusCallback string
	// Transport carries the requests; nil means http.DefaultTransport. See Via.
	Transport http.RoundTripper
}

// String names the account without its secret.
func (c TwilioConfig) String() string {
	return "twilio account " + c.AccountSID + " from " + redact(c.From)
}

// GoString names the account without its secret.
func (c TwilioConfig) GoString() string { return c.String() }

// Validate says what is wrong with the settings, without the secret.
func (c TwilioConfig) Validate() error {
	var errs []error
	if !strings.HasPrefix(c.AccountSID, "AC") {
		errs = append(errs, fmt.Errorf("twilio: account_sid %q does not begin with AC", c.AccountSID))
	}
	if c.AuthToken == "" {
		errs = append(errs, errors.New("twilio: no auth token; set TOCSIN_TWILIO_AUTH_TOKEN"))
	}
	if c.From == "" {
		errs = append(errs, errors.New("twilio: no from; a number in E.164 or a Messaging Service (MG...) would be right"))
	}
	if u, err := url.Parse(c.StatusCallback); c.StatusCallback != "" && (err != nil || u.Host == "" || u.RawQuery != "") {
		errs = append(errs, fmt.Errorf("twilio: status callback %q is not an absolute URL without a query", c.StatusCallback))
	}
	return errors.Join(errs...)
}

// Twilio is the channel of Twilio's Programmable Messaging.
type Twilio struct {
	cfg TwilioConfig
	now func() time.Time
}

// NewTwilio makes the channel; nothing is asked of Twilio before the first message.
func NewTwilio(cfg TwilioConfig, now func() time.Time) (*Twilio, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	return &Twilio{cfg: cfg, now: now}, nil
}

// Name is the channel's name as recipients have it.
func (t *Twilio) Name() string { return "sms" }

// String names the channel without its secret.
func (t *Twilio) String() string { return "sms by Twilio account " + t.cfg.AccountSID }

// GoString names the channel without its secret.
func (t *Twilio) GoString() string { return t.String() }

// Via is a transport that takes requests for Twilio to another server, such as one in a test.
func Via(base *url.URL, inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.URL.Scheme, req.URL.Host, req.Host = base.Scheme, base.Host, base.Host
		return inner.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Send creates a message at Twilio. What an error means follows Twilio's error dictionary and whether
// the request had left: see outcome.
func (t *Twilio) Send(ctx context.Context, message alerting.Outgoing) (alerting.Receipt, error) {
	life := message.Expires.Sub(t.now())
	if life < time.Second {
		return alerting.Receipt{}, fmt.Errorf("twilio: the message expired at %s: %w", message.Expires.Format(time.RFC3339), alerting.ErrPermanent)
	}
	call := &call{ctx: ctx, transport: t.cfg.Transport}
	answer, err := t.service(call).CreateMessage(t.params(message, life))
	if err != nil {
		return alerting.Receipt{}, call.failure(err)
	}
	return call.receipt(answer)
}

func (t *Twilio) params(message alerting.Outgoing, life time.Duration) *api.CreateMessageParams {
	params := &api.CreateMessageParams{}
	params.SetTo(message.To.Reveal())
	params.SetBody(message.Text)
	// Twilio drops the message itself once the warning has expired.
	params.SetValidityPeriod(min(int(life/time.Second), longestValidity))
	if strings.HasPrefix(t.cfg.From, "MG") {
		params.SetMessagingServiceSid(t.cfg.From)
	} else {
		params.SetFrom(t.cfg.From)
	}
	if t.cfg.StatusCallback != "" {
		params.SetStatusCallback(t.cfg.StatusCallback)
	}
	return params
}

// service is the client of one call: the library takes no context, so the transport brings it. The
// request handler is made by hand because the library's own reads the environment.
func (t *Twilio) service(c *call) *api.ApiService {
	client := &twilio.Client{
		Credentials: twilio.NewCredentials(t.cfg.AccountSID, t.cfg.AuthToken),
		HTTPClient: &http.Client{
			Transport:     c,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	client.SetAccountSid(t.cfg.AccountSID)
	return api.NewApiService(&twilio.RequestHandler{Client: client})
}

// call is one request, with what must be known of it to say whether Twilio may have taken it.
type call struct {
	ctx        context.Context
	transport  http.RoundTripper
	left       atomic.Bool // the request's headers were written
	status     int         // 0 where no answer came
	retryAfter time.Duration
}

// RoundTrip sends the request within the call's context and notes what becomes of it.
func (c *call) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := httptrace.WithClientTrace(c.ctx, &httptrace.ClientTrace{WroteHeaders: func() { c.left.Store(true) }})
	res, err := c.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	c.status = res.StatusCode
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		c.retryAfter = time.Duration(seconds) * time.Second
	}
	return res, nil
}

// receipt reads Twilio's answer to a message it created.
func (c *call) receipt(answer *api.ApiV2010Message) (alerting.Receipt, error) {
	if answer.Sid == nil || *answer.Sid == "" {
		return alerting.Receipt{}, fmt.Errorf("twilio: answer %d names no message: %w", c.status, alerting.ErrUncertain)
	}
	receipt := alerting.Receipt{ProviderID: *answer.Sid}
	status := ""
	if answer.Status != nil {
		status = *answer.Status
	}
	receipt.State, _ = stateOf(status)
	receipt.Detail = "twilio: " + status
	if receipt.State == alerting.StateFailed {
		code := 0
		if answer.ErrorCode != nil {
			code = *answer.ErrorCode
		}
		return receipt, fmt.Errorf("twilio: message %s with error %d: %w", status, code, classOf(code))
	}
	return receipt, nil
}

// failure says what an error means. No answer: nothing was taken unless the request had left. An
// answer that cannot be read: by its HTTP status. Else by Twilio's code.
func (c *call) failure(err error) error {
	var refused *twilio.TwilioRestError
	switch {
	case errors.As(err, &refused):
		return c.refusal(refused.Code, redact(refused.Message))
	case c.status >= 400:
		return c.refusal(0, "the answer is not Twilio's")
	case c.left.Load():
		return fmt.Errorf("twilio: %s: %w", plain(err), alerting.ErrUncertain)
	}
	return fmt.Errorf("twilio: not reached: %s", plain(err))
}

// refusal classes an answer that is an error.
func (c *call) refusal(code int, words string) error {
	err := fmt.Errorf("twilio error %d (HTTP %d): %s", code, c.status, words)
	if class := c.class(code); class != nil {
		return fmt.Errorf("%w: %w", err, class)
	}
	if c.retryAfter > 0 {
		return alerting.RetryAfter{After: c.retryAfter, Err: err}
	}
	return err
}

// class is nil for what may be tried again.
func (c *call) class(code int) error {
	switch {
	case code == codeOptedOut:
		return alerting.ErrOptedOut
	case retryable(code) || c.status == 0:
		return nil
	case c.status == http.StatusTooManyRequests, c.status == http.StatusUnauthorized, c.status == http.StatusForbidden:
		return nil
	case c.status == http.StatusGatewayTimeout:
		return alerting.ErrUncertain // somebody behind the gateway may still have taken it
	case c.status >= 500:
		return nil
	}
	return alerting.ErrPermanent
}
