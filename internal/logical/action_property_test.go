package logical_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/isat-sdn/isat/internal/flowsim"
	"github.com/isat-sdn/isat/internal/logical"
	"github.com/isat-sdn/isat/openflow"
	_ "github.com/isat-sdn/isat/test/seed"
	"pgregory.net/rapid"
)

// goodActions are texts that parse, one action each.
func goodActions() []string {
	var list []string
	for _, c := range actionCases() {
		text := strings.TrimSpace(c.input)
		if !strings.HasPrefix(text, "drop") && !strings.HasPrefix(text, "//") {
			list = append(list, text)
		}
	}
	return list
}

// genActions draws a list of actions, in which some are made inside of others, with white space of
// every kind.
func genActions(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(0, 4).Draw(t, "actions") {
			text := rapid.SampledFrom(goodActions()).Draw(t, "action")
			if depth > 0 && rapid.IntRange(0, 3).Draw(t, "nest") == 0 {
				outer := rapid.SampledFrom([]string{"arp", "nd_ns", "nd_na", "icmp4", "icmp6"}).Draw(t, "outer")
				text = outer + "{" + genActions(depth-1).Draw(t, "inner") + "};"
			}
			b.WriteString(rapid.SampledFrom([]string{"", " ", "\n", "/* so */", "// so\n"}).Draw(t, "space"))
			b.WriteString(text)
		}
		return b.String()
	})
}

// TestActionsRoundTrip checks that what is printed is parsed to the same actions.
func TestActionsRoundTrip(t *testing.T) {
	s := routerSymbols()
	rapid.Check(t, func(t *rapid.T) {
		text := genActions(3).Draw(t, "text")
		a, err := logical.ParseActions(s, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := roundTrip(s, a); diff != "" {
			t.Fatalf("%s: %s", text, diff)
		}
	})
}

// roundTrip says in what a differs from what is parsed of its text, if it does.
func roundTrip(s *logical.Symbols, a *logical.Actions) string {
	text := a.String()
	again, err := logical.ParseActions(s, text)
	if err != nil {
		return fmt.Sprintf("prints as %s: %v", text, err)
	}
	if got := again.String(); got != text {
		return fmt.Sprintf("prints as %s, and then as %s", text, got)
	}
	if got := again.Prereqs(); got != a.Prereqs() {
		return fmt.Sprintf("needs %s, and then %s", a.Prereqs(), got)
	}
	want, wantErr := a.Compile(routerTarget())
	got, err := again.Compile(routerTarget())
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		return fmt.Sprintf("compiles with error %v, and then %v", wantErr, err)
	}
	encode := func(c logical.Compiled) []byte { return openflow.AppendActions(nil, c.Apply...) }
	if got.HasGoto != want.HasGoto || got.Goto != want.Goto {
		return fmt.Sprintf("goes to %v, and then to %v", want.Goto, got.Goto)
	}
	return cmp.Diff(encode(want), encode(got))
}

// registerFile is a model of the registers: bit i of register r is bit 32*(15-r)+i, so that wide
// registers are runs of bits.
type registerFile struct{ *big.Int }

// run is a field of the model.
type run struct {
	name       string
	start, len int
}

// modelFields are numeric fields of routerSymbols that do not overlap.
func modelFields() []run {
	return []run{{"reg0", 32 * 15, 32}, {"reg6", 32 * 9, 32}, {"outport.vlan", 32*13 + 16, 12},
		{"flags", 32 * 7, 32}, {"found.mac", 32 * 4, 48}, {"xxreg3", 0, 128}}
}

func (r registerFile) get(f run) *big.Int {
	mask := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(f.len)), big.NewInt(1))
	return mask.And(mask, new(big.Int).Rsh(r.Int, uint(f.start)))
}

func (r registerFile) set(f run, v *big.Int) {
	for i := range f.len {
		r.SetBit(r.Int, f.start+i, v.Bit(i))
	}
}

// check compares the model with the registers of a packet-in.
func (r registerFile) check(regs [16]uint32) error {
	for i, got := range regs {
		if want := uint32(r.get(run{start: 32 * (15 - i), len: 32}).Uint64()); got != want {
			return fmt.Errorf("register %d is %#x, want %#x", i, got, want)
		}
	}
	return nil
}

// genBits draws some bits of a field, as a run of the model with its name.
func genBits(fields []run, length int) *rapid.Generator[run] {
	return rapid.Custom(func(t *rapid.T) run {
		f := rapid.SampledFrom(fields).Draw(t, "field")
		n := length
		if n == 0 {
			n = rapid.IntRange(1, f.len).Draw(t, "bits")
		}
		n = min(n, f.len)
		ofs := rapid.IntRange(0, f.len-n).Draw(t, "ofs")
		name := fmt.Sprintf("%s[%d..%d]", f.name, ofs, ofs+n-1)
		return run{name, f.start + ofs, n}
	})
}

func genNumber(bits int) *rapid.Generator[*big.Int] {
	return rapid.Custom(func(t *rapid.T) *big.Int {
		v := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
		return v.And(v, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1)))
	})
}

// modelStep draws an action, does it to the model, and gives its text. For a call that punts, punted
// is what the registers are while it does.
func modelStep(t *rapid.T, r registerFile) (text string, punted *big.Int) {
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		f := genBits(modelFields(), 0).Draw(t, "dst")
		v := genNumber(f.len).Draw(t, "value")
		r.set(f, v)
		return fmt.Sprintf("%s = %#x;", f.name, v), nil
	case 1:
		f := genBits(modelFields(), 0).Draw(t, "dst")
		mask := genNumber(f.len).Draw(t, "mask")
		v := genNumber(f.len).Draw(t, "value")
		v.And(v, mask)
		r.set(f, new(big.Int).Or(v, new(big.Int).AndNot(r.get(f), mask)))
		return fmt.Sprintf("%s = %#x/%#x;", f.name, v, mask), nil
	case 2, 3:
		return modelMove(t, r), nil
	}
	return modelCall(t, r)
}

// modelMove copies or exchanges bits of two fields.
func modelMove(t *rapid.T, r registerFile) string {
	fields := rapid.Permutation(modelFields()).Draw(t, "fields")
	x := genBits(fields[:1], 0).Draw(t, "x")
	x.len = min(x.len, fields[1].len)
	y := genBits(fields[1:2], x.len).Draw(t, "y")
	x = genBits([]run{fields[0]}, y.len).Draw(t, "x again")
	before := r.get(x)
	r.set(x, r.get(y))
	if rapid.Bool().Draw(t, "exchange") {
		r.set(y, before)
		return fmt.Sprintf("%s <-> %s;", x.name, y.name)
	}
	return fmt.Sprintf("%s = %s;", x.name, y.name)
}

// modelCall looks a binding up, which sets what is found to zero, or gives one to the controller. The
// places of the arguments are those of routerTarget; nothing else changes.
func modelCall(t *rapid.T, r registerFile) (text string, punted *big.Int) {
	bits, name := 32, "arp"
	place := run{start: 32 * 15, len: 32}
	if rapid.Bool().Draw(t, "IPv6") {
		bits, name, place = 128, "nd", run{start: 0, len: 128}
	}
	wide := slices.DeleteFunc(modelFields(), func(f run) bool { return f.len < bits })
	addr := genBits(wide, bits).Draw(t, "address")
	if rapid.Bool().Draw(t, "get") {
		r.set(run{start: 32 * 4, len: 64}, new(big.Int))
		return fmt.Sprintf("get_%s(network, %s);", name, addr.name), nil
	}
	mac := genBits(slices.DeleteFunc(modelFields(), func(f run) bool { return f.len < 48 }), 48).Draw(t, "MAC")
	inside := registerFile{new(big.Int).Set(r.Int)}
	inside.set(place, r.get(addr))
	inside.set(run{start: 32 * 10, len: 48}, r.get(mac)) // xreg2
	return fmt.Sprintf("put_%s(network, %s, %s);", name, addr.name, mac.name), inside.Int
}

// TestActionsDo checks what assignments and calls do to the registers against a model, in the
// simulator: constants of any width and mask, moves and exchanges of any bits, arguments that lie in
// each other's places, and that nothing but what is meant to change does.
func TestActionsDo(t *testing.T) {
	s := routerSymbols()
	target := routerTarget()
	target.This = 0
	rapid.Check(t, func(t *rapid.T) {
		model := registerFile{new(big.Int)}
		var text strings.Builder
		var punted []*big.Int
		for range rapid.IntRange(1, 8).Draw(t, "actions") {
			step, inside := modelStep(t, model)
			text.WriteString(step)
			if inside != nil {
				punted = append(punted, inside)
			}
		}
		text.WriteString("punt(learn);")
		punted = append(punted, model.Int)
		punts := simulate(t, s, target, text.String())
		if len(punts) != len(punted) {
			t.Fatalf("%s: %d packets to the controller, want %d", &text, len(punts), len(punted))
		}
		for i, p := range punts {
			if err := (registerFile{punted[i]}).check(p.Regs); err != nil {
				t.Fatalf("%s: packet-in %d: %v", &text, i, err)
			}
		}
	})
}

// simulate runs a packet through the actions.
func simulate(t *rapid.T, s *logical.Symbols, target *logical.Target, text string) []flowsim.Punt {
	a, err := logical.ParseActions(s, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	c, err := a.Compile(target)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	f := openflow.NewFlowMod(openflow.FlowAdd, 0, 1)
	f.Instructions = c.Instructions()
	sim, err := flowsim.New([]openflow.FlowMod{*f}, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	result := sim.Run(make([]byte, 60), 1)
	if result.Err != nil {
		t.Fatalf("%s: %v", text, result.Err)
	}
	return result.Punts
}
