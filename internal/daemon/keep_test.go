package daemon

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/pipeline"
	"github.com/isat-sdn/isat/internal/store"
	"github.com/isat-sdn/isat/packet"
)

// What an isat knew, the next one asks first where it was: also from a backup.
func TestKeeps(t *testing.T) {
	dir := t.TempDir()
	var saved bytes.Buffer
	t.Run("learns", func(t *testing.T) {
		d := run(t, Config{DataDir: dir})
		f := d.connect(t, 1)
		f.punt(pipeline.ReasonLearn, 2, request(2, 9))
		waitFor(t, "written", func() bool {
			s, err := d.Status(t.Context())
			return err == nil && s.Counters["kept-written"] == 1
		})
		if err := d.Backup(t.Context(), &saved); err != nil {
			t.Fatal(err)
		}
		// What is learned last is written at the end.
		f.punt(pipeline.ReasonLearn, 3, request(3, 9))
		waitFor(t, "learned", func() bool { return f.flowCount(pipeline.Owners) == 2 })
	})
	if t.Failed() {
		return
	}
	recalls(t, dir, 2)

	file, restored := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "d")
	if err := os.WriteFile(file, saved.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Restore(file, restored); err != nil {
		t.Fatal(err)
	}
	recalls(t, restored, 1)
}

// recalls runs a daemon that knows n hosts from before, of which host 2 is asked
// at its port alone.
func recalls(t *testing.T, dir string, n int) {
	t.Helper()
	t.Run("recalls", func(t *testing.T) {
		d := run(t, Config{DataDir: dir})
		list, err := d.Bindings(t.Context(), api.Filter{})
		if err != nil || len(list) != n || list[0].State != "stale" || list[0].MAC != hostMAC(2).String() {
			t.Fatalf("bindings %+v, %v", list, err)
		}
		f := d.connect(t, 1)
		f.punt(pipeline.ReasonSearch, 1, request(1, 2))
		waitFor(t, "asked", func() bool {
			return f.sent(func(frame *packet.Frame, arp *packet.ARP) bool {
				return frame.Dst == hostMAC(2) && arp.TPA == hostIP(2)
			})
		})
	})
}

// The status says where what is asked for is kept, and why it is not.
func TestStatusOfDataDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := run(t, Config{DataDir: dir})
	s, err := d.Status(t.Context())
	if err != nil || s.DataDir != dir || s.NotKept != "" {
		t.Errorf("kept in %q, not kept for %q: %v", s.DataDir, s.NotKept, err)
	}
	if err := os.Rename(dir, dir+" elsewhere"); err != nil {
		t.Fatal(err)
	}
	s, err = d.Status(t.Context())
	if err != nil || s.DataDir != dir || !strings.Contains(s.NotKept, "was removed") {
		t.Errorf("kept in %q, not kept for %q: %v", s.DataDir, s.NotKept, err)
	}
}

// Without a data directory there is nothing to back up.
func TestKeepsNothing(t *testing.T) {
	d := run(t, Config{})
	var b bytes.Buffer
	if err := d.Backup(t.Context(), &b); err == nil || !strings.Contains(err.Error(), "without --data-dir") || b.Len() > 0 {
		t.Errorf("error %v, %d bytes", err, b.Len())
	}
}

// A data directory that can't be used is said before anything runs.
func TestDataDirectoryRefused(t *testing.T) {
	dir := t.TempDir()
	run(t, Config{DataDir: dir})
	err := Run(t.Context(), Config{Listen: []string{"tcp:127.0.0.1:0"}, APIListen: "127.0.0.1:0", DataDir: dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err == nil || !strings.Contains(err.Error(), "another isat") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}
