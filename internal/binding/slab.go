package binding

import "math/bits"

// slab has room for stations, many in one piece of memory: the garbage collector
// finds out what a pointer is to by the piece, and there are few of those. A piece
// without a station goes back. Only the table's writer uses it.
type slab struct {
	pieces []*piece
	roomy  []uint32 // pieces with room, and perhaps some that are full or gone
	gone   []uint32 // places in pieces that are free
}

// pieceStations fill the largest size for which the run time keeps free memory.
const pieceStations = 510

type piece struct {
	stations [pieceStations]Station
	used     [8]uint64 // a bit for each station
	live     int       // how many of them are used
	listed   bool      // in roomy
}

// take returns room for a station.
func (s *slab) take() *Station {
	for last := len(s.roomy) - 1; last >= 0; last-- {
		at := s.roomy[last]
		if p := s.pieces[at]; p != nil && p.live < pieceStations {
			return p.take(at)
		} else if p != nil {
			p.listed = false
		}
		s.roomy = s.roomy[:last]
	}
	at := uint32(len(s.pieces))
	if last := len(s.gone) - 1; last >= 0 {
		at, s.gone = s.gone[last], s.gone[:last]
	} else {
		s.pieces = append(s.pieces, nil)
	}
	p := &piece{listed: true}
	s.pieces[at], s.roomy = p, append(s.roomy, at)
	return p.take(at)
}

// take returns room in a piece that has some.
func (p *piece) take(at uint32) *Station {
	for i := range p.used {
		if free := ^p.used[i]; free != 0 {
			bit := bits.TrailingZeros64(free)
			p.used[i] |= 1 << bit
			p.live++
			station := &p.stations[64*i+bit]
			station.room = at*pieceStations + uint32(64*i+bit)
			return station
		}
	}
	panic("binding: a piece of a slab has less room than it counts")
}

// give takes back the room of a station, which nobody may use any more.
func (s *slab) give(station *Station) {
	at, slot := station.room/pieceStations, station.room%pieceStations
	p := s.pieces[at]
	*station = Station{}
	p.used[slot/64] &^= 1 << (slot % 64)
	switch p.live--; {
	case p.live == 0:
		s.pieces[at], s.gone = nil, append(s.gone, at)
	case !p.listed:
		p.listed, s.roomy = true, append(s.roomy, at)
	}
}
