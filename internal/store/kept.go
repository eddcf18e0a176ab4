package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/isat-sdn/isat/internal/binding"
)

const bindingPrefix = "binding/"

// Form of a binding: big-endian, as in the comment of each line. A later form
// that only appends keeps the number.
const (
	bindingForm = 1
	bindingKey  = len(bindingPrefix) + 4 + 2 + 16   // network, VLAN, address
	bindingSize = 1 + 1 + 1 + 1 + 6 + 8 + 4 + 8 + 8 // form, origin, state, flags, MAC, switch, port, learned, heard
	flagRouter  = 1
	leaseSize   = 8 + 8 // end, span; only with a lease
	releaseSize = 8     // when it is released; only of a duplicate, after a lease
)

func appendKey(b []byte, k binding.Key) []byte {
	b = append(b, bindingPrefix...)
	b = binary.BigEndian.AppendUint32(b, k.Network)
	b = binary.BigEndian.AppendUint16(b, k.VLAN)
	return append(b, k.Addr[:]...)
}

func appendBinding(b []byte, k *binding.Kept) []byte {
	var flags byte
	if k.Binding.Router {
		flags |= flagRouter
	}
	b = append(b, bindingForm, byte(k.Binding.Origin), byte(k.Binding.State), flags)
	b = append(b, k.Binding.MAC[:]...)
	b = binary.BigEndian.AppendUint64(b, k.Binding.Switch)
	b = binary.BigEndian.AppendUint32(b, uint32(k.Port))
	b = binary.BigEndian.AppendUint64(b, uint64(k.Binding.Learned))
	b = binary.BigEndian.AppendUint64(b, uint64(k.Binding.Heard))
	if k.Until != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(k.Until))
		b = binary.BigEndian.AppendUint64(b, uint64(k.Span))
	}
	if k.Binding.State == binding.Duplicate {
		b = binary.BigEndian.AppendUint64(b, uint64(k.Release))
	}
	return b
}

// decodeBinding reads what appendKey and appendBinding wrote. ok is false for
// what this isat does not know: it is a hint less.
func decodeBinding(key, value []byte) (k binding.Kept, ok bool) {
	if len(key) != bindingKey || len(value) < bindingSize || value[0] != bindingForm {
		return k, false
	}
	key = key[len(bindingPrefix):]
	b := &binding.Binding{
		Origin: binding.Origin(value[1]), State: binding.State(value[2]), Router: value[3]&flagRouter != 0,
		Switch:  binary.BigEndian.Uint64(value[10:]),
		Learned: int64(binary.BigEndian.Uint64(value[22:])),
		Heard:   int64(binary.BigEndian.Uint64(value[30:])),
	}
	b.Network, b.VLAN = binary.BigEndian.Uint32(key), binary.BigEndian.Uint16(key[4:])
	copy(b.Addr[:], key[6:])
	copy(b.MAC[:], value[4:10])
	k = binding.Kept{Key: b.Key, Binding: b, Port: binding.PortKey(binary.BigEndian.Uint32(value[18:]))}
	rest := value[bindingSize:]
	if len(rest) >= leaseSize {
		k.Until, k.Span = int64(binary.BigEndian.Uint64(rest)), int64(binary.BigEndian.Uint64(rest[8:]))
		rest = rest[leaseSize:]
	}
	switch {
	case b.State != binding.Duplicate:
	case len(rest) >= releaseSize:
		k.Release = int64(binary.BigEndian.Uint64(rest))
	default:
		b.State = binding.Stale // written when nobody kept for how long
	}
	return k, true
}

// pageSize is how many bindings are read at once. For each page etcd counts all
// that are left, so that small ones take time with the square of their number:
// reading a million took 10 s of a processor in pages of 10 000, and 2.9 s in
// these, of some 25 MB each.
const pageSize = 100_000

// Bindings gives out what was kept of bindings, a page at a time, in no order.
func (s *Store) Bindings(ctx context.Context, page func([]binding.Kept)) error {
	e, err := s.running()
	if err != nil {
		return fmt.Errorf("read the kept bindings: %w", err)
	}
	from, end := bindingPrefix, clientv3.GetPrefixRangeEnd(bindingPrefix)
	for revision, more := int64(0), true; more; {
		var r *clientv3.GetResponse
		err = e.do(ctx, func(ctx context.Context, c *clientv3.Client) (err error) {
			r, err = c.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(pageSize), clientv3.WithRev(revision))
			return err
		})
		if err != nil {
			return fmt.Errorf("read the kept bindings from %s: %w", s.dir.path, err)
		}
		list := make([]binding.Kept, 0, len(r.Kvs))
		for _, kv := range r.Kvs {
			if k, ok := decodeBinding(kv.Key, kv.Value); ok {
				list = append(list, k)
			}
		}
		page(list)
		if more = r.More; more {
			revision, from = r.Header.Revision, string(r.Kvs[len(r.Kvs)-1].Key)+"\x00"
		}
	}
	return nil
}

// maxPending bounds the addresses whose change waits to be written. Beyond it
// the newest is not kept: after a restart it is searched, or asked for nothing.
const maxPending = 1 << 20

// maxQueued bounds the changes that are taken over as they came. Beyond it they
// are put together by whoever gives the next.
const maxQueued = 1 << 17

// keeper collects changes of bindings until they are written.
type keeper struct {
	mu      sync.Mutex
	queue   [][]binding.Kept // as they came, the latest last
	queued  int
	pending map[binding.Key]binding.Kept // those before, the last of each address
	wake    chan struct{}
	dropped atomic.Uint64
	written atomic.Uint64
	failed  atomic.Uint64
}

func (k *keeper) init() {
	k.pending = make(map[binding.Key]binding.Kept)
	k.wake = make(chan struct{}, 1)
}

func (k *keeper) add(changes []binding.Kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.queue = append(k.queue, changes)
	if k.queued += len(changes); k.queued > maxQueued {
		k.gather()
	}
	k.rouse()
}

// rouse has Run look for what there is to do.
func (k *keeper) rouse() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// gather puts the queue together with what waits.
func (k *keeper) gather() {
	for _, changes := range k.queue {
		for i := range changes {
			k.put(k.pending, &changes[i])
		}
	}
	k.queue, k.queued = nil, 0
}

func (k *keeper) put(waiting map[binding.Key]binding.Kept, c *binding.Kept) {
	if _, there := waiting[c.Key]; !there && len(waiting) >= maxPending {
		k.dropped.Add(1)
		return
	}
	waiting[c.Key] = *c
}

// take returns what waits, and leaves nothing. What takes long in it keeps
// nobody from giving more.
func (k *keeper) take() map[binding.Key]binding.Kept {
	k.mu.Lock()
	all, queue := k.pending, k.queue
	k.pending, k.queue, k.queued = make(map[binding.Key]binding.Kept), nil, 0
	k.mu.Unlock()
	for _, changes := range queue {
		for i := range changes {
			k.put(all, &changes[i])
		}
	}
	return all
}

// giveBack returns what could not be written, unless there is newer.
func (k *keeper) giveBack(all map[binding.Key]binding.Kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gather()
	for key, c := range all {
		if _, newer := k.pending[key]; !newer {
			k.put(k.pending, &c)
		}
	}
}

// Counts are what a store did with bindings.
type Counts struct {
	Written uint64 // changes that were written
	Dropped uint64 // changes that were not, because too many waited
	Failed  uint64 // batches that could not be written, and were tried again
	Waiting int    // changes that wait
}

// Counts returns what became of the changes given to Keep.
func (s *Store) Counts() Counts {
	k := &s.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	return Counts{Written: k.written.Load(), Dropped: k.dropped.Load(), Failed: k.failed.Load(), Waiting: len(k.pending) + k.queued}
}

// writeBatch writes changes in one transaction.
func (s *Store) writeBatch(ctx context.Context, changes []binding.Kept) error {
	e, err := s.running()
	if err != nil {
		return err
	}
	size := 0
	ops := make([]clientv3.Op, len(changes))
	buffer := make([]byte, 0, bindingKey+bindingSize)
	for i := range changes {
		c := &changes[i]
		buffer = appendKey(buffer[:0], c.Key)
		key := string(buffer)
		size += len(key)
		if c.Binding == nil {
			ops[i] = clientv3.OpDelete(key)
			continue
		}
		ops[i] = clientv3.OpPut(key, string(appendBinding(buffer[:0], c)))
		size += bindingSize
	}
	if err := s.dir.writable(size); err != nil {
		return err
	}
	err = e.do(ctx, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Txn(ctx).Then(ops...).Commit()
		return err
	})
	if err != nil {
		return fmt.Errorf("write to %s: %w", s.dir.path, err)
	}
	s.wrote(size)
	s.kept.written.Add(uint64(len(changes)))
	return nil
}
