package scenario

// Ledger is the account of all water of a valley since the warm-up began, m3. What was there at first and
// what came in equals what is there now and what went out, up to rounding: see Error.
type Ledger struct {
	Initial    float64 // in all stores when the valley was built
	Received   float64 // rain, melt and surges
	Evaporated float64
	Left       float64 // at the lowest nodes
	Stored     float64 // in soils, ground water, lakes and rivers now
}

// Error is what the account is out by, as a share of everything that came in or was there.
func (l Ledger) Error() float64 {
	total := l.Initial + l.Received
	if total == 0 {
		return 0
	}
	return (total - l.Evaporated - l.Left - l.Stored) / total
}

// Ledger is the account as it stands now.
func (v *Valley) Ledger() Ledger {
	l := Ledger{Initial: v.initial, Left: v.left, Stored: v.stored()}
	for _, land := range v.order {
		l.Received += land.received * land.cubicMetresPerMM()
		l.Evaporated += land.evaporated * land.cubicMetresPerMM()
	}
	l.Received += v.surged
	return l
}

// stored is all water there is, m3. Land and lakes hand over the mean flow of a step, which the rivers take
// for the flow at its end: half a step's worth is always under way between them.
func (v *Valley) stored() float64 {
	sum := 0.0
	for _, l := range v.order {
		sum += l.stored() * l.cubicMetresPerMM()
	}
	for _, b := range v.lakes {
		sum += b.volume
	}
	for _, n := range v.rivers {
		sum += v.lateral(n) * v.description.Step.Seconds() / 2
		for _, ch := range n.channels {
			sum += ch.stored()
		}
	}
	return sum
}
