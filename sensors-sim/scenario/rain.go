package scenario

import (
	"math/rand/v2"
	"time"
)

// Storm is one rain event: a hyetograph that rises to its middle and falls.
type Storm struct {
	At       time.Duration      `yaml:"at"`
	Duration time.Duration      `yaml:"duration"`
	MM       float64            `yaml:"mm"`   // depth where the weight is 1
	Over     map[string]float64 `yaml:"over"` // catchment -> weight; empty: everywhere with weight 1
}

// depth is the rain in mm that the storm leaves on the catchment between from and to.
func (s Storm) depth(catchment string, from, to time.Duration) float64 {
	weight := 1.0
	if len(s.Over) > 0 {
		weight = s.Over[catchment]
	}
	middle := (from + to) / 2
	return s.MM * weight * triangle((middle-s.At).Seconds(), s.Duration.Seconds()) * (to - from).Seconds()
}

// Showers is ordinary weather without end: small storms drawn for each day from the seed.
type Showers struct {
	PerDay   float64       `yaml:"per_day"`  // expected number
	MM       float64       `yaml:"mm"`       // the largest depth; depths are uniform below it
	Duration time.Duration `yaml:"duration"` // the longest; durations are uniform from a quarter of it
}

// sky draws the showers of one day at a time, and keeps no more than yesterday's and today's.
type sky struct {
	showers    Showers
	seed       uint64
	catchments []string
	day        int64
	drawn      bool
	storms     []Storm
}

const day = 24 * time.Hour

// depth is the rain of the showers on the catchment between from and to, both counted from the start.
func (s *sky) depth(catchment string, from, to time.Duration) float64 {
	if s.showers.PerDay == 0 {
		return 0
	}
	if today := floorDay(from); !s.drawn || today != s.day {
		s.day, s.drawn = today, true
		s.storms = append(s.of(today-1), s.of(today)...)
	}
	sum := 0.0
	for _, storm := range s.storms {
		sum += storm.depth(catchment, from, to)
	}
	return sum
}

func floorDay(t time.Duration) int64 {
	n := int64(t / day)
	if t < 0 && t%day != 0 {
		n--
	}
	return n
}

// of draws the showers of a day: the same day, seed and list of catchments give the same showers.
func (s *sky) of(n int64) []Storm {
	random := rand.New(rand.NewPCG(s.seed, uint64(n)^0x7261696e)) // a day may be negative: only the bits count
	count := int(s.showers.PerDay)
	if random.Float64() < s.showers.PerDay-float64(count) {
		count++
	}
	storms := make([]Storm, count)
	for i := range storms {
		storms[i] = Storm{
			At:       time.Duration(n)*day + time.Duration(random.Int64N(int64(day))),
			Duration: time.Duration(float64(s.showers.Duration) * (0.25 + 0.75*random.Float64())),
			MM:       s.showers.MM * random.Float64(),
			Over:     make(map[string]float64, len(s.catchments)),
		}
		for _, id := range s.catchments {
			storms[i].Over[id] = random.Float64()
		}
	}
	return storms
}
