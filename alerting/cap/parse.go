package cap

// Parse reads a CAP document of version 1.0, 1.1 or 1.2. It is tolerant: order, missing and unknown
// elements do not matter, and values are taken as they stand (Check judges them); a polygon or circle
// that makes no sense lands in Area.Unread. Text that is not CAP, has a DOCTYPE or is too large is
// an error that wraps ErrNotCAP. Nothing is ever fetched.
func Parse(document []byte) (Alert, error) {
	root, err := readTree(document)
	if err != nil {
		return Alert{}, err
	}
	if _, err := root.version(); err != nil {
		return Alert{}, err
	}
	alert := Alert{
		XMLName: root.name, Identifier: root.first("identifier"), Sender: root.first("sender"),
		Sent: root.first("sent"), Status: root.first("status"), MsgType: root.first("msgType"),
		Source: root.first("source"), Scope: root.first("scope"), Restriction: root.first("restriction"),
		Addresses: root.first("addresses"), Codes: root.texts("code"), Note: root.first("note"),
		References: root.first("references"), Incidents: root.first("incidents"),
	}
	for _, n := range root.all("info") {
		alert.Infos = append(alert.Infos, parseInfo(n))
	}
	return alert, nil
}

func parseInfo(n *node) Info {
	info := Info{
		Language: n.first("language"), Categories: n.texts("category"), Event: n.first("event"),
		ResponseTypes: n.texts("responseType"), Urgency: n.first("urgency"), Severity: n.first("severity"),
		Certainty: n.first("certainty"), Audience: n.first("audience"), EventCodes: parseNamed(n, "eventCode"),
		Effective: n.first("effective"), Onset: n.first("onset"), Expires: n.first("expires"),
		SenderName: n.first("senderName"), Headline: n.first("headline"), Description: n.first("description"),
		Instruction: n.first("instruction"), Web: n.first("web"), Contact: n.first("contact"),
		Parameters: parseNamed(n, "parameter"),
	}
	for _, r := range n.all("resource") {
		info.Resources = append(info.Resources, Resource{
			Description: r.first("resourceDesc"), MimeType: r.first("mimeType"), Size: r.first("size"),
			URI: r.first("uri"), DerefURI: r.first("derefUri"), Digest: r.first("digest"),
		})
	}
	for _, a := range n.all("area") {
		info.Areas = append(info.Areas, parseArea(a))
	}
	return info
}

func parseArea(n *node) Area {
	area := Area{
		Description: n.first("areaDesc"), Geocodes: parseNamed(n, "geocode"),
		Altitude: n.first("altitude"), Ceiling: n.first("ceiling"),
	}
	for _, text := range n.texts("polygon") {
		if polygon, err := parsePolygon(text); err == nil {
			area.Polygons = append(area.Polygons, polygon)
		} else if text != "" {
			area.Unread = append(area.Unread, text)
		}
	}
	for _, text := range n.texts("circle") {
		if circle, err := parseCircle(text); err == nil {
			area.Circles = append(area.Circles, circle)
		} else if text != "" {
			area.Unread = append(area.Unread, text)
		}
	}
	return area
}

// parseNamed reads name and value: as elements (1.1, 1.2) or, in 1.0, as "name=value".
func parseNamed(n *node, local string) []NamedValue {
	var values []NamedValue
	for _, c := range n.all(local) {
		value := NamedValue{c.first("valueName"), c.first("value")}
		if len(c.children) == 0 {
			value.Name, value.Value = cutValue(c.text)
		}
		values = append(values, value)
	}
	return values
}

func cutValue(s string) (name, value string) {
	for i := range len(s) {
		if s[i] == '=' {
			return s[:i], s[i+1:]
		}
	}
	return "", s
}
