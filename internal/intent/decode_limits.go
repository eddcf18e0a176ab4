package intent

// rawLimits is the document of the limits as read.
type rawLimits struct {
	at     place
	limits Limits
}

// limits reads the limits; what isn't written is the default.
func (d *decoder) limits(f fields) *rawLimits {
	raw := &rawLimits{at: f.at, limits: DefaultLimits()}
	for _, l := range limitKeys {
		if _, ok := f.values[l.key]; ok {
			*l.of(&raw.limits) = int(d.limit(f, l).value)
		}
	}
	if parked := d.secondsField(f, parkedTimeKey, MinParkedTime, MaxParkedTime); parked.ok {
		raw.limits.ParkedTime = parked.value
	}
	return raw
}

func (d *decoder) limit(f fields, l limitKey) item[uint32] {
	if s, ok := scalarOf(f.values[l.key]); ok && !s.quoted {
		if value, err := parseUint(s.text); err == nil && value < MinLimit {
			at := d.place(f, l.key)
			d.failf(at, "%s %d is below %d, and leaves no room for what one host does when it starts: want a whole number from %d to %d",
				l.key, value, MinLimit, MinLimit, l.high)
			return item[uint32]{at: at}
		}
	}
	return d.uintField(f, l.key, MinLimit, l.high)
}
