package packet

import (
	"bytes"
	"encoding/json"
	"net"
	"testing"

	"pgregory.net/rapid"
)

func genMAC(t *rapid.T, label string) MAC {
	return MACFromUint64(rapid.Uint64Range(0, 1<<48-1).Draw(t, label))
}

// A MAC survives every one of its forms, and its text is that of the standard library.
func TestMACForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mac := genMAC(t, "mac")
		if got := MACFromUint64(mac.Uint64()); got != mac {
			t.Fatalf("by number %s: want %s", got, mac)
		}
		if want := net.HardwareAddr(mac[:]).String(); mac.String() != want {
			t.Fatalf("text %s: want %s", mac, want)
		}
		got, err := ParseMAC(mac.String())
		if err != nil || got != mac {
			t.Fatalf("by text %s, %v: want %s", got, err, mac)
		}
		text, err := json.Marshal(mac)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &got); err != nil || got != mac {
			t.Fatalf("by JSON %s, %v: want %s", got, err, mac)
		}
	})
}

func TestParseMAC(t *testing.T) {
	want := MAC{0x02, 0xab, 0xcd, 0xef, 0x00, 0x01}
	for _, text := range []string{"02:ab:cd:ef:00:01", "02-AB-CD-EF-00-01", "02:Ab:cD:ef:00:01"} {
		if got, err := ParseMAC(text); err != nil || got != want {
			t.Errorf("ParseMAC(%q) = %s, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "02:ab:cd:ef:00", "02:ab:cd:ef:00:01:02", "02:ab:cd:ef:00:0g", "02:ab-cd:ef:00:01", "02.ab.cd.ef.00.01",
		"2:ab:cd:ef:00:001", "02:ab:cd:ef:00:01\n", "02abcdef0001", "0:2ab:cd:ef:00:01", string(bytes.Repeat([]byte("0"), 1000)),
	} {
		mac := want
		if err := mac.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %s", text, mac)
		} else if mac != want {
			t.Errorf("%q changed the MAC in spite of the error %v", text, err)
		} else if len(err.Error()) > 200 {
			t.Errorf("the error repeats %d octets", len(err.Error()))
		}
	}
}

func TestMACKinds(t *testing.T) {
	for text, want := range map[string]struct{ multicast, broadcast, zero bool }{
		"00:00:00:00:00:00": {zero: true},
		"02:00:00:00:00:01": {},
		"01:00:5e:00:00:01": {multicast: true},
		"33:33:00:00:00:01": {multicast: true},
		"ff:ff:ff:ff:ff:ff": {multicast: true, broadcast: true},
		"ff:ff:ff:ff:ff:fe": {multicast: true},
	} {
		mac, err := ParseMAC(text)
		if err != nil {
			t.Fatal(err)
		}
		if mac.IsMulticast() != want.multicast || mac.IsBroadcast() != want.broadcast || mac.IsZero() != want.zero {
			t.Errorf("%s: multicast %v, broadcast %v, zero %v", mac, mac.IsMulticast(), mac.IsBroadcast(), mac.IsZero())
		}
	}
}
