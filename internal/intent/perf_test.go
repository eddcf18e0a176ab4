package intent
import ("testing";"strings";"time";"fmt")
func TestPerf(t *testing.T){
	for _, n := range []int{24000} {
	var one, bl strings.Builder
	one.WriteString("{kind: network,\tname: big, number: 2, bindings: [")
	bl.WriteString("kind: network\nname: big\nnumber: 2\nbindings:\n")
	for i:=range n { fmt.Fprintf(&one,"%s{ip: 10.%d.%d.%d, macs: [02:00:00:00:00:01, 02:00:00:00:00:02]}", map[bool]string{true:"",false:", "}[i==0], i>>14, i>>7&0x7f, i&0x7f+1)
		fmt.Fprintf(&bl,"  - ip: 10.%d.%d.%d\n    mac: 02:00:00:00:00:01\n", i>>14, i>>7&0x7f, i&0x7f+1)}
	one.WriteString("]}")
	cases := map[string]string{"one line": one.String(), "block": bl.String(),
	 "bad one line": strings.ReplaceAll(one.String(),"02:","03:"),
	 "comments": strings.Repeat("# comment\n", n), "quoted": "a: \""+strings.Repeat("x ", n*5)+"\"",
	 "quoted lines": "a: \""+strings.Repeat("x\n ", n*5)+"\"", "plain multi": "a: "+strings.Repeat("x\n ", n*5),
	 "literal": "a: |\n"+strings.Repeat("  x\n", n*5), "docs": strings.Repeat("---\nkind: network\nname: a\nnumber: 3\n", n/4), "ends": strings.Repeat("...\n", n), "blank": "a:"+strings.Repeat("\n", n*10)+" b",
	 "colons": strings.Repeat(":", n*10), "spaces": "a: "+strings.Repeat(" ", n*10)+"b", "open": strings.Repeat("[", n), "keys": strings.Repeat("k: v\n", n), "list": strings.Repeat("- v\n", n), "commas": "["+strings.Repeat("a,", n)+"]","anchors":strings.Repeat("&a ", n),"singleq":strings.Repeat("'", n*2)}
	for k,v := range cases { s:=time.Now(); _,err:=Parse("x",[]byte(v)); e:=0; if l,ok:=err.(Errors);ok{e=len(l); _ = err.Error()}; if d:=time.Since(s); d>50*time.Millisecond {fmt.Println(n,k,len(v),d,e)} }
	}
}
