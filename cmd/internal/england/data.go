package england

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Series names one measured series as the agency sends it.
type Series struct {
	Station, Parameter, Qualifier, Unit string
	Region                              string // of the file that brought it, see regionOf
}

// Value is one row of the telemetry.
type Value struct {
	Series   Series
	Period   string
	Time     time.Time
	Received time.Time // from the file's name
	Value    string    // as written
}

// Number is the value; the agency writes plain decimals.
func (v Value) Number() float64 {
	f, err := strconv.ParseFloat(v.Value, 64)
	if err != nil {
		return 0
	}
	return f
}

// Gauge is a row of stations.csv.
type Gauge struct {
	ID, Name, Region, River string
	Lat, Lon                float64
}

// Threshold is a row of thresholds.csv.
type Threshold struct {
	Station, Area string
	Level         int // 2 for a flood alert, 3 for a flood warning
	Rising        bool
	Metres        float64
}

// Data is the record as read.
type Data struct {
	Folder     string
	Values     []Value // in order of arrival
	Gauges     map[string]Gauge
	Thresholds []Threshold
	series     map[string][]Series // by station, in order of first arrival
}

// Read reads the folder england-feb-2016 of the shared data.
func Read(folder string) (*Data, error) {
	d := &Data{Folder: folder, Gauges: map[string]Gauge{}, series: map[string][]Series{}}
	if err := errors.Join(d.readGauges(), d.readThresholds(), d.readValues()); err != nil {
		return nil, fmt.Errorf("reading %s: %w", folder, err)
	}
	return d, nil
}

func (d *Data) readGauges() error {
	return rows(filepath.Join(d.Folder, "stations.csv"), func(row map[string]string) error {
		lat, err := strconv.ParseFloat(row["lat"], 64)
		if err != nil {
			return err
		}
		lon, err := strconv.ParseFloat(row["lon"], 64)
		if err != nil {
			return err
		}
		d.Gauges[row["station"]] = Gauge{
			ID: row["station"], Name: row["name"], Region: row["region"], River: row["river"], Lat: lat, Lon: lon,
		}
		return nil
	})
}

func (d *Data) readThresholds() error {
	return rows(filepath.Join(d.Folder, "thresholds.csv"), func(row map[string]string) error {
		metres, err := strconv.ParseFloat(row["threshold_m"], 64)
		if err != nil {
			return err
		}
		level := map[string]int{"alert": 2, "warning": 3}[row["area_kind"]]
		if level == 0 {
			return fmt.Errorf("area_kind %q is neither alert nor warning", row["area_kind"])
		}
		d.Thresholds = append(d.Thresholds, Threshold{
			Station: row["station"], Area: row["area"], Level: level,
			Rising: row["direction"] == "rising", Metres: metres,
		})
		return nil
	})
}

func (d *Data) readValues() error {
	err := rows(filepath.Join(d.Folder, "readings.csv.gz"), func(row map[string]string) error {
		at, err := time.Parse(time.RFC3339, row["time"])
		if err != nil {
			return err
		}
		received, err := arrival(row["file"])
		if err != nil {
			return err
		}
		d.Values = append(d.Values, Value{
			Series: Series{row["station"], row["parameter"], row["qualifier"], row["unit"], regionOf(row["file"])},
			Period: row["period"], Time: at, Received: received, Value: row["value"],
		})
		return nil
	})
	slices.SortStableFunc(d.Values, func(a, b Value) int { return a.Received.Compare(b.Received) })
	for _, v := range d.Values {
		if !slices.Contains(d.series[v.Series.Station], v.Series) {
			d.series[v.Series.Station] = append(d.series[v.Series.Station], v.Series)
		}
	}
	return err
}

// arrival reads the moment a file was written from its name, "ANTSANFS20160212100319187.XML": the
// region's code, then year to millisecond.
func arrival(file string) (time.Time, error) {
	stem := strings.TrimSuffix(file, ".XML")
	if len(stem) < 17 {
		return time.Time{}, fmt.Errorf("file name %q holds no time", file)
	}
	stamp := stem[len(stem)-17:]
	return time.Parse("20060102150405.000", stamp[:14]+"."+stamp[14:])
}

var regions = map[string]string{
	"ANTSAN": "Anglian", "MITSMI": "Midland", "SOTSSO": "Southern",
	"SWTSSW": "South West", "THTSTH": "Thames", "CYTSCY": "Wales", "TBTSTH": "Thames",
}

func regionOf(file string) string {
	if len(file) < 6 {
		return ""
	}
	return regions[file[:6]]
}

// rows calls each with every row of a CSV file as a map by header.
func rows(name string, each func(map[string]string) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	reader := csv.NewReader(in)
	header, err := reader.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for line := 2; ; line++ {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		row := make(map[string]string, len(header))
		for i, key := range header {
			row[key] = record[i]
		}
		if err := each(row); err != nil {
			return fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
}

// Folder finds the record: in TOCSIN_DATA, else in shared/data beside the repository. ok is false where
// it is not there, and folder says where it was looked for.
func Folder() (folder string, ok bool) {
	root := os.Getenv("TOCSIN_DATA")
	if root == "" {
		root = filepath.Join(repository(), "..", "shared", "data")
	}
	folder = filepath.Join(root, "england-feb-2016")
	_, err := os.Stat(folder)
	return folder, err == nil
}

// repository is the nearest folder upwards with a go.mod.
func repository() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
	}
	return dir
}
