package api

import (
	"encoding/json"
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

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// A failed write means that the client is gone.
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{
		Title: http.StatusText(status), Status: status, Detail: detail,
	})
}
