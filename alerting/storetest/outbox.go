package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"tocsin/alerting"
)

// delivery is a queued delivery of an edition of a warning.
func delivery(w alerting.Warning, editionNumber int, recipient string, minute int) alerting.Delivery {
	return alerting.Delivery{
		Key: fmt.Sprintf("%s/%d/%s/sms", w.ID, editionNumber, recipient), Job: fmt.Sprintf("%s/%d", w.ID, editionNumber),
		Mode: w.Mode, Warning: w.ID, Edition: editionNumber, Recipient: recipient, Channel: "sms", Language: "en",
		Text: "EXERCISE: go up", Urgency: w.Level, State: alerting.StateQueued, NotBefore: at(minute),
		Expires: at(720), CreatedAt: at(minute), ChangedAt: at(minute),
	}
}

func expand(t *testing.T, store Everything, job string, deliveries ...alerting.Delivery) {
	t.Helper()
	if err := store.Expand(t.Context(), job, deliveries, true); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, store Everything, d alerting.Delivery, state alerting.DeliveryState, handing bool) alerting.Delivery {
	t.Helper()
	d.State, d.Handing = state, handing
	if err := store.Record(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func due(t *testing.T, store Everything, now time.Time) []string {
	t.Helper()
	list, err := store.Due(t.Context(), now, 100)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, d := range list {
		keys = append(keys, d.Key)
	}
	return keys
}

func wantDue(t *testing.T, store Everything, now time.Time, want ...string) {
	t.Helper()
	if got := due(t, store, now); !reflect.DeepEqual(got, want) {
		t.Errorf("due %v, want %v", got, want)
	}
}

func testOutboxOrder(t *testing.T, open Opener) {
	store, again := open(t)
	change := propose(alerting.Exercise, "low", "punakha")
	change.Warning.Level = 1
	low := must(t, store, change)
	low = must(t, store, next(low, alerting.ActionApprove, 1))
	low = must(t, store, next(low, alerting.ActionIssue, 2))
	high := bring(t, store, alerting.Exercise, "high", "lunana", alerting.Issued)
	high = must(t, store, next(high, alerting.ActionUpdate, 3))

	wantJob(t, store, "high/1", true)
	first := delivery(high, 1, "pema", 4)
	expand(t, store, "high/1", first, delivery(high, 1, "karma", 5))
	wantJob(t, again(), "high/2", true)
	store = again()
	expand(t, store, "high/2", delivery(high, 2, "pema", 6))
	wantJob(t, store, "low/1", true)
	if err := store.Expand(t.Context(), "low/1", []alerting.Delivery{delivery(low, 1, "pema", 3)}, false); err != nil {
		t.Fatal(err)
	}
	wantJob(t, store, "low/1", true)
	expand(t, store, "low/1")
	wantJob(t, store, "", false)

	wantDue(t, store, at(3), "low/1/pema/sms")
	wantDue(t, store, at(9), "high/1/pema/sms", "high/1/karma/sms", "low/1/pema/sms")
	first = record(t, store, first, alerting.StateQueued, true)
	wantDue(t, store, at(9), "high/1/karma/sms", "low/1/pema/sms") // the update waits for the hand-over
	record(t, store, first, alerting.StateAccepted, false)
	wantDue(t, store, at(9), "high/1/karma/sms", "high/2/pema/sms", "low/1/pema/sms")

	testSupersede(t, store, high)

	stray := delivery(high, 2, "dorji", 6)
	stray.Mode = alerting.Actual
	if err := store.Expand(t.Context(), "high/2", []alerting.Delivery{stray}, true); err == nil {
		t.Error("a delivery of another mode than its job was taken")
	}
	if err := store.Expand(t.Context(), "none/1", nil, true); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("a job that does not exist: %v, want ErrNotFound", err)
	}
}

// testSupersede: before high/2 karma and ugyen wait for high/1 (ugyen at this moment), pema for high/2.
func testSupersede(t *testing.T, store Everything, high alerting.Warning) {
	t.Helper()
	ugyen := delivery(high, 1, "ugyen", 5)
	expand(t, store, "high/1", ugyen)
	record(t, store, ugyen, alerting.StateQueued, true)
	job := alerting.SendJob{ID: "high/2", Mode: high.Mode, Warning: "high", Edition: 2}
	other := job
	other.Mode = alerting.Test
	for _, c := range []struct {
		job  alerting.SendJob
		want int
	}{{other, 0}, {job, 1}, {job, 0}} {
		if n, err := store.Supersede(t.Context(), c.job, at(9), 10); err != nil || n != c.want {
			t.Errorf("%s %s suppressed %d (%v), want %d", c.job.Mode, c.job.ID, n, err, c.want)
		}
	}
	wantDue(t, store, at(9), "high/2/pema/sms", "low/1/pema/sms")
}

func wantJob(t *testing.T, store Everything, id string, want bool) {
	t.Helper()
	job, ok, err := store.PendingJob(t.Context())
	if err != nil || ok != want || job.ID != id {
		t.Errorf("pending job %q %v (%v), want %q %v", job.ID, ok, err, id, want)
	}
}

func testOutboxStates(t *testing.T, open Opener) {
	store, again := open(t)
	w := issued(t, store, alerting.Exercise, "w", "lunana")
	d := delivery(w, 1, "pema", 4)
	expand(t, store, "w/1", d, delivery(w, 1, "karma", 5))

	d.Attempts = 1
	d = record(t, store, d, alerting.StateQueued, true)
	store = again()
	if list, err := store.Handing(t.Context()); err != nil || len(list) != 1 || list[0].Key != d.Key || !list[0].Handing || list[0].Attempts != 1 {
		t.Errorf("being handed over: %+v (%v)", list, err)
	}
	expand(t, store, "w/1", delivery(w, 1, "pema", 99)) // expanding again leaves it as it is
	wantDue(t, store, at(200), "w/1/karma/sms")
	d.ProviderID, d.Detail = "SM1", "queued"
	d = record(t, store, d, alerting.StateSent, false)
	if got, err := store.ByProvider(t.Context(), "sms", "SM1"); err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("by provider\n%+v, want\n%+v (%v)", got, d, err)
	}
	for _, step := range []struct{ news, want alerting.DeliveryState }{
		{alerting.StateAccepted, alerting.StateSent},
		{alerting.StateQueued, alerting.StateSent},
		{alerting.StateDelivered, alerting.StateDelivered},
		{alerting.StateFailed, alerting.StateDelivered},
		{alerting.StateSuppressed, alerting.StateDelivered},
	} {
		record(t, store, d, step.news, false)
		if got, err := store.ByProvider(t.Context(), "sms", "SM1"); err != nil || got.State != step.want {
			t.Errorf("after news of %s: %s (%v), want %s", step.news, got.State, err, step.want)
		}
	}
	if _, err := store.ByProvider(t.Context(), "sms", ""); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("an empty id of the provider: %v, want ErrNotFound", err)
	}
	d.Key = "nothing"
	if err := store.Record(t.Context(), d); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("a delivery that does not exist: %v, want ErrNotFound", err)
	}
	if list, err := store.Deliveries(t.Context(), alerting.Exercise, "w", 0); err != nil || len(list) != 2 || list[0].Recipient != "karma" {
		t.Errorf("deliveries, newest first: %+v (%v)", list, err)
	}
	if list, err := store.Deliveries(t.Context(), alerting.Actual, "", 0); err != nil || len(list) != 0 {
		t.Errorf("deliveries of another mode: %+v (%v)", list, err)
	}
}

func person(mode alerting.Mode, id string, address string, lon, lat float64) alerting.Recipient {
	return alerting.Recipient{
		ID: id, Mode: mode, Name: id, Channel: "sms", Address: alerting.NewAddress(address), Language: "dz",
		Position: orb.Point{lon, lat}, Consent: true,
	}
}

func testDirectory(t *testing.T, open Opener) {
	store, _ := open(t)
	for _, p := range []alerting.Recipient{
		person(alerting.Exercise, "a", "+97517000001", 89.85, 27.58), person(alerting.Exercise, "b", "+97517000002", 89.90, 27.58),
		person(alerting.Exercise, "c", "+97517000003", 91, 27.58), person(alerting.Exercise, "d", "+97517000001", 89.86, 27.58),
		person(alerting.Test, "a", "+97517000001", 89.85, 27.58), person(alerting.Exercise, "fiji", "+6797000001", -179.9, -16.5),
	} {
		if err := store.PutRecipient(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	valley := orb.Bound{Min: orb.Point{89.85, 27.5}, Max: orb.Point{89.95, 27.58}}
	wantWithin(t, store, alerting.Exercise, valley, "", 10, "a", "b", "d")
	wantWithin(t, store, alerting.Exercise, valley, "", 2, "a", "b")
	wantWithin(t, store, alerting.Exercise, valley, "b", 2, "d")
	wantWithin(t, store, alerting.Test, valley, "", 10, "a")
	wantWithin(t, store, alerting.Actual, valley, "", 10)
	wantWithin(t, store, alerting.Exercise, orb.Bound{Min: orb.Point{179, -17}, Max: orb.Point{-179, -16}}, "", 10, "fiji")
	got, err := store.Recipient(t.Context(), alerting.Exercise, "a")
	if want := person(alerting.Exercise, "a", "+97517000001", 89.85, 27.58); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("recipient %+v (%v)", got, err)
	}
	if _, err := store.Recipient(t.Context(), alerting.Test, "b"); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("a recipient of another mode: %v, want ErrNotFound", err)
	}
	testConsent(t, store, valley)
	testTold(t, store)
}

func wantWithin(t *testing.T, store Everything, mode alerting.Mode, bound orb.Bound, after string, limit int, want ...string) {
	t.Helper()
	list, err := store.Within(t.Context(), mode, bound, after, limit)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	if !reflect.DeepEqual(ids, want) {
		t.Errorf("%s within %v after %q: %v, want %v", mode, bound, after, ids, want)
	}
}

// testConsent: STOP from a number silences it in every mode and under every name.
func testConsent(t *testing.T, store Everything, valley orb.Bound) {
	t.Helper()
	for _, stop := range []string{"+97517000001", "+97599999999"} {
		if err := store.SetConsent(t.Context(), "sms", alerting.NewAddress(stop), false); err != nil {
			t.Fatal(err)
		}
	}
	wantWithin(t, store, alerting.Exercise, valley, "", 10, "b")
	wantWithin(t, store, alerting.Test, valley, "", 10)
	if err := store.SetConsent(t.Context(), "voice", alerting.NewAddress("+97517000001"), true); err != nil {
		t.Fatal(err)
	}
	wantWithin(t, store, alerting.Test, valley, "", 10)
	if err := store.SetConsent(t.Context(), "sms", alerting.NewAddress("+97517000001"), true); err != nil {
		t.Fatal(err)
	}
	wantWithin(t, store, alerting.Exercise, valley, "", 10, "a", "b", "d")
}

func testTold(t *testing.T, store Everything) {
	t.Helper()
	w := issued(t, store, alerting.Exercise, "w", "lunana")
	states := []alerting.DeliveryState{
		alerting.StateQueued, alerting.StateAccepted, alerting.StateSent, alerting.StateDelivered, alerting.StateFailed,
		alerting.StateUnknown, alerting.StateExpired, alerting.StateSuppressed,
	}
	for _, state := range states {
		d := delivery(w, 1, string(state), 4)
		expand(t, store, "w/1", d)
		record(t, store, d, state, false)
	}
	handing := delivery(w, 1, "handing", 4)
	expand(t, store, "w/1", handing)
	record(t, store, handing, alerting.StateQueued, true)
	told, err := store.Told(t.Context(), "w")
	if want := []string{"accepted", "delivered", "sent", "unknown"}; err != nil || !reflect.DeepEqual(told, want) {
		t.Errorf("told %v (%v), want %v", told, err, want)
	}
}
