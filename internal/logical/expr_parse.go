package logical

// ParseMatch reads a match. The error is an *Error.
func ParseMatch(s *Symbols, text string) (*Expr, error) {
	p := exprParser{parser: newParser(s, text)}
	n, ok := p.disjunction(false)
	if ok && p.requireEnd() {
		if checkSize(n) {
			return &Expr{n}, nil
		}
		p.fail(token{}, "Expression is too complex: it needs more than %d flows.", maxFlows)
	}
	return nil, p.err
}

const rangeForm = "Range expressions must have the form `x < field < y' or `x > field > y', " +
	"with each `<' optionally replaced by `<=' or `>' by `>=')."

// exprParser reads expressions. negated arguments say whether an odd number of ! encloses what is read.
type exprParser struct {
	parser
	compared bool // the last factor had an operator, so that it needs parentheses below !
}

// disjunction reads a whole expression: terms that are all joined by && or all by ||.
func (p *exprParser) disjunction(negated bool) (*node, bool) {
	first, ok := p.factor(negated)
	if !ok {
		return nil, false
	}
	operator := p.tok.kind
	if operator != tokAnd && operator != tokOr {
		return first, true
	}
	var room [8]*node // on the stack
	list := append(room[:0], first)
	for p.tok.kind == tokAnd || p.tok.kind == tokOr {
		if p.tok.kind != operator {
			p.fail(p.tok, "&& and || must be parenthesized when used together.")
			return nil, false
		}
		p.advance()
		next, ok := p.factor(negated)
		if !ok {
			return nil, false
		}
		list = append(list, next)
	}
	if operator == tokAnd {
		return combine(nodeAnd, list...), true
	}
	return combine(nodeOr, list...), true
}

// factor reads a comparison, a name, a literal, or what is in parentheses, with or without !.
func (p *exprParser) factor(negated bool) (*node, bool) {
	switch p.tok.kind {
	case tokNot:
		return p.not(negated)
	case tokLParen:
		return p.parentheses(negated)
	case tokID:
		return p.fieldFirst(negated)
	default:
		return p.constantFirst(negated)
	}
}

// enter counts a level of nesting.
func (p *exprParser) enter() bool {
	if p.depth == maxDepth {
		p.fail(p.tok, "Parentheses nested too deeply.")
		return false
	}
	p.depth++
	return true
}

func (p *exprParser) not(negated bool) (*node, bool) {
	if !p.enter() {
		return nil, false
	}
	p.advance()
	operand := p.tok
	n, ok := p.factor(!negated)
	if !ok {
		return nil, false
	}
	p.depth--
	if operand.kind != tokNot && operand.kind != tokLParen && p.compared {
		p.fail(operand, "Missing parentheses around operand of !.")
		return nil, false
	}
	return n.negation(), true
}

func (p *exprParser) parentheses(negated bool) (*node, bool) {
	if !p.enter() {
		return nil, false
	}
	p.advance()
	n, ok := p.disjunction(negated)
	if !ok || !p.require(tokRParen) {
		return nil, false
	}
	p.depth--
	return n, true
}

// fieldFirst reads a comparison that begins with its field, or a name that stands alone.
func (p *exprParser) fieldFirst(negated bool) (*node, bool) {
	at := p.tok
	if predicate := p.symbols.predicates[at.text]; predicate != nil {
		return p.predicateFirst(predicate, negated)
	}
	o, ok := p.operand()
	if !ok {
		return nil, false
	}
	rel, compared := p.acceptRelation()
	if p.compared = compared; compared {
		return p.comparison(o, rel, negated, at)
	}
	if o.field.String || p.tok.kind == tokAssign || p.tok.kind == tokInvalid {
		p.syntaxError("relational operator")
		return nil, false
	}
	if o.bits > 1 {
		p.fail(at, "Explicit `!= 0' is required for inequality test of multibit field against 0.")
		return nil, false
	}
	return newCompare(o, relEQ, []constant{bitConstant(true)}), true
}

// predicateFirst reads a predicate that stands alone, or is compared with 0 and 1.
func (p *exprParser) predicateFirst(predicate *Predicate, negated bool) (*node, bool) {
	at := p.tok
	p.advance()
	if _, _, ok := p.subfield(at, 1); !ok {
		return nil, false
	}
	rel, compared := p.acceptRelation()
	if p.compared = compared; !compared {
		return p.predicate(predicate, false, negated, at)
	}
	t := p.tok
	list, ok := p.constants()
	if !ok {
		return nil, false
	}
	return p.comparePredicate(predicate, rel, list, negated, at, t)
}

// predicateLast reads a predicate behind the constants, which begin at t, that it is compared with.
func (p *exprParser) predicateLast(predicate *Predicate, rel relation, list []constant, negated bool, t token) (*node, bool) {
	at := p.tok
	p.advance()
	if _, _, ok := p.subfield(at, 1); !ok {
		return nil, false
	}
	n, ok := p.comparePredicate(predicate, rel, list, negated, at, t)
	if second := p.tok; ok {
		if _, ranged := p.acceptRelation(); ranged {
			p.fail(second, rangeForm)
			return nil, false
		}
	}
	return n, ok
}

// comparePredicate makes a predicate at the token at that is compared with the constants that begin at t.
func (p *exprParser) comparePredicate(predicate *Predicate, rel relation, list []constant, negated bool, at, t token) (*node, bool) {
	if rel.isOrder() {
		p.fail(at, "Only == and != operators may be used with predicate %s.", predicate.Name)
		return nil, false
	}
	var hasZero, hasOne bool
	for _, c := range list {
		if c.format == formatString || c.masked || c.bits() > 1 {
			p.fail(t, "Predicate %s may only be compared with 0 or 1.", predicate.Name)
			return nil, false
		}
		hasZero, hasOne = hasZero || c.value.isZero(), hasOne || !c.value.isZero()
	}
	first, ok := p.predicate(predicate, hasZero == (rel == relEQ), negated, at)
	if !ok || !hasZero || !hasOne {
		return first, ok
	}
	second, ok := p.predicate(predicate, !first.negated, negated, at)
	if !ok {
		return nil, false
	}
	if rel == relNE {
		return combine(nodeAnd, first, second), true
	}
	return combine(nodeOr, first, second), true
}

// predicate makes the predicate at the token at, false where it holds if inverted.
func (p *exprParser) predicate(predicate *Predicate, inverted, negated bool, at token) (*node, bool) {
	if name := predicate.Name; predicate.nominal && inverted != negated {
		p.fail(at, "Nominal predicate %s may only be tested positively, e.g. `%s' or `%s == 1' but not `!%s' or `%s == 0'.",
			name, name, name, name, name)
		return nil, false
	}
	return &node{kind: nodePredicate, predicate: predicate, negated: inverted}, true
}

// acceptRelation goes on if the token is a relational operator.
func (p *exprParser) acceptRelation() (relation, bool) {
	if p.tok.kind < tokEQ || p.tok.kind > tokGE {
		return relEQ, false
	}
	rel := relation(p.tok.kind - tokEQ)
	p.advance()
	return rel, true
}

// comparison reads the constants that o, at the token at, is compared with.
func (p *exprParser) comparison(o operand, rel relation, negated bool, at token) (*node, bool) {
	t := p.tok
	list, ok := p.constants()
	if !ok {
		return nil, false
	}
	return p.compare(o, rel, list, negated, at, t)
}

// constantFirst reads a literal 0 or 1, or a comparison that begins with a constant: C rel FIELD,
// C < FIELD < C and the like.
func (p *exprParser) constantFirst(negated bool) (*node, bool) {
	t := p.tok
	list, ok := p.constants()
	if !ok {
		return nil, false
	}
	rel, compared := p.acceptRelation()
	if p.compared = compared; !compared {
		if c := t.constant; t.kind != tokNumber || c.masked || c.format != formatDecimal || c.bits() > 1 {
			p.syntaxError("relational operator")
			return nil, false
		}
		return &node{kind: nodeFalse + nodeKind(t.constant.value.lo)}, true
	}
	at := p.tok
	if predicate := p.symbols.predicates[at.text]; at.kind == tokID && predicate != nil {
		return p.predicateLast(predicate, rel.turn(), list, negated, t)
	}
	o, ok := p.operand()
	if !ok {
		return nil, false
	}
	second := p.tok
	rel2, ranged := p.acceptRelation()
	if ranged && (!rel.isOrder() || !rel2.isOrder() || (rel <= relLE) != (rel2 <= relLE)) {
		p.fail(second, rangeForm)
		return nil, false
	}
	n, ok := p.compare(o, rel.turn(), list, negated, at, t)
	if !ok || !ranged {
		return n, ok
	}
	upper, ok := p.comparison(o, rel2, negated, at)
	if !ok {
		return nil, false
	}
	return combine(nodeAnd, n, upper), true
}

// compare checks and makes a comparison. The field is at the token at, the constants begin at t.
func (p *exprParser) compare(o operand, rel relation, list []constant, negated bool, at, t token) (*node, bool) {
	effective := rel
	if negated {
		effective = rel.negate()
	}
	switch {
	case rel.isOrder() && o.field.Nominal:
		p.fail(at, "Only == and != operators may be used with nominal field %s.", o.field.Name)
	case rel.isOrder() && len(list) > 1:
		p.fail(t, "Only == and != operators may be used with value sets.")
	case rel.isOrder() && list[0].masked:
		p.fail(t, "Only == and != operators may be used with masked constants.  Consider using subfields instead "+
			"(e.g. eth.src[0..15] > 0x1111 in place of eth.src > 00:00:00:00:11:11/00:00:00:00:ff:ff).")
	case effective == relNE && o.field.Nominal && (o.bits > 1 || o.field.String):
		p.fail(at, "Nominal field %s may only be tested for equality (taking enclosing `!' operators into account).", o.field.Name)
	}
	for _, c := range list {
		if p.err != nil || !p.fits(o, c, t) {
			return nil, false
		}
		if c.masked && o.field.Nominal && c.mask != ones(o.bits) {
			p.fail(t, "Nominal field %s can't be compared with a masked constant.", o.field.Name)
			return nil, false
		}
	}
	return newCompare(o, rel, list), true
}
