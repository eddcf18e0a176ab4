package store

import (
	"log/slog"
	"testing"

	"github.com/isat-sdn/isat/internal/binding"
)

// BenchmarkKeep writes 100 000 bindings, in batches as Run does.
func BenchmarkKeep(b *testing.B) {
	const n = 100_000
	s, err := Open(b.Context(), Config{Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	all := make([]binding.Kept, n)
	for i := range all {
		all[i] = kept(i)
	}
	for b.Loop() {
		s.Keep(all)
		if err := s.work(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "bindings/s")
}

// BenchmarkOpen opens a store with 100 000 bindings and reads them.
func BenchmarkOpen(b *testing.B) {
	const n = 100_000
	config := Config{Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler)}
	open := func() *Store {
		s, err := Open(b.Context(), config)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	s := open()
	all := make([]binding.Kept, n)
	for i := range all {
		all[i] = kept(i)
	}
	s.Keep(all)
	if err := s.writeBehind(b.Context()); err != nil {
		b.Fatal(err)
	}
	s.Close()
	for b.Loop() {
		s := open()
		if list, err := bindings(s); err != nil || len(list) != n {
			b.Fatal(len(list), err)
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}
