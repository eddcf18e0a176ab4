package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/isat-sdn/isat/internal/binding"
	"github.com/isat-sdn/isat/packet"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: dir, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func commit(t testing.TB, s *Store, edits ...Edit) int64 {
	t.Helper()
	revision, err := s.Commit(t.Context(), edits)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func objects(t testing.TB, s *Store) []Object {
	t.Helper()
	list, err := s.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func text(format string, args ...any) []byte { return fmt.Appendf(nil, format, args...) }

// What was committed is there, in order, also after the store was closed.
func TestObjects(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first := commit(t, s, Edit{Kind: "network", Name: "red", Text: text("name: red\n")}, Edit{Kind: "network", Name: "blue/1", Text: text("name: blue/1\n")})
	second := commit(t, s, Edit{Kind: "network", Name: "red", Text: text("name: red\nnumber: 2\n"), Expect: first}, Edit{Kind: "bridge", Name: "b", Text: []byte{}, Expect: Nothing})
	if second <= first {
		t.Errorf("revision %d after %d", second, first)
	}
	want := []Object{
		{Kind: "bridge", Name: "b", Revision: second, Text: []byte{}},
		{Kind: "network", Name: "blue/1", Revision: first, Text: text("name: blue/1\n")},
		{Kind: "network", Name: "red", Revision: second, Text: text("name: red\nnumber: 2\n")},
	}
	if diff := cmp.Diff(want, objects(t, s)); diff != "" {
		t.Error(diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if diff := cmp.Diff(want, objects(t, s)); diff != "" {
		t.Error("after it was closed:", diff)
	}
	if third := commit(t, s, Edit{Kind: "network", Name: "red"}); third <= second {
		t.Errorf("revision %d after %d", third, second)
	}
	if diff := cmp.Diff(want[:2], objects(t, s)); diff != "" {
		t.Error(diff)
	}
}

// An edit of what has changed is refused, with what is there, and nothing of
// the commit is made.
func TestConflict(t *testing.T) {
	s := open(t, t.TempDir())
	at := commit(t, s, Edit{Kind: "network", Name: "red", Text: text("1")})
	for name, e := range map[string]Edit{
		"older": {Kind: "network", Name: "red", Text: text("2"), Expect: at - 1},
		"there": {Kind: "network", Name: "red", Text: text("2"), Expect: Nothing},
		"gone":  {Kind: "network", Name: "blue", Expect: at},
	} {
		_, err := s.Commit(t.Context(), []Edit{
			{Kind: "network", Name: "green", Text: text("3"), Expect: Nothing}, e, {Kind: "network", Name: "black", Text: text("4")}})
		var conflict *ConflictError
		if !errors.As(err, &conflict) {
			t.Fatalf("%s: %v", name, err)
		}
		want := ConflictError{Kind: e.Kind, Name: e.Name, Expect: e.Expect}
		if e.Name == "red" {
			want.Have = Object{"network", "red", at, text("1")}
		}
		if diff := cmp.Diff(want, *conflict); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", name, err)
		}
		if got := objects(t, s); len(got) != 1 {
			t.Errorf("%s: something was changed: %v", name, got)
		}
	}
}

func TestEditsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	half := bytes.Repeat([]byte("x"), MaxCommit/2)
	for want, edits := range map[string][]Edit{
		`network "a" is edited twice`: {{Kind: "network", Name: "a"}, {Kind: "network", Name: "a", Text: text("x")}},
		`is no kind of object`:        {{Kind: "net/work", Name: "a"}},
		`apply it in parts`:           {{Kind: "network", Name: "a", Text: half}, {Kind: "network", Name: "b", Text: half}},
	} {
		if _, err := s.Commit(t.Context(), edits); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// An intent of the largest size goes in at once, in one object or in many.
func TestLargeIntent(t *testing.T) {
	const size, parts = 16 << 20, 20_000
	dir := t.TempDir()
	s := open(t, dir)
	commit(t, s, Edit{Kind: "network", Name: "one", Text: bytes.Repeat([]byte("x"), size)})
	edits := make([]Edit, parts)
	for i := range edits {
		edits[i] = Edit{Kind: "network", Name: fmt.Sprint("n", i), Text: bytes.Repeat([]byte("y"), size/parts), Expect: Nothing}
	}
	commit(t, s, edits...)
	s.Close()
	list := objects(t, open(t, dir))
	if len(list) != parts+1 || len(list[parts].Text) != size {
		t.Errorf("%d objects, the last of %d bytes", len(list), len(list[parts].Text))
	}
}

// The history of large edits is dropped when there is much of it, not only in time.
func TestEditsAreTidied(t *testing.T) {
	s := open(t, t.TempDir())
	run(t, s)
	for i := range 3 {
		commit(t, s, Edit{Kind: "network", Name: "one", Text: bytes.Repeat([]byte{byte('a' + i)}, historyBytes/3+1)})
	}
	tidied := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.written < historyBytes
	}
	for deadline := time.Now().Add(time.Minute); !tidied(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the history is still there")
		}
	}
}

func kept(i int) binding.Kept {
	b := &binding.Binding{
		Key: binding.NewKey(binding.Segment{Network: 7, VLAN: 100}, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})),
		MAC: packet.MAC{2, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)}, Origin: binding.ND, State: binding.Reachable,
		Switch: 0x1122334455667788, Router: i%2 == 1, Learned: int64(i) * 1e9, Heard: int64(i)*1e9 + 5,
	}
	k := binding.Kept{Key: b.Key, Binding: b, Port: binding.NewPortKey(0xfffe, 4094)}
	if i%3 == 2 {
		k.Until, k.Span = int64(i)*1e12, 3600e9
	}
	if i%5 == 1 {
		b.State, k.Release = binding.Duplicate, int64(i)*1e12
	}
	return k
}

// bindings returns all that was kept of bindings.
func bindings(s *Store) (all []binding.Kept, err error) {
	err = s.Bindings(context.Background(), func(page []binding.Kept) { all = append(all, page...) })
	return all, err
}

func written(t testing.TB, s *Store, n uint64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); s.Counts().Written < n; {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", s.Counts())
		}
		<-time.After(time.Millisecond)
	}
}

func run(t testing.TB, s *Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// Bindings are written behind, the last state of each, and read back.
func TestKeep(t *testing.T) {
	const n = pageSize + 2500
	dir := t.TempDir()
	s := open(t, dir)
	stop := run(t, s)
	all := make([]binding.Kept, n)
	want := make(map[binding.Key]binding.Kept)
	for i := range all {
		all[i] = kept(i)
		want[all[i].Key] = all[i]
	}
	s.Keep(all)
	written(t, s, n)
	moved := kept(3)
	moved.Binding.MAC[0] = 6
	want[moved.Key] = moved
	gone := kept(4).Key
	delete(want, gone)
	s.Keep([]binding.Kept{{Key: gone}, {Key: moved.Key}})
	s.Keep([]binding.Kept{moved})
	stop() // writes what waits
	s.Close()
	got := make(map[binding.Key]binding.Kept)
	list, err := bindings(open(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		got[k.Key] = k
	}
	if diff := cmp.Diff(want, got); diff != "" || len(list) != n-1 {
		t.Error(len(list), diff)
	}
}

// Whatever stands in the place of a binding is not one.
func TestDecodeBinding(t *testing.T) {
	k, leased := kept(4), kept(5)
	key, value := appendKey(nil, k.Key), appendBinding(nil, &k)
	if len(key) != bindingKey || len(value) != bindingSize {
		t.Fatalf("key of %d bytes, value of %d", len(key), len(value))
	}
	if got, ok := decodeBinding(appendKey(nil, leased.Key), append(appendBinding(nil, &leased), 1, 2, 3)); !ok || !cmp.Equal(got, leased) {
		t.Errorf("a lease: %v", got)
	}
	if got, ok := decodeBinding(key, append(value, 1, 2, 3)); !ok || !cmp.Equal(got, k) {
		t.Errorf("a longer value: %v", got)
	}
	for name, k := range map[string]binding.Kept{"a duplicate": kept(1), "a leased one": kept(11)} {
		if got, ok := decodeBinding(appendKey(nil, k.Key), append(appendBinding(nil, &k), 1, 2, 3)); !ok || k.Release == 0 || !cmp.Equal(got, k) {
			t.Errorf("%s: %v", name, got)
		}
		k.Release = 0
		if got, ok := decodeBinding(appendKey(nil, k.Key), appendBinding(nil, &k)); !ok || !cmp.Equal(got, k) {
			t.Errorf("%s until an operator clears it: %v", name, got)
		}
		// Earlier versions did not say until when.
		old := appendBinding(nil, &k)
		got, ok := decodeBinding(appendKey(nil, k.Key), old[:len(old)-releaseSize])
		if k.Binding.State = binding.Stale; !ok || !cmp.Equal(got, k) {
			t.Errorf("%s of an earlier version: %v", name, got)
		}
	}
	for i := range value {
		if _, ok := decodeBinding(key, value[:i]); ok {
			t.Errorf("value of %d bytes", i)
		}
	}
	if _, ok := decodeBinding(key[1:], value); ok {
		t.Error("a shorter key")
	}
	value[0]++
	if _, ok := decodeBinding(key, value); ok {
		t.Error("another form")
	}
}

// However many changes wait, the memory for them is bounded, and the newest of
// what is there counts.
func TestKeeperIsBounded(t *testing.T) {
	var k keeper
	k.init()
	for i := 0; i < maxPending+10; i += 1000 {
		changes := make([]binding.Kept, 1000)
		for j := range changes {
			changes[j].Key = kept(i + j).Key
		}
		k.add(changes)
		if k.queued > maxQueued || len(k.pending) > maxPending {
			t.Fatalf("%d changes are queued, %d wait", k.queued, len(k.pending))
		}
	}
	k.add([]binding.Kept{kept(0)})
	all := k.take()
	if len(all) != maxPending || k.dropped.Load() == 0 {
		t.Errorf("%d changes wait, %d were dropped", len(all), k.dropped.Load())
	}
	if got := all[kept(0).Key]; got.Binding == nil {
		t.Error("a newer state of what waits was dropped")
	}
	newer := kept(1)
	k.add([]binding.Kept{newer})
	k.giveBack(all)
	if got := k.take(); len(got) != maxPending || got[newer.Key].Binding != newer.Binding {
		t.Errorf("after they came back, %d wait", len(got))
	}
}
