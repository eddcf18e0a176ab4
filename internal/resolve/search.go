package resolve

import (
	"container/heap"
	"fmt"
	"slices"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

// Limits and times of searches. The zero value of each field stands for its
// default.
type Limits struct {
	Tries             int   // requests per search; default 3 (RFC 4861 §10, MAX_MULTICAST_SOLICIT)
	Interval          int64 // nanoseconds between requests for one target; default 1 s (RFC 1122 §2.3.2.1)
	ParkedPerTarget   int   // default 64
	ParkedTime        int64 // nanoseconds for which an asker waits; default 2 s
	UnresolvedPerPort int   // searches that one port may have under way; default 64 (RFC 6583)
	UnresolvedPerNet  int   // likewise per network; default 256
	SilentMin         int64 // nanoseconds for which an address is silent first; default 1 s
	SilentMax         int64 // and at most; default 60 s
	MaxSilent         int   // silent addresses remembered; default 65536
	MaxProbers        int   // probers remembered for a second; default 4096
}

const second = int64(1e9)

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def64 := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Tries, 3)
	def64(&l.Interval, second)
	def(&l.ParkedPerTarget, 64)
	def64(&l.ParkedTime, 2*second)
	def(&l.UnresolvedPerPort, 64)
	def(&l.UnresolvedPerNet, 256)
	def64(&l.SilentMin, second)
	def64(&l.SilentMax, 60*second)
	def(&l.MaxSilent, 65536)
	def(&l.MaxProbers, 4096)
	return l
}

// Asker is who asked, and the frame with which.
type Asker struct {
	At    binding.Location
	MAC   packet.MAC
	Frame []byte // the searches keep it: give a copy
	// Everywhere says that Frame is a question of isat's own, which goes to
	// every switch, and that no answer is waited for: a router asks.
	Everywhere bool
	since      int64 // when it asked last
}

func (a Asker) placeless() bool { return a.At == binding.Location{} }

// ToAll says whether the asker's question is put on every switch.
func (a Asker) ToAll() bool { return a.Everywhere || a.placeless() }

// Asking is the verdict on a question whose answer is not known.
type Asking uint8

// Verdicts of Ask and Relay.
const (
	Started       Asking = iota + 1 // send the request now
	Joined                          // a search is under way: the asker waits for it
	Spread                          // likewise, but it has not reached this switch yet: send the request on there
	Relayed                         // a probe: send it on now (conformance P3, N7)
	RelayLimited                    // this prober was sent on less than a second ago
	Silent                          // nobody answered recently (conformance L4)
	RefusedParked                   // too many wait for this address
	RefusedPort                     // too many searches from this port (conformance L2)
	RefusedNet                      // too many searches in this network
)

var askingNames = [...]string{
	Started: "started", Joined: "joined", Spread: "spread", Relayed: "relayed", RelayLimited: "relay-limited", Silent: "silent",
	RefusedParked: "refused-parked", RefusedPort: "refused-port", RefusedNet: "refused-network",
}

func (a Asking) String() string { return askingNames[a] }

// Request is one request that has to be put on the wire for a search. First
// says that it is the first of its search, which may ask a stale owner alone.
type Request struct {
	Key   binding.Key
	Asker Asker
	Try   int // from 1
}

// End is a search that found nobody.
type End struct {
	Key        binding.Key
	Sent       int
	Began      int64
	Everywhere bool // a router asked, too
}

// Found is a search that a binding ended.
type Found struct {
	Askers []Asker // but for those who waited too long
	Late   int     // how many those were
	Sent   int
	Began  int64
}

type search struct {
	key    binding.Key
	askers []Asker
	sent   int
	began  int64
	due    int64 // when the next request goes out, or the search gives up
	place  int   // in the heap
	from   binding.Location
	// The switches that the present request has reached. It gets to a second
	// one as any broadcast does, through a port of it; a request of isat's own
	// reaches every switch.
	reached []uint64
}

func (q *search) reaches(onSwitch uint64) bool {
	return q.askers[0].ToAll() || slices.Contains(q.reached, onSwitch)
}

type silence struct {
	until int64
	span  int64
	fails int
}

type prober struct {
	key binding.Key
	mac packet.MAC
	on  uint64 // switch that relays
}

// Searches remembers questions without an answer. Its owner calls Tick when
// Next says.
type Searches struct {
	limits  Limits
	active  map[binding.Key]*search
	queue   searchQueue
	silent  map[binding.Key]silence
	probers map[prober]int64 // when each was last relayed
	perPort map[binding.Location]int
	perNet  map[uint32]int
	sweep   int64 // when expired silences and probers are swept next
}

// NewSearches returns a memory without any search.
func NewSearches(limits Limits) *Searches {
	return &Searches{
		limits: limits.withDefaults(), active: make(map[binding.Key]*search), silent: make(map[binding.Key]silence),
		probers: make(map[prober]int64), perPort: make(map[binding.Location]int), perNet: make(map[uint32]int),
	}
}

// SetLimits changes the limits. What is under way goes on.
func (s *Searches) SetLimits(limits Limits) { s.limits = limits.withDefaults() }

// Searching says whether a search for the address is under way.
func (s *Searches) Searching(key binding.Key) bool { return s.active[key] != nil }

// Counts of what is remembered: searches, parked askers, silent addresses.
func (s *Searches) Counts() (searches, parked, silent int) {
	for _, q := range s.active {
		parked += len(q.askers)
	}
	return len(s.active), parked, len(s.silent)
}

// CountsIn counts searches and silent addresses of one network.
func (s *Searches) CountsIn(network uint32) (searches, silent int) {
	for key := range s.silent {
		if key.Network == network {
			silent++
		}
	}
	return s.perNet[network], silent
}

// Ask takes the question of an asker. On Started the caller sends the asker's
// frame; retries come from Tick.
func (s *Searches) Ask(now int64, key binding.Key, asker Asker) Asking {
	asker.since = now
	if q := s.active[key]; q != nil {
		return s.join(q, asker)
	}
	if quiet, ok := s.silent[key]; ok && now < quiet.until {
		return Silent
	}
	switch {
	case s.perPort[asker.At] >= s.limits.UnresolvedPerPort:
		return RefusedPort
	case s.perNet[key.Network] >= s.limits.UnresolvedPerNet:
		return RefusedNet
	}
	s.start(now, key, asker)
	return Started
}

// Insist starts or joins a search whatever was found before: the operator
// asks. The asker has no place, and gets no packet.
func (s *Searches) Insist(now int64, key binding.Key, frame []byte) Asking {
	asker := Asker{Frame: frame}
	if q := s.active[key]; q != nil {
		// The search has to go on for the operator, even if the port of those
		// who began it goes.
		if !slices.ContainsFunc(q.askers, Asker.placeless) {
			q.askers = append(q.askers, asker)
		}
		return Joined
	}
	s.start(now, key, asker)
	return Started
}

func (s *Searches) start(now int64, key binding.Key, asker Asker) {
	q := &search{key: key, askers: []Asker{asker}, sent: 1, began: now, due: now + s.limits.Interval, from: asker.At,
		reached: []uint64{asker.At.Switch}}
	s.active[key] = q
	heap.Push(&s.queue, q)
	s.perPort[q.from]++
	s.perNet[key.Network]++
}

// join parks an asker with a search. One that asks again replaces its request;
// but what another switch hears of it came through the place where it asked
// first, and there it waits on.
func (s *Searches) join(q *search, asker Asker) Asking {
	if asker.Everywhere {
		return s.joinEverywhere(q, asker)
	}
	if !q.reaches(asker.At.Switch) {
		q.reached = append(q.reached, asker.At.Switch)
		return Spread
	}
	if i := slices.IndexFunc(q.askers, func(a Asker) bool { return a.MAC == asker.MAC }); i >= 0 {
		if q.askers[i].At == asker.At {
			q.askers[i] = asker
		}
		return Joined
	}
	if len(q.askers) >= s.limits.ParkedPerTarget {
		return RefusedParked
	}
	q.askers = append(q.askers, asker)
	return Joined
}

// joinEverywhere makes a search that a host began one on every switch, from its
// next request on.
func (s *Searches) joinEverywhere(q *search, asker Asker) Asking {
	if !q.askers[0].ToAll() {
		q.askers = slices.Insert(q.askers, 0, asker)
	}
	return Joined
}

// Relay decides on a probe for an unknown address: each prober's goes to every
// other port of the switch, at most once a second (conformance P3, N7).
func (s *Searches) Relay(now int64, key binding.Key, asker Asker) Asking {
	p := prober{key, asker.MAC, asker.At.Switch}
	if last, ok := s.probers[p]; ok && now-last < s.limits.Interval {
		return RelayLimited
	}
	if len(s.probers) >= s.limits.MaxProbers {
		return RelayLimited
	}
	s.probers[p] = now
	s.schedule(now)
	return Relayed
}

// Found ends the search for an address that has been learned, and clears its
// silence: any sign of life does (conformance L4). Who asked too long ago has given
// up, or has asked again, and waits no more.
func (s *Searches) Found(now int64, key binding.Key) (Found, bool) {
	delete(s.silent, key)
	q := s.active[key]
	if q == nil {
		return Found{}, false
	}
	s.end(q)
	found := Found{Sent: q.sent, Began: q.began}
	for _, a := range q.askers {
		if !a.ToAll() && now-a.since > s.limits.ParkedTime {
			found.Late++
			continue
		}
		found.Askers = append(found.Askers, a)
	}
	return found, true
}

// SignOfLife clears the silence of an address that was heard, even if not well
// enough to be answered for (conformance L4).
func (s *Searches) SignOfLife(key binding.Key) { delete(s.silent, key) }

// SilentFor is the time, in nanoseconds, for which an address is not searched.
func (s *Searches) SilentFor(now int64, key binding.Key) int64 {
	return max(s.silent[key].until-now, 0)
}

// Forget drops the searches and parked askers of a place that is gone.
func (s *Searches) Forget(at binding.Location) {
	for _, q := range s.active {
		// A router asks for whatever it holds, wherever that came in.
		q.askers = slices.DeleteFunc(q.askers, func(a Asker) bool { return a.At == at && !a.Everywhere })
		if len(q.askers) == 0 {
			s.end(q)
		}
	}
}

func (s *Searches) end(q *search) {
	delete(s.active, q.key)
	heap.Remove(&s.queue, q.place)
	if s.perPort[q.from]--; s.perPort[q.from] == 0 {
		delete(s.perPort, q.from)
	}
	if s.perNet[q.key.Network]--; s.perNet[q.key.Network] == 0 {
		delete(s.perNet, q.key.Network)
	}
}

// Tick returns the requests that are due now, and the searches that gave up.
func (s *Searches) Tick(now int64) (requests []Request, ends []End) {
	for len(s.queue) > 0 && s.queue[0].due <= now {
		q := s.queue[0]
		if q.sent >= s.limits.Tries {
			s.end(q)
			s.fallSilent(now, q.key)
			ends = append(ends, End{q.key, q.sent, q.began, q.askers[0].Everywhere})
			continue
		}
		q.sent++
		q.reached = append(q.reached[:0], q.askers[0].At.Switch)
		q.due = now + s.limits.Interval
		heap.Fix(&s.queue, 0)
		requests = append(requests, Request{q.key, q.askers[0], q.sent})
	}
	if s.sweep != 0 && s.sweep <= now {
		s.sweepOld(now)
	}
	return requests, ends
}

// fallSilent remembers that nobody answered: for a second first, twice as long
// after each further failure, up to a minute, and up to an eighth more so that
// many addresses do not come back at once.
func (s *Searches) fallSilent(now int64, key binding.Key) {
	quiet, known := s.silent[key]
	if !known && len(s.silent) >= s.limits.MaxSilent {
		return
	}
	quiet.fails++
	quiet.span = min(max(quiet.span*2, s.limits.SilentMin), s.limits.SilentMax)
	quiet.until = now + quiet.span + jitter(key, quiet.fails, quiet.span/8)
	s.silent[key] = quiet
	s.schedule(now)
}

// jitter is a number below span that depends on the address and the count of
// failures only, so that a run can be repeated.
func jitter(key binding.Key, n int, span int64) int64 {
	hash := uint64(14695981039346656037) // FNV-1a
	for _, c := range key.Addr {
		hash = (hash ^ uint64(c)) * 1099511628211
	}
	hash = (hash ^ uint64(n)) * 1099511628211
	return int64(hash>>1) % max(span, 1)
}

func (s *Searches) schedule(now int64) {
	if s.sweep == 0 {
		s.sweep = now + s.limits.Interval
	}
}

// sweepOld drops probers of more than a second ago, and silences that ended
// long enough ago not to count for the next back-off. One whose address is
// being searched again counts if that search fails.
func (s *Searches) sweepOld(now int64) {
	for p, last := range s.probers {
		if now-last >= s.limits.Interval {
			delete(s.probers, p)
		}
	}
	for key, quiet := range s.silent {
		if now >= quiet.until+quiet.span && s.active[key] == nil {
			delete(s.silent, key)
		}
	}
	s.sweep = 0
	if len(s.probers)+len(s.silent) > 0 {
		s.sweep = now + s.limits.Interval
	}
}

// Next says when Tick has something to do.
func (s *Searches) Next() (at int64, ok bool) {
	if len(s.queue) > 0 {
		at, ok = s.queue[0].due, true
	}
	if s.sweep != 0 && (!ok || s.sweep < at) {
		at, ok = s.sweep, true
	}
	return at, ok
}

// Explain says in words what the memory holds of an address.
func (s *Searches) Explain(now int64, key binding.Key) (what string, state Asking) {
	if q := s.active[key]; q != nil {
		return fmt.Sprintf("a search is under way: %d of %d requests sent, %d waiting", q.sent, s.limits.Tries, len(q.askers)), Joined
	}
	if quiet, ok := s.silent[key]; ok && now < quiet.until {
		return fmt.Sprintf("searches that nobody answered: %d; not searched again for %d ms", quiet.fails, (quiet.until-now)/1e6), Silent
	}
	return "", Started
}

// searchQueue orders searches by when they are due.
type searchQueue []*search

func (q searchQueue) Len() int           { return len(q) }
func (q searchQueue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q searchQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *searchQueue) Push(x any) {
	s := x.(*search)
	s.place = len(*q)
	*q = append(*q, s)
}

func (q *searchQueue) Pop() any {
	old := *q
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return s
}
