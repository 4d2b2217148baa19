package storetest

import (
	"errors"
	"reflect"
	"sync"
	"testing"

	"tocsin/alerting"
)

func testAccounts(t *testing.T, open Opener) {
	store, again := open(t)
	tashi := alerting.Operator{ID: "tashi", Name: "Tashi", Role: alerting.Forecaster, CreatedAt: start}
	if _, err := store.Operator(t.Context(), "tashi"); !errors.Is(err, alerting.ErrNotFound) {
		t.Errorf("unknown operator: %v, want ErrNotFound", err)
	}
	for _, o := range []alerting.Operator{tashi, {ID: "admin", Role: alerting.Administrator, CreatedAt: start}} {
		if err := store.PutOperator(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	tashi.PasswordHash, tashi.Role = "$argon2id$...", alerting.Approver
	if err := store.PutOperator(t.Context(), tashi); err != nil {
		t.Fatal(err)
	}
	store = again()
	if got, err := store.Operator(t.Context(), "tashi"); err != nil || !reflect.DeepEqual(got, tashi) {
		t.Errorf("operator %+v (%v)", got, err)
	}
	if list, err := store.Operators(t.Context()); err != nil || len(list) != 2 || list[0].ID != "admin" {
		t.Errorf("operators %+v (%v)", list, err)
	}
	testTokens(t, store)
}

func testTokens(t *testing.T, store Everything) {
	t.Helper()
	link := alerting.Token{Hash: "h1", Operator: "tashi", Kind: alerting.LinkToken, Expires: at(60)}
	for _, token := range []alerting.Token{link, {Hash: "h2", Operator: "tashi", Kind: alerting.SessionToken}, {Hash: "h3", Operator: "admin"}, {Hash: "h4", Operator: "admin"}} {
		if err := store.PutToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := store.Token(t.Context(), "h1"); err != nil || !reflect.DeepEqual(got, link) {
		t.Errorf("token %+v (%v)", got, err)
	}
	var wait sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wait.Go(func() { _, errs[i] = store.TakeToken(t.Context(), "h1") })
	}
	wait.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, alerting.ErrNotFound) {
			t.Errorf("loser: %v, want ErrNotFound", err)
		}
	}
	if won != 1 {
		t.Errorf("%d took a link that works once", won)
	}
	if err := errors.Join(store.DeleteTokens(t.Context(), "tashi", ""), store.DeleteTokens(t.Context(), "", "h3")); err != nil {
		t.Fatal(err)
	}
	for hash, there := range map[string]bool{"h2": false, "h3": false, "h4": true} {
		if _, err := store.Token(t.Context(), hash); (err == nil) != there {
			t.Errorf("token %s: %v, want there %v", hash, err, there)
		}
	}
}
