package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// BackupType is the media type of a backup.
const BackupType = "application/octet-stream"

func registerBackup(a huma.API, h *handlers) {
	op := plain(get("backup", "/v1/backup", "keeping", "All that is kept, as it is at one moment"))
	op.Description = "The intent that was applied, and the bindings, in one stream, for \"isat restore\". The stream ends with a checksum; " +
		"a connection that ends before that was no backup. 409 if isat keeps nothing, because it was started without a data directory."
	op.Errors = []int{http.StatusConflict, http.StatusServiceUnavailable}
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The backup",
		Content:     map[string]*huma.MediaType{BackupType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
	huma.Register(a, op, h.backup)
}

func (h *handlers) backup(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	write, err := h.backend.Backup(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", BackupType)
		hc.SetHeader("Cache-Control", "no-store")
		_, w := humago.Unwrap(hc)
		control := http.NewResponseController(w)
		if write(hc.Context(), patientWriter{w, control}) != nil {
			// Too late for a status: the client must not take it for the end.
			panic(http.ErrAbortHandler)
		}
		_ = control.SetWriteDeadline(time.Time{}) // the connection may serve another request
	}}, nil
}

// patientWriter gives up on a client that stopped reading: what is backed up is
// held in its place meanwhile.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (p patientWriter) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}
