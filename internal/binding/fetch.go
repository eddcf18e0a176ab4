package binding

import "slices"

// At many bindings what is done with one costs little but the wait for memory, in
// which it is. Whoever knows what it is about to look at fetches it before, many
// at once, and finds it in the processor's caches then.

// Fetch reads bindings and the stations that they are at home with.
func (t *Table) Fetch(keys []Key) {
	for part := range slices.Chunk(keys, lookahead) {
		var found [lookahead]*Binding
		var homes [lookahead]StationKey
		var stations [lookahead]*Station
		t.bindings.getAll(part, found[:len(part)])
		n := 0
		for _, b := range found[:len(part)] {
			if b != nil {
				homes[n] = homeOf(b)
				n++
			}
		}
		t.stations.getAll(homes[:n], stations[:n])
	}
}

// FetchSenders reads stations and, of those that have one address, the binding.
func (t *Table) FetchSenders(senders []StationKey) {
	for part := range slices.Chunk(senders, lookahead) {
		var stations [lookahead]*Station
		var keys [lookahead]Key
		var found [lookahead]*Binding
		t.stations.getAll(part, stations[:len(part)])
		n := 0
		for _, s := range stations[:len(part)] {
			if s != nil && s.bound == boundOne {
				keys[n] = Key{s.Segment, s.one[0]}
				n++
			}
		}
		t.bindings.getAll(keys[:n], found[:n])
	}
}
