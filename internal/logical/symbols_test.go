package logical

import (
	"strings"
	"testing"

	"github.com/isat-sdn/isat/openflow"
)

// TestSymbolMistakes: what makes no sense is found when the vocabulary is made.
func TestSymbolMistakes(t *testing.T) {
	tests := []struct {
		name string
		add  func(*Symbols)
		want string
	}{
		{"twice", func(s *Symbols) { s.AddField(Field{Name: "ip.proto", OF: openflow.Reg0, Bits: 8}) }, "symbol ip.proto twice"},
		{"field and predicate", func(s *Symbols) { s.AddPredicate("ip.proto", "1", "") }, "symbol ip.proto twice"},
		{"name", func(s *Symbols) { s.AddField(Field{Name: "a b", OF: openflow.Reg0, Bits: 8}) }, `symbol name "a b"`},
		{"number", func(s *Symbols) { s.AddPredicate("7", "1", "") }, `symbol name "7"`},
		{"too wide", func(s *Symbols) { s.AddField(Field{Name: "x", OF: openflow.Reg0, Ofs: 30, Bits: 3}) }, "does not lie within"},
		{"no field", func(s *Symbols) { s.AddField(Field{Name: "x", Bits: 3}) }, "does not lie within"},
		{"part of nominal", func(s *Symbols) { s.AddField(Field{Name: "x", OF: openflow.IPProto, Bits: 3, Nominal: true}) }, "must be nominal"},
		{"not nominal", func(s *Symbols) { s.AddField(Field{Name: "x", OF: openflow.IPProto, Bits: 8}) }, "must be nominal"},
		{"wide string", func(s *Symbols) { s.AddField(Field{Name: "x", OF: openflow.XXReg0, Bits: 128, String: true}) }, "wider than 64 bits"},
		{"prerequisite", func(s *Symbols) { s.AddField(Field{Name: "x", OF: openflow.Reg0, Bits: 32, Prereq: "y"}) }, "`y' expecting field name"},
		{"expansion", func(s *Symbols) { s.AddPredicate("x", "ip4 &&", "") }, "expecting constant"},
		{"string", func(s *Symbols) { s.AddPredicate("x", `inport == "a"`, "") }, "depends on a string field"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, test.want) {
					t.Errorf("panic %q, want %q", got, test.want)
				}
			}()
			test.add(matchSymbols())
		})
	}
}

// TestSymbolLists: fields and predicates are listed by name, and documented.
func TestSymbolLists(t *testing.T) {
	s := NewSymbols()
	s.AddPacketFields()
	last := ""
	for _, f := range s.Fields() {
		if f.Name <= last || f.Doc == "" {
			t.Errorf("field %s after %s, doc %q", f.Name, last, f.Doc)
		}
		last = f.Name
		if got, ok := s.Field(f.Name); !ok || got != f {
			t.Errorf("field %s is not found", f.Name)
		}
	}
	last = ""
	for _, p := range s.Predicates() {
		if p.Name <= last || p.Doc == "" {
			t.Errorf("predicate %s after %s, doc %q", p.Name, last, p.Doc)
		}
		last = p.Name
	}
	if f, ok := s.Field("ip4"); ok {
		t.Errorf("predicate ip4 is the field %v", f)
	}
}

// TestRegisterPrerequisite: a field whose prerequisite is in a register that the expression uses in
// another width, too.
func TestRegisterPrerequisite(t *testing.T) {
	s := matchSymbols()
	s.AddField(Field{Name: "found.mac", OF: openflow.XReg1, Bits: 48, Prereq: "reg1[0]"})
	for in, want := range map[string]string{
		"found.mac == 00:00:00:00:00:02":                "reg1=0x1/0x1,reg2=0/0xffff,reg3=0x2",
		"found.mac == 00:00:00:00:00:02 && xxreg0 == 5": "",
		"found.mac[0] && xxreg0[32..63] == 1":           "reg1=0x1/0x1,reg2=0x1,reg3=0x1/0x1",
	} {
		e, err := ParseMatch(s, in)
		if err != nil {
			t.Fatal(err)
		}
		id := uint32(1)
		if got := strings.Join(flowTexts(e.Compile(nil, &id)), "; "); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestAnd: expressions that are put together are simplified as those that are parsed.
func TestAnd(t *testing.T) {
	s := matchSymbols()
	for _, test := range [][3]string{
		{"1", "ip4", "ip4"},
		{"ip4", "reg0 == 1 && reg1 == 2", "ip4 && reg0 == 1 && reg1 == 2"},
		{"ip4 || arp", "reg0 == 1", "(ip4 || arp) && reg0 == 1"},
		{"ip4", "0", "0"},
	} {
		a, errA := ParseMatch(s, test[0])
		b, errB := ParseMatch(s, test[1])
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		got := a.And(b)
		want, err := ParseMatch(s, test[2])
		if err != nil || !got.Equal(want) || got.String() != test[2] {
			t.Errorf("%s and %s: got %s, want %s", test[0], test[1], got, test[2])
		}
	}
}
