package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/isat-sdn/isat/internal/intent"
)

// RevisionOf is a revision, or what an edit expects, as it is shown: 0 of what is not
// stored, nil of what has none, or of an edit of whatever is there.
func RevisionOf(expect int64) *int64 {
	if expect == intent.Anything {
		return nil
	}
	return new(max(expect, 0))
}

// ExpectationOf is the inverse of [RevisionOf].
func ExpectationOf(revision *int64) int64 {
	switch {
	case revision == nil:
		return intent.Anything
	case *revision == 0:
		return intent.Nothing
	}
	return *revision
}

// revisionParam is what a parameter of a request expects, of which 0 is something else than
// that it is not there.
type revisionParam struct {
	given  int64
	expect int64
}

var (
	_ huma.ParamWrapper   = (*revisionParam)(nil)
	_ huma.ParamReactor   = (*revisionParam)(nil)
	_ huma.SchemaProvider = revisionParam{}
)

// Receiver implements huma.ParamWrapper.
func (p *revisionParam) Receiver() reflect.Value { return reflect.ValueOf(&p.given).Elem() }

// OnParamSet implements huma.ParamReactor.
func (p *revisionParam) OnParamSet(isSet bool, _ any) {
	if isSet {
		p.expect = ExpectationOf(&p.given)
	}
}

// Schema implements huma.SchemaProvider.
func (p revisionParam) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeOf(p.given))
}
