package api_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/isat-sdn/isat/internal/api"
	"github.com/isat-sdn/isat/internal/api/apitest"
)

func TestDocumentationWorksOffline(t *testing.T) {
	s := serve(t, apitest.New(time.Now()))
	code, _, header := ask(t, s, "GET", "/", "")
	if code != 302 || header.Get("Location") != "/docs" {
		t.Fatalf("GET /: %d to %q", code, header.Get("Location"))
	}
	code, page, header := ask(t, s, "GET", "/docs", "")
	if code != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Fatalf("GET /docs: %d %s", code, header.Get("Content-Type"))
	}
	policy := header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") {
		t.Errorf("policy %q lets the page fetch from elsewhere", policy)
	}
	references := regexp.MustCompile(`<(?:script|link|img|iframe)[^>]*?(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(references) < 3 {
		t.Fatalf("only %d references found in the page", len(references))
	}
	for _, r := range references {
		if strings.Contains(r[1], "//") {
			t.Errorf("the page refers to %s", r[1])
			continue
		}
		code, asset, header := ask(t, s, "GET", r[1], "")
		if code != 200 || asset == "" {
			t.Errorf("asset %s: %d", r[1], code)
		}
		if strings.HasSuffix(r[1], ".css") && regexp.MustCompile(`url\(["']?https?:|@import`).MatchString(asset) {
			t.Errorf("style sheet %s loads something from elsewhere", r[1])
		}
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("asset %s may be sniffed", r[1])
		}
	}
	if !strings.Contains(page, `/openapi.json`) {
		t.Error("the page does not name the OpenAPI document")
	}
}

func TestOpenAPIDocument(t *testing.T) {
	s := serve(t, apitest.New(time.Now()))
	_, text, _ := ask(t, s, "GET", "/openapi.json", "")
	var d struct {
		OpenAPI string
		Tags    []struct{ Name string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Tags        []string
			Parameters  []struct{ Name, Description string }
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Description string
					Ref         string `json:"$ref"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/v1/status", "/v1/switches", "/v1/ports", "/v1/networks", "/v1/bindings", "/v1/stations",
		"/v1/resolve", "/v1/probe", "/v1/explain", "/v1/watch/{kind}",
	} {
		if len(d.Paths[path]) != 1 {
			t.Errorf("path %s has %d operations", path, len(d.Paths[path]))
		}
		for _, op := range d.Paths[path] {
			if op.Summary == "" {
				t.Errorf("path %s has no summary", path)
			}
			for _, p := range op.Parameters {
				if p.Description == "" {
					t.Errorf("path %s: parameter %s has no description", path, p.Name)
				}
			}
		}
	}
	tags := make(map[string]bool)
	for _, tag := range d.Tags {
		tags[tag.Name] = true
	}
	for path, operations := range d.Paths {
		for method, op := range operations {
			if len(op.Tags) != 1 || !tags[op.Tags[0]] {
				t.Errorf("%s %s has the tags %v: want one of those that are described, or the reference leaves it out", method, path, op.Tags)
			}
		}
	}
	for name, schema := range d.Components.Schemas {
		for field, p := range schema.Properties {
			if p.Description == "" && p.Ref == "" {
				t.Errorf("object %s: field %s has no description", name, field)
			}
		}
	}
	_, text, _ = ask(t, s, "GET", "/openapi.yaml", "")
	if !strings.Contains(text, "\nopenapi: 3.1.0\n") {
		t.Error("the YAML form is not an OpenAPI document")
	}
}

func TestReferenceIsDeterministicAndLinked(t *testing.T) {
	text := api.Reference()
	for range 5 {
		if api.Reference() != text {
			t.Fatal("two references differ")
		}
	}
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(strings.ToLower(text), "\n### "+link[1]+"\n") {
			t.Errorf("link to %s has no target", link[1])
		}
	}
}
