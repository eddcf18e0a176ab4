package store

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/isat-sdn/isat/internal/listen"
)

// Endpoint is where etcd may be read, in the form that etcd's own tools take: a
// URL http://HOST:PORT of a loopback address, or unix:///PATH. Empty, it is
// nowhere.
type Endpoint string

const wantEndpoint = "want http://127.0.0.1:PORT, or unix:///PATH"

// network gives the socket of an endpoint: "tcp" or "unix", and its address.
// What is kept is shown to whoever connects, so no other host may.
func (e Endpoint) network() (network, address string, err error) {
	u, err := url.Parse(string(e))
	if err != nil {
		return "", "", fmt.Errorf("%q is no URL: %s", e, wantEndpoint)
	}
	plain := u.User == nil && u.RawQuery == "" && u.Fragment == ""
	switch {
	case u.Scheme == "unix" && plain && u.Host == "" && filepath.IsAbs(u.Path):
		return "unix", u.Path, nil
	case u.Scheme != "http" || !plain || u.Path != "" || !isPort(u.Port()):
		return "", "", fmt.Errorf("%q is not where etcd can be read: %s", e, wantEndpoint)
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return "", "", fmt.Errorf("%q is open to other hosts, and etcd asks nobody who he is: %s, and reach it through ssh -L", e, wantEndpoint)
	}
	return "tcp", net.JoinHostPort(host, u.Port()), nil
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// Check says what is wrong with an endpoint.
func (e Endpoint) Check() error {
	if e == "" {
		return nil
	}
	_, _, err := e.network()
	return err
}

func (e Endpoint) open() (net.Listener, error) {
	network, address, err := e.network()
	if err == nil {
		var l net.Listener
		if network == "unix" {
			l, err = listen.Unix(address, 0o600)
		} else {
			l, err = listen.TCP(address)
		}
		if err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("listen for readers of etcd on %s: %w", e, err)
}

// serve lets etcd be read at an endpoint until the engine closes.
func (e *engine) serve(at Endpoint, log *slog.Logger) error {
	if at == "" {
		return nil
	}
	l, err := at.open()
	if err != nil {
		return err
	}
	e.readers = v3rpc.Server(e.etcd.Server, nil, readUnary, grpc.ChainStreamInterceptor(readStream))
	go e.readers.Serve(l) // ends with an error that says no more than that the engine closes
	log.Info("etcd can be read", slog.String("endpoint", endpointOf(l)))
	return nil
}

// endpointOf is what etcdctl takes as --endpoints.
func endpointOf(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return "unix://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// reads are the calls that change nothing. A change of the intent here would pass
// by what isat checks, and one of the members would end the store.
var reads = []string{
	pb.KV_Range_FullMethodName, pb.KV_RangeStream_FullMethodName, pb.Watch_Watch_FullMethodName, pb.Cluster_MemberList_FullMethodName,
	pb.Maintenance_Status_FullMethodName, pb.Maintenance_Hash_FullMethodName, pb.Maintenance_HashKV_FullMethodName,
	pb.Maintenance_Snapshot_FullMethodName, grpc_health_v1.Health_Check_FullMethodName, grpc_health_v1.Health_Watch_FullMethodName,
}

var errReadOnly = status.Error(codes.PermissionDenied, `this etcd is inside of isat, and can only be read: change what is asked for with "isat apply"`)

func readUnary(ctx context.Context, request any, call *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
	alarm, ok := request.(*pb.AlarmRequest)
	list := ok && alarm.GetAction() == pb.AlarmRequest_GET
	if !list && !slices.Contains(reads, call.FullMethod) {
		return nil, errReadOnly
	}
	defer survive(&err)
	return handle(ctx, request)
}

func readStream(server any, stream grpc.ServerStream, call *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	if !slices.Contains(reads, call.FullMethod) {
		return errReadOnly
	}
	defer survive(&err)
	return handle(server, stream)
}

// survive makes an error of a panic: a reader must not end isat.
func survive(err *error) {
	if r := recover(); r != nil {
		*err = status.Errorf(codes.Internal, "etcd failed: %v", r)
	}
}
