package geojson

import (
	"fmt"
	"slices"
	"strings"
)

// Feature is a feature of a collection, or a bare geometry taken for one.
type Feature struct {
	Line       int
	ID         string // the property "id", else the member "id"; empty where it has none
	Name       string // how to call it in a message: its id, else its place in the file
	Properties *Value // an Object; nil where there is none
	Geometry   *Value // an Object with type and coordinates; nil where there is none
}

// Features reads a FeatureCollection, a Feature or a bare geometry. What is wrong is noted in faults;
// features that are none are left out then.
func Features(data []byte, faults *Faults) []Feature {
	root, ok := parse(data, faults)
	if !ok {
		return nil
	}
	if root.Kind != Object {
		faults.Add(root.Line, "%v stands where a GeoJSON FeatureCollection is wanted", root.Kind)
		return nil
	}
	checkCRS(&root, faults)
	switch kind := typeOf(&root); kind {
	case "FeatureCollection":
		return collection(&root, faults)
	case "Feature":
		return slices.DeleteFunc([]Feature{feature(&root, 0, faults)}, func(f Feature) bool { return f.Line == 0 })
	case "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection":
		return []Feature{{Line: root.Line, Name: "the geometry", Geometry: &root}}
	default:
		faults.Add(root.Line, "\"type\" is %s: a FeatureCollection is wanted", quoted(kind))
		return nil
	}
}

// typeOf is the member "type" of a GeoJSON object, or "".
func typeOf(v *Value) string {
	if t := v.Get("type"); t != nil && t.Kind == String {
		return t.Text
	}
	return ""
}

func quoted(kind string) string {
	if kind == "" {
		return "missing"
	}
	return fmt.Sprintf("%q", kind)
}

// checkCRS refuses other reference systems: RFC 7946 section 4 knows WGS 84 longitude and latitude only;
// the member "crs" is of the GeoJSON of 2008, which other programs still write.
func checkCRS(root *Value, faults *Faults) {
	crs := root.Get("crs")
	if crs == nil || crs.Kind == Null {
		return
	}
	name := crs.Get("properties").Get("name")
	if name != nil && (strings.HasSuffix(name.Text, "CRS84") || strings.HasSuffix(name.Text, "EPSG:4326") || strings.HasSuffix(name.Text, "EPSG::4326")) {
		return
	}
	said := "another reference system"
	if name != nil {
		said = name.Text
	}
	faults.Add(crs.Line, "coordinates are in %s: save the file in WGS 84 longitude and latitude (EPSG:4326)", said)
}

func collection(root *Value, faults *Faults) []Feature {
	list := root.Get("features")
	if list == nil || list.Kind != Array {
		faults.Add(root.Line, "the FeatureCollection has no list \"features\"")
		return nil
	}
	features := make([]Feature, 0, len(list.Items))
	for i := range list.Items {
		if f := feature(&list.Items[i], i, faults); f.Line != 0 {
			features = append(features, f)
		}
	}
	if len(list.Numbers) > 0 {
		faults.Add(list.Line, "\"features\" holds numbers: objects with type Feature are wanted")
	}
	return features
}

// feature reads the feature at place i of the file, from 0; its Line is 0 where it is none.
func feature(v *Value, i int, faults *Faults) Feature {
	name := fmt.Sprintf("feature %d", i+1)
	if v.Kind != Object || typeOf(v) != "Feature" {
		faults.Add(v.Line, "%s: \"type\" is %s: it must be \"Feature\"", name, quoted(typeOf(v)))
		return Feature{}
	}
	f := Feature{Line: v.Line, Name: name, Properties: v.Get("properties"), Geometry: v.Get("geometry")}
	if f.Properties != nil && f.Properties.Kind != Object {
		if f.Properties.Kind != Null {
			faults.Add(f.Properties.Line, "%s: \"properties\" is %v: it must be an object", name, f.Properties.Kind)
		}
		f.Properties = nil
	}
	if f.Geometry != nil && f.Geometry.Kind == Null {
		f.Geometry = nil
	}
	for _, id := range []*Value{f.Properties.Get("id"), v.Get("id")} {
		if f.ID == "" && id != nil && (id.Kind == String || id.Kind == Number) {
			f.ID = strings.TrimSpace(id.Text)
		}
	}
	if f.ID != "" {
		f.Name = fmt.Sprintf("feature %d (%s)", i+1, f.ID)
	}
	return f
}
