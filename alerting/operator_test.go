package alerting

import "testing"

func TestRolesIncludeTheOnesBefore(t *testing.T) {
	order := []Role{"", Viewer, Forecaster, Approver, Administrator}
	for i, role := range order {
		for j, least := range order {
			if got, want := role.AtLeast(least), i > 0 && i >= j; got != want {
				t.Errorf("%q at least %q: %t, want %t", role, least, got, want)
			}
		}
	}
	if Role("root").Known() || Role("root").AtLeast(Viewer) {
		t.Error("a role that does not exist may nothing")
	}
}
