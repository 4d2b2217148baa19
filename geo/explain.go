package geo

import (
	"fmt"
	"slices"
	"strings"
)

// explain says in words how the numbers were made and from what.
func (e *Exposure) explain(p *Population, shares []*share, inside []int, loose int) {
	e.Methods, e.Sources = []string{}, []string{}
	if p.Empty() {
		e.Methods = append(e.Methods, "Nothing is known of where people live: 0 means not known, not nobody.")
		return
	}
	if len(p.places) > 0 {
		e.Methods = append(e.Methods, fmt.Sprintf("%d of %d known settlements lie inside or on the edge; all their people count.",
			len(inside), len(p.places)))
	}
	if len(shares) > 0 {
		e.Methods = append(e.Methods,
			"Of each census area touched, those who live in none of its known settlements are taken to be spread evenly over its land; the share of its surface inside counts.",
			"Low is the people of settlements and census areas wholly inside, high everybody of every census area touched.")
	}
	if loose > 0 && len(p.units) > 0 {
		e.Methods = append(e.Methods, fmt.Sprintf("%d people of settlements inside that lie in no census area are counted beside the census.", loose))
	}
	for _, s := range shares {
		e.doubt(s)
	}
	e.cite(p, shares, inside)
}

// doubt says where an estimate is weak.
func (e *Exposure) doubt(s *share) {
	u := s.unit
	if u.placed > u.People {
		e.Methods = append(e.Methods, fmt.Sprintf("The settlements of %s count %d people, its census %d: the larger is taken.",
			title(u.Name, u.ID), u.placed, u.People))
	}
	density := float64(u.People) / (u.area / 1e6)
	if s.fraction > 0 && s.fraction < 1 && u.rest() > 0 && density < sparse {
		e.Methods = append(e.Methods, fmt.Sprintf(
			"%s has %.1f people per km2: an even spread says little about where they live. Take up to %d of them to be inside until somebody who knows the place says otherwise.",
			title(u.Name, u.ID), density, s.inside+u.rest()))
	}
}

func title(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// cite lists the sources used, each once, in alphabetical order.
func (e *Exposure) cite(p *Population, shares []*share, inside []int) {
	add := func(source string, year int) {
		switch {
		case source == "":
			source = "source not stated"
		case year != 0 && !strings.Contains(source, fmt.Sprint(year)):
			source = fmt.Sprintf("%s, %d", source, year)
		}
		e.Sources = append(e.Sources, source)
	}
	for _, i := range inside {
		add(p.places[i].Source, p.places[i].Year)
	}
	for _, s := range shares {
		add(s.unit.Source, s.unit.Year)
	}
	slices.Sort(e.Sources)
	e.Sources = slices.Compact(e.Sources)
}
