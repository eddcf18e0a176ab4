package api

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// guard keeps web pages of other sites away from the API. A page whose name
// was rebound to a loopback address arrives with its own name as Host and is
// refused; so is a request that the browser itself marks as coming from another
// site. No answer carries CORS headers.
func guard(next http.Handler, hosts []string) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, http.StatusForbidden, "requests from other web sites are refused")
	}))
	inner := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !hostAllowed(r, hosts) {
			writeProblem(w, http.StatusMisdirectedRequest,
				"host "+r.Host+" is refused: address the API as localhost or by the address it listens on")
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// hostAllowed accepts localhost, the extra names, loopback addresses and the
// address at which the connection arrived.
func hostAllowed(r *http.Request, hosts []string) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return strings.EqualFold(host, "localhost") ||
			slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) })
	}
	if addr.Unmap().IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap() == addr.Unmap()
}

// onlyKnownQuery refuses parameters that an operation does not have: a list would not
// be narrowed as it is meant, and an edit not be compared with the revision.
func onlyKnownQuery(a huma.API) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		var known []string
		for _, p := range hc.Operation().Parameters {
			if p.In == "query" {
				known = append(known, p.Name)
			}
		}
		u := hc.URL()
		for _, name := range slices.Sorted(maps.Keys(u.Query())) {
			if slices.Contains(known, name) {
				continue
			}
			message := "unexpected parameter: there is none"
			if len(known) > 0 {
				message = "unexpected parameter: it is none of " + strings.Join(known, ", ")
			}
			// A failed write means that the client is gone.
			_ = huma.WriteErr(a, hc, http.StatusUnprocessableEntity, "validation failed",
				&huma.ErrorDetail{Location: "query." + name, Message: message})
			return
		}
		next(hc)
	}
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// A failed write means that the client is gone.
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{
		Title: http.StatusText(status), Status: status, Detail: detail,
	})
}
