package api

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// DefaultAddress is where the API listens unless told otherwise.
const DefaultAddress = "127.0.0.1:8653"

// Version is the version of the interface, not of the program.
const Version = "1.0.0"

// MaxLimit bounds one page of a list, in objects.
const MaxLimit = 10000

// maxBody bounds the body of a request about an address: the address, a VLAN and
// the name of a network.
const maxBody = 4096

// maxTraceBody bounds that of a trace, whose packet may be an expression or a
// frame of 64 KiB in hexadecimal.
const maxTraceBody = 256 << 10

// Options are what the API cannot know by itself.
type Options struct {
	// Hosts are names besides localhost by which clients may address the
	// API. Addresses need no entry.
	Hosts []string
	// Metrics answers GET /metrics, which is not there without it.
	Metrics http.Handler
}

// New returns the handler of the whole API: everything below /v1, the OpenAPI
// document and the documentation page.
func New(b Backend, o Options) http.Handler {
	mux := http.NewServeMux()
	a := humago.New(mux, config())
	a.UseMiddleware(onlyKnownQuery(a))
	register(a, b)
	registerDocs(mux)
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, docsPath, http.StatusFound)
			return
		}
		writeProblem(w, http.StatusNotFound, r.Method+" "+r.URL.Path+" is not part of the API: see "+docsPath)
	})
	return guard(mux, o.Hosts)
}

// Document returns the OpenAPI document without serving anything.
func Document() *huma.OpenAPI {
	a := humago.New(http.NewServeMux(), config())
	register(a, nil)
	return a.OpenAPI()
}

func config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "isat API",
				Version:     Version,
				Description: fmt.Sprintf(description, MaxConnections),
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
			},
			Tags: []*huma.Tag{
				{Name: "lists", Description: "What isat knows"},
				{Name: "addresses", Description: "Questions about one address"},
				{Name: "intent", Description: "What is asked for: networks, routers, policies and limits"},
				{Name: "flows", Description: "What the switches do, and with which packets"},
				{Name: "watch", Description: "Changes and events as they happen"},
				{Name: "operations", Description: "What an operator may do by hand"},
				{Name: "keeping", Description: "Saving what isat keeps"},
			},
		},
		OpenAPIPath:   "/openapi",
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
	}
}

const description = `What isat knows of switches, ports, networks, routers, policies, bindings
and stations, questions about one address, and the flows of the switches.

Metrics for Prometheus are at /metrics, on the same address (docs/metrics.md).

The API listens on loopback and has no users: whoever may open a connection to it may use it. It has at most %d
connections. For another one that makes room which has been without a request for longest; if each has a request under
way, 503 is the answer.

Errors are problem documents (RFC 9457) whose detail is one line for people. Parameters and properties that are not
known are refused. Times are RFC 3339. Lists that can be long come in pages: give the value of next as after to get
the next page.`
