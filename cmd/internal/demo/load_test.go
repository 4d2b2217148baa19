package demo

import (
	"testing"

	"tocsin/cmd/internal/site"
)

func TestTheSiteLoadsAsAnyOther(t *testing.T) {
	if _, err := site.Load(Site(), "demo"); err != nil {
		t.Fatal(err)
	}
}
