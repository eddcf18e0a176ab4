package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// capture writes frames of 60 and more bytes, the nth filled with n, in a format.
func capture(t *testing.T, format string, n int) string {
	t.Helper()
	var b bytes.Buffer
	write := func(gopacket.CaptureInfo, []byte) error { return nil }
	flush := func() error { return nil }
	switch format {
	case "pcap", "nanoseconds":
		w := pcapgo.NewWriter(&b)
		if format == "nanoseconds" {
			w = pcapgo.NewWriterNanos(&b)
		}
		if err := w.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
			t.Fatal(err)
		}
		write = w.WritePacket
	case "pcapng":
		w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
		if err != nil {
			t.Fatal(err)
		}
		write, flush = w.WritePacket, w.Flush
	}
	for i := 1; i <= n; i++ {
		frame := bytes.Repeat([]byte{byte(i)}, 59+i)
		if err := write(gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: len(frame), Length: len(frame)}, frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "capture")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Every format of captures is read, up to the packet that is asked for.
func TestReadPcap(t *testing.T) {
	for _, format := range []string{"pcap", "nanoseconds", "pcapng"} {
		name := capture(t, format, 3)
		for n := 1; n <= 3; n++ {
			frame, err := readPcap(name, n)
			if err != nil || len(frame) != 59+n || frame[0] != byte(n) {
				t.Errorf("%s: packet %d: %x, %v", format, n, frame, err)
			}
		}
		if _, err := readPcap(name, 4); err == nil || !strings.Contains(err.Error(), "it has 3 packets, so there is no packet 4") {
			t.Errorf("%s: packet 4: %v", format, err)
		}
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(whole) - 1 {
			if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := readPcap(name, 3); err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s cut to %d bytes: %v", format, cut, err)
			}
		}
	}
}

// A capture without Ethernet headers is refused.
func TestReadPcapOfAnotherLink(t *testing.T) {
	var b bytes.Buffer
	if err := pcapgo.NewWriter(&b).WriteFileHeader(65536, layers.LinkTypeLinuxSLL); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "capture")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readPcap(name, 1); err == nil || !strings.Contains(err.Error(), "no Ethernet frames but Linux SLL") {
		t.Error(err)
	}
}
