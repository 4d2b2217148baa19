package app

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCloseEndsLastInFirstOutAndTellsEveryFault(t *testing.T) {
	a := &App{log: slog.New(slog.DiscardHandler)}
	var order []int
	faults := []error{errors.New("zero"), nil, errors.New("two")}
	for i, fault := range faults {
		a.onClose(func() error { order = append(order, i); return fault })
	}
	err := a.Close()
	if !slices.Equal(order, []int{2, 1, 0}) || !errors.Is(err, faults[0]) || !errors.Is(err, faults[2]) {
		t.Errorf("closed in order %v: %v", order, err)
	}
	if err := a.Close(); err != nil || len(order) != 3 {
		t.Errorf("a second Close closed again: %v, %v", order, err)
	}
}

func TestCloseDoesNotWaitForWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &App{log: slog.New(slog.DiscardHandler)}
		hang := make(chan struct{})
		a.onClose(func() error { <-hang; return nil })
		began := time.Now()
		err := a.Close()
		if took := time.Since(began); took != 5*time.Second || err == nil || !strings.Contains(err.Error(), "5s") {
			t.Errorf("after %s: %v", took, err)
		}
		close(hang) // a test in a bubble leaves nobody behind
	})
}
