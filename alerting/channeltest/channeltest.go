// Package channeltest holds the tests that every channel must pass: what its errors mean, that a
// message which may have gone is never called unsent, that it heeds its context, and that no address
// or secret shows itself.
//
// A channel's test calls Run with a function that makes the channel before a fake provider whose
// behaviour can be set.
package channeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/alerting"
)

// Behaviour is what the provider does with the next messages.
type Behaviour string

// The behaviours of a provider.
const (
	Accept   Behaviour = "accept"    // takes the message
	Busy     Behaviour = "busy"      // says: too many, come again in BusyFor
	Broken   Behaviour = "broken"    // fails before it took the message
	Refuse   Behaviour = "refuse"    // refuses this message for good, and repeats the address in its words
	OptedOut Behaviour = "opted out" // says that this person said STOP
	Silent   Behaviour = "silent"    // takes the message and never answers
	HangUp   Behaviour = "hang up"   // takes the message and breaks the connection
	Garbled  Behaviour = "garbled"   // takes the message and answers what nobody can read
	Down     Behaviour = "down"      // does not take the connection
)

// BusyFor is how long a busy provider asks to wait.
const BusyFor = 7 * time.Second

// heed is how soon Send has to return once its context has ended.
const heed = 5 * time.Second

// Subject is a channel before a provider that obeys.
type Subject struct {
	Channel alerting.Channel
	// Set makes the provider behave; it starts as Accept.
	Set func(Behaviour)
	// Taken is how many messages the provider has taken so far, answered or not.
	Taken func() int
	// Can lists the behaviours the provider has, and so the faults that are tried; Accept is always one.
	Can []Behaviour
	// Now is the channel's clock.
	Now func() time.Time
	// Secrets must appear in nothing that the channel says.
	Secrets []string
	// Log is what the channel has logged so far; nil where it logs nothing.
	Log func() string
}

// address is the number of the tests: it belongs to no one (ITU-T E.164.3, shared code 999 is reserved).
const address = "+999123456789"

// Run tests a channel. Every test gets a subject of its own.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	t.Run("accept", func(t *testing.T) { testAccept(t, open(t)) })
	t.Run("many at once", func(t *testing.T) { testMany(t, open(t)) })
	t.Run("expired", func(t *testing.T) { testExpired(t, open(t)) })
	t.Run("cancelled before", func(t *testing.T) { testCancelled(t, open(t)) })
	t.Run("nothing shows itself", func(t *testing.T) { testRedaction(t, open(t)) })
	able := open(t).Can
	for behaviour, check := range faults() {
		if slices.Contains(able, behaviour) {
			t.Run(string(behaviour), func(t *testing.T) { testFault(t, open(t), behaviour, check) })
		}
	}
}

// class is the kind of an error, of which every error has exactly one.
func class(err error) string {
	var kinds []string
	for _, c := range []struct {
		name string
		err  error
	}{{"permanent", alerting.ErrPermanent}, {"uncertain", alerting.ErrUncertain}, {"opted out", alerting.ErrOptedOut}} {
		if errors.Is(err, c.err) {
			kinds = append(kinds, c.name)
		}
	}
	switch {
	case err == nil:
		return "none"
	case len(kinds) == 0:
		return "again"
	case len(kinds) == 2 && kinds[0] == "permanent" && kinds[1] == "opted out":
		return "opted out" // it is permanent by its nature, and may say so
	}
	return strings.Join(kinds, " and ")
}

// faults is the class of error that each behaviour must give.
func faults() map[Behaviour]string {
	return map[Behaviour]string{
		Busy: "again", Broken: "again", Down: "again", Refuse: "permanent", OptedOut: "opted out",
		Silent: "uncertain", HangUp: "uncertain", Garbled: "uncertain",
	}
}

func message(s Subject, key string) alerting.Outgoing {
	return alerting.Outgoing{
		Key: key, Mode: alerting.Test, To: alerting.NewAddress(address), Language: "en", Text: "TEST: go up to the school",
		Level: 4, Expires: s.Now().Add(time.Hour),
	}
}

func testAccept(t *testing.T, s Subject) {
	if s.Channel.Name() == "" {
		t.Error("the channel has no name")
	}
	receipt, err := s.Channel.Send(t.Context(), message(s, "w/1/a/sms"))
	if err != nil {
		t.Fatal(err)
	}
	checkReceipt(t, receipt)
	if n := s.Taken(); n != 1 {
		t.Errorf("the provider took %d messages, want 1", n)
	}
}

func checkReceipt(t *testing.T, receipt alerting.Receipt) {
	t.Helper()
	if receipt.ProviderID == "" {
		t.Error("the receipt has no id of the provider: its word on the message could not be matched")
	}
	switch receipt.State {
	case alerting.StateAccepted, alerting.StateSent, alerting.StateDelivered:
	case alerting.StateQueued, alerting.StateFailed, alerting.StateUnknown, alerting.StateExpired, alerting.StateSuppressed:
		t.Errorf("state %q after a hand-over without an error", receipt.State)
	default:
		t.Errorf("state %q is none", receipt.State)
	}
	checkWords(t, receipt.Detail, nil)
}

func testMany(t *testing.T, s Subject) {
	const many = 20
	ids := make([]string, many)
	var wait sync.WaitGroup
	for i := range many {
		wait.Go(func() {
			receipt, err := s.Channel.Send(t.Context(), message(s, fmt.Sprintf("w/1/p%d/sms", i)))
			if err != nil {
				t.Error(err)
			}
			ids[i] = receipt.ProviderID
		})
	}
	wait.Wait()
	distinct := map[string]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	if len(distinct) != many || s.Taken() != many {
		t.Errorf("%d messages, %d ids, %d taken", many, len(distinct), s.Taken())
	}
}

func testExpired(t *testing.T, s Subject) {
	late := message(s, "w/1/a/sms")
	late.Expires = s.Now()
	if _, err := s.Channel.Send(t.Context(), late); class(err) != "permanent" {
		t.Errorf("an expired message: %v (%s), want permanent", err, class(err))
	}
	if n := s.Taken(); n != 0 {
		t.Errorf("an expired message was handed over")
	}
}

func testCancelled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Channel.Send(ctx, message(s, "w/1/a/sms"))
	if class(err) != "again" || !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("with a context that had ended: %v (%s), want a word of the cancellation, safe to try again", err, class(err))
	}
	if n := s.Taken(); n != 0 {
		t.Error("a message was handed over with a context that had ended")
	}
}

func testFault(t *testing.T, s Subject, behaviour Behaviour, want string) {
	s.Set(behaviour)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := s.Channel.Send(ctx, message(s, "w/1/a/sms"))
	if took := time.Since(began); took > heed {
		t.Errorf("Send returned %v after it was called with a context of 300 ms", took)
	}
	if got := class(err); got != want {
		t.Fatalf("%v (%s), want %s", err, got, want)
	}
	checkWords(t, fmt.Sprintf("%v|%+v|%#v", err, err, err), s.Secrets)
	var after alerting.RetryAfter
	if behaviour == Busy && (!errors.As(err, &after) || after.After != BusyFor) {
		t.Errorf("%v: the provider's %v is not passed on", err, BusyFor)
	}
	s.Set(Accept)
	if _, err := s.Channel.Send(t.Context(), message(s, "w/1/b/sms")); err != nil {
		t.Errorf("once the provider works again: %v", err)
	}
}

func testRedaction(t *testing.T, s Subject) {
	if _, err := s.Channel.Send(t.Context(), message(s, "w/1/a/sms")); err != nil {
		t.Fatal(err)
	}
	checkWords(t, fmt.Sprintf("%v|%+v|%#v", s.Channel, s.Channel, s.Channel), s.Secrets)
	if s.Log != nil {
		checkWords(t, s.Log(), s.Secrets)
	}
}

// checkWords looks for the address, in part too, and for secrets.
func checkWords(t *testing.T, words string, secrets []string) {
	t.Helper()
	for _, hidden := range append([]string{address[1:], address[4:], address[1:8]}, secrets...) {
		if strings.Contains(words, hidden) {
			t.Errorf("%q shows %q", words, hidden)
		}
	}
}
