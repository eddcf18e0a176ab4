package api

import (
	"net/http"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

const docsPath = "/docs"

// docsPolicy is the content security policy of the documentation page: it may
// fetch nothing from anywhere else, whatever its scripts try.
const docsPolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// registerDocs serves Swagger UI from the binary. Nothing is loaded from a
// network, so it works on a machine that has none.
func registerDocs(mux *http.ServeMux) {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:       "isat API",
		SwaggerJSON: "/openapi.json",
		BasePath:    docsPath,
		SettingsUI:  map[string]string{"defaultModelsExpandDepth": "1"},
	})
	h := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		ui.ServeHTTP(w, r)
	}
	mux.HandleFunc("GET "+docsPath, h)
	mux.HandleFunc("GET "+docsPath+"/", h)
}
