package influx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	influxdb "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"tocsin/ingest"
)

// Config says where the server is and where the cursor is kept.
type Config struct {
	URL    string // http://127.0.0.1:8086
	Org    string // on 1.8 anything
	Bucket string // on 1.8 "database/retention policy"
	Token  string // on 1.8 "user:password"; never logged
	// Path is the SQLite file of the cursor; made where it is not there.
	Path    string
	Points  int           // in one request; 0 means 5,000
	Timeout time.Duration // of one request; 0 means 30 s
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("influx: url %q: want one like http://127.0.0.1:8086", c.URL)
	case u.User != nil:
		return errors.New("influx: the url holds a user: put user:password into the token")
	case c.Bucket == "":
		return errors.New("influx: no bucket given (on 1.8 write database/policy)")
	case c.Path == "":
		return errors.New("influx: no path given for the cursor")
	case c.Points < 0 || c.Timeout < 0:
		return fmt.Errorf("influx: %d points a request within %s: want 0 for the default, or more", c.Points, c.Timeout)
	}
	return nil
}

// asideBudget is how many refusals one Apply looks into before it sets whole stretches aside.
const asideBudget = 200

// Writer copies readings into one bucket.
type Writer struct {
	config Config
	client influxdb.Client
	write  api.WriteAPIBlocking
	state  *state
}

var _ ingest.Sink = (*Writer)(nil)

// Open opens the cursor's file. The server need not be there.
func Open(ctx context.Context, config Config) (*Writer, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Points == 0 {
		config.Points = 5000
	}
	if config.Timeout == 0 {
		config.Timeout = 30 * time.Second
	}
	state, err := openState(ctx, config.Path)
	if err != nil {
		return nil, err
	}
	client := influxdb.NewClientWithOptions(config.URL, config.Token, influxdb.DefaultOptions().SetUseGZip(true).
		SetPrecision(time.Millisecond).SetLogLevel(0).SetApplicationName("tocsin").
		SetHTTPRequestTimeout(uint(max(1, config.Timeout/time.Second))))
	return &Writer{config: config, client: client, write: client.WriteAPIBlocking(config.Org, config.Bucket), state: state}, nil
}

// Close lets go of the connections and the file.
func (w *Writer) Close() error {
	w.client.Close()
	return w.state.close()
}

// Name identifies the reader: "influx".
func (w *Writer) Name() string { return "influx" }

// Cursor is the last journal position all of whose readings the server has taken or refused.
func (w *Writer) Cursor(ctx context.Context) (uint64, error) { return w.state.cursor(ctx) }

// Apply writes the readings of a batch and then moves the cursor. After a crash in between the same
// points are written again, which changes nothing. A batch that lies before the cursor is passed over; a
// volatile one (First and Last 0) leaves the cursor.
func (w *Writer) Apply(ctx context.Context, batch ingest.Batch) error {
	cursor, err := w.state.cursor(ctx)
	if err != nil {
		return err
	}
	if batch.Last != 0 && batch.Last <= cursor {
		return nil
	}
	a := attempt{Writer: w}
	for rest := lines(batch.Readings); len(rest) > 0; {
		n := min(len(rest), w.config.Points)
		if err := a.send(ctx, rest[:n]); err != nil {
			return fmt.Errorf("influx: write journal positions %d to %d: %w", batch.First, batch.Last, err)
		}
		rest = rest[n:]
	}
	return w.state.commit(ctx, batch, a.aside)
}

// attempt is one run of Apply.
type attempt struct {
	*Writer
	aside    []Aside
	refusals int
}

// send writes points; where the server refuses some, it halves until it has them.
func (a *attempt) send(ctx context.Context, points []string) error {
	err := a.write.WriteRecord(ctx, strings.Join(points, "\n"))
	if err == nil {
		return nil
	}
	reason, refused := refusal(err)
	if !refused {
		return err
	}
	a.refusals++
	if len(points) == 1 || a.refusals > asideBudget {
		for _, p := range points {
			a.aside = append(a.aside, Aside{Line: p, Reason: reason})
		}
		return nil
	}
	half := len(points) / 2
	if err := a.send(ctx, points[:half]); err != nil {
		return err
	}
	return a.send(ctx, points[half:])
}

// refusal says whether the server will never take some of the points, and why. A 400 alone is not enough: a
// misspelt bucket is answered so too, and would set aside everything.
func refusal(err error) (reason string, refused bool) {
	var answer *influxhttp.Error
	if !errors.As(err, &answer) {
		return "", false
	}
	switch answer.StatusCode {
	case http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return answer.Error(), true
	case http.StatusBadRequest:
		for _, sign := range []string{"partial write", "unable to parse", "field type conflict", "retention policy", "outside retention"} {
			if strings.Contains(answer.Message, sign) {
				return answer.Error(), true
			}
		}
	}
	return "", false
}
