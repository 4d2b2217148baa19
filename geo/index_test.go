package geo

import (
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
)

func TestIndex(t *testing.T) {
	x, err := NewIndex([]Zone{
		{ID: "fiji", Shape: orb.MultiPolygon{{box(177, -19, 180, -16)}, {box(-180, -19, -178, -16)}}},
		{ID: "pole", Shape: orb.MultiPolygon{{box(-180, 80, 180, 90)}}},
		{ID: "valley", Shape: orb.MultiPolygon{{box(89, 27, 90, 28)}}},
		{ID: "town", Shape: orb.MultiPolygon{{box(89.4, 27.4, 89.6, 27.6)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		p    orb.Point
		want []string
	}{
		{orb.Point{89.5, 27.5}, []string{"valley", "town"}},
		{orb.Point{89, 27}, []string{"valley"}},
		{orb.Point{180, -17}, []string{"fiji"}},
		{orb.Point{-180, -17}, []string{"fiji"}},
		{orb.Point{181, -17}, []string{"fiji"}},
		{orb.Point{-177, -17}, nil},
		{orb.Point{33, 90}, []string{"pole"}},
		{orb.Point{0, 0}, nil},
		{orb.Point{0, 91}, nil},
	} {
		if got := zoneIDs(x.At(tc.p)); !slices.Equal(got, tc.want) {
			t.Errorf("At(%v) = %v, want %v", tc.p, got, tc.want)
		}
	}
	across := orb.Bound{Min: orb.Point{179.5, -20}, Max: orb.Point{-179.5, -10}}
	if got := zoneIDs(x.Intersecting(across)); !slices.Equal(got, []string{"fiji"}) {
		t.Errorf("a window across 180 degrees meets %v, want fiji once", got)
	}
	within := orb.Bound{Min: orb.Point{89.1, 27.1}, Max: orb.Point{89.2, 27.2}}
	if got := zoneIDs(x.Intersecting(within)); !slices.Equal(got, []string{"valley"}) {
		t.Errorf("a window inside a zone meets %v, want valley", got)
	}
	if z, ok := x.Zone("town"); !ok || z.ID != "town" || len(x.Zones()) != 4 {
		t.Errorf("Zone(town) = %v, %v among %d", z, ok, len(x.Zones()))
	}
	if _, ok := x.Zone("city"); ok {
		t.Error("found a zone that was never given")
	}
}

func TestNewIndexRefuses(t *testing.T) {
	shape := square(0, 0, 1)
	for _, tc := range []struct {
		zones []Zone
		want  string
	}{
		{[]Zone{{Shape: shape}}, "zone 1 has no id"},
		{[]Zone{{ID: "a", Shape: shape}, {ID: "a", Shape: shape}}, `zone "a" stands twice`},
		{[]Zone{{ID: "a"}}, `zone "a" has no shape`},
		{[]Zone{{ID: "a", Shape: orb.MultiPolygon{{}}}}, `zone "a" has no shape`},
	} {
		if _, err := NewIndex(tc.zones); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
}
