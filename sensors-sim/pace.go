package sensorsim

import (
	"context"
	"math"
	"time"
)

// slice is the longest stretch of real time waited at one speed: a change of pace is felt within it.
const slice = 100 * time.Millisecond

// pacer turns event time into real waiting.
type pacer struct {
	pace func() float64
	last time.Time // real time up to which event time was reckoned
}

// wait lets event time pass. What was spent outside of it since the last wait counts; a debt is forgiven,
// so that a slow broker is not followed by a rush. passed, if not nil, is told at times how much of the
// event time has gone by. A context that ends is the only error.
func (p *pacer) wait(ctx context.Context, event time.Duration, passed func(time.Duration) error) error {
	if p.last.IsZero() {
		p.last = time.Now()
	}
	gone, speed := time.Duration(0), p.pace()
	for !math.IsInf(speed, 1) {
		now := time.Now()
		if speed > 0 { // of the stretch that has just ended
			gone += time.Duration(min(float64(now.Sub(p.last))*speed, float64(event)))
		}
		p.last = now
		if gone >= event {
			break
		}
		if passed != nil {
			if err := passed(gone); err != nil {
				return err
			}
		}
		speed = p.pace()
		if err := sleep(ctx, nap(event-gone, speed)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// nap is how long to sleep until left has passed at a speed, a slice at most.
func nap(left time.Duration, speed float64) time.Duration {
	if speed <= 0 {
		return slice
	}
	if math.IsInf(speed, 1) {
		return 0
	}
	if real := float64(left) / speed; real < float64(slice) {
		return max(time.Duration(math.Ceil(real)), time.Microsecond)
	}
	return slice
}

// sleep waits in real time, or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
