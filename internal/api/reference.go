package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Reference describes the API in Markdown: every operation with its parameters
// and answers, then every object. It is made from the OpenAPI document, and the
// same document always gives the same text.
func Reference() string {
	d := Document()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", d.Info.Title, d.Info.Description)
	fmt.Fprintf(&b, "By default it is at `http://%s`. The machine-readable form is [openapi.yaml](openapi.yaml), which a running isat serves as "+
		"`/openapi.json` and `/openapi.yaml`, with a page to try it on at `%s`.\n", DefaultAddress, docsPath)
	for _, tag := range d.Tags {
		fmt.Fprintf(&b, "\n## %s\n", tag.Description)
		for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
			item := d.Paths[path]
			for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
				if op != nil && slices.Contains(op.Tags, tag.Name) {
					referOperation(&b, op)
				}
			}
		}
	}
	b.WriteString("\n## Objects\n")
	schemas := d.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		referObject(&b, name, schemas[name])
	}
	return b.String()
}

func referOperation(b *strings.Builder, op *huma.Operation) {
	fmt.Fprintf(b, "\n### %s %s\n\n%s.\n", op.Method, op.Path, op.Summary)
	if op.Description != "" {
		fmt.Fprintf(b, "%s\n", op.Description)
	}
	if len(op.Parameters) > 0 {
		b.WriteString("\n| parameter | in | type | meaning |\n|---|---|---|---|\n")
		for _, p := range op.Parameters {
			name := "`" + p.Name + "`"
			if p.Required {
				name += " (required)"
			}
			kind := typeName(p.Schema)
			if p.Schema.Default != nil {
				kind += fmt.Sprintf(", default %v", p.Schema.Default)
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, p.In, kind, p.Description)
		}
	}
	if op.RequestBody != nil {
		fmt.Fprintf(b, "\nBody: %s\n", contentName(op.RequestBody.Content))
	}
	b.WriteString("\n| answer | content |\n|---|---|\n")
	for _, code := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[code]
		fmt.Fprintf(b, "| %s %s | %s |\n", code, r.Description, contentName(r.Content))
	}
}

func contentName(content map[string]*huma.MediaType) string {
	var out []string
	for _, media := range slices.Sorted(maps.Keys(content)) {
		out = append(out, fmt.Sprintf("%s as `%s`", typeName(content[media].Schema), media))
	}
	return strings.Join(out, ", ")
}

func referObject(b *strings.Builder, name string, s *huma.Schema) {
	fmt.Fprintf(b, "\n### %s\n\n", name)
	if s.Description != "" {
		fmt.Fprintf(b, "%s\n\n", s.Description)
	}
	b.WriteString("| field | type | meaning |\n|---|---|---|\n")
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[field]
		text := "`" + field + "`"
		if !slices.Contains(s.Required, field) {
			text += " (optional)"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", text, typeName(p), p.Description)
	}
}

// typeName shows a schema in a few words, with a link if it is an object.
func typeName(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	case len(s.OneOf) > 0:
		var names []string
		for _, o := range s.OneOf {
			names = append(names, typeName(o))
		}
		return strings.Join(names, " or ")
	case len(s.Enum) > 0:
		var words []string
		for _, e := range s.Enum {
			words = append(words, fmt.Sprintf("`%v`", e))
		}
		return strings.Join(words, ", ")
	case s.Type == huma.TypeArray:
		return "list of " + typeName(s.Items)
	case s.Type == huma.TypeObject:
		if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
			return "map from string to " + typeName(values)
		}
		return "object"
	case s.Type == "":
		return "any"
	}
	text := s.Type
	if s.Format != "" {
		text += " (" + s.Format + ")"
	}
	if s.Minimum != nil && s.Maximum != nil {
		text += fmt.Sprintf(", %g..%g", *s.Minimum, *s.Maximum)
	} else if s.Maximum != nil {
		text += fmt.Sprintf(", at most %g", *s.Maximum)
	}
	return text
}
