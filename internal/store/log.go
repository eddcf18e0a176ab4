package store

import (
	"context"
	"errors"
	"log/slog"
	"runtime"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logCore is etcd's log, in isat's. What etcd says is for whoever looks for its
// faults: its warnings and errors are of members and networks that are not
// there, and what fails is told to the caller, who logs it. What it tells of
// each request is left out.
type logCore struct{ log *slog.Logger }

func (c logCore) level(l zapcore.Level) slog.Level {
	if l <= zapcore.ErrorLevel {
		return slog.LevelDebug
	}
	return slog.LevelError
}

func (c logCore) Enabled(l zapcore.Level) bool {
	return l > zapcore.DebugLevel && c.log.Enabled(context.Background(), c.level(l))
}

func (c logCore) With(fields []zapcore.Field) zapcore.Core {
	return logCore{c.log.With(attrs(fields)...)}
}

func (c logCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c logCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.log.Log(context.Background(), c.level(e.Level), "etcd: "+e.Message, attrs(fields)...)
	return nil
}

func (c logCore) Sync() error { return nil }

func attrs(fields []zapcore.Field) []any {
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	list := make([]any, 0, len(m.Fields))
	for k, v := range m.Fields {
		list = append(list, slog.Any(k, v))
	}
	return list
}

// lastWords is what etcd does instead of ending the process when it can't go
// on: the goroutine ends, and the engine knows why.
type lastWords struct{ failed func(error) }

// OnWrite implements [zapcore.CheckWriteHook].
func (h lastWords) OnWrite(e *zapcore.CheckedEntry, fields []zapcore.Field) {
	err := errors.New(e.Message)
	for _, f := range fields {
		if cause, ok := f.Interface.(error); ok {
			err = &causedError{e.Message, cause}
		}
	}
	h.failed(err)
	runtime.Goexit()
}

type causedError struct {
	text  string
	cause error
}

func (e *causedError) Error() string { return e.text + ": " + e.cause.Error() }
func (e *causedError) Unwrap() error { return e.cause }

func newLogger(log *slog.Logger, failed func(error)) *zap.Logger {
	hook := lastWords{failed}
	return zap.New(logCore{log}, zap.WithFatalHook(hook), zap.WithPanicHook(hook))
}
