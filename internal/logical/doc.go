// Package logical is the language of logical flows: it parses, checks, prints, evaluates and
// compiles matches and actions.
//
// Syntax and meaning are those of OVN's logical flows (ovn-sb(5), table Logical_Flow), so that who
// knows OVN can read and write them. docs/language.md says what is the same, what is added and what
// is missing.
//
// A [Symbols] says which fields there are and where they live in OpenFlow; the caller fills it, with
// [Symbols.AddPacketFields] for the headers of packets and [Symbols.AddField] for registers. With it,
// [ParseMatch] gives an [Expr] and [ParseActions] gives [Actions]. Both print in a canonical form that
// parses to the same thing again.
package logical
