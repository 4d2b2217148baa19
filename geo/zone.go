package geo

import "github.com/paulmach/orb"

// Zone is an area for which warnings are issued.
type Zone struct {
	ID    string
	Names map[string]string // by BCP 47 language tag
	// Hazard is the kind of hazard the zone is drawn for ("flood"), as rules name it.
	Hazard string
	// From is the lowest warning level (1 to 4) at which the zone applies.
	From  int
	Shape orb.MultiPolygon // longitude, latitude; rings closed, shells counter-clockwise, holes clockwise
}

// Name is the zone's name in the language asked for, else in English, else in any language, else its id.
func (z Zone) Name(language string) string {
	for _, tag := range []string{language, "en"} {
		if name := z.Names[tag]; name != "" {
			return name
		}
	}
	least := ""
	for tag := range z.Names {
		if least == "" || tag < least {
			least = tag
		}
	}
	if least != "" {
		return z.Names[least]
	}
	return z.ID
}
