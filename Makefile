# The two commands are make demo and make test. Both install what is missing and use sudo where they
# need root and haven't got it.

# Git refuses to look at a working copy that belongs to somebody else; the version is unknown then.
BUILDVCS := $(shell git status >/dev/null 2>&1 || echo -buildvcs=false)
KEEP ?=
BENCH ?= .
CHECKS ?= 2000

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: deps build ## Watch hosts resolve each other in a lab; KEEP=1 leaves it running
	@scripts/with-root bin/isat demo $(if $(filter-out 0,$(KEEP)),--keep)

.PHONY: demo-stop
demo-stop: build ## End what make demo KEEP=1 left running
	@scripts/with-root bin/isat demo --stop

.PHONY: test
test: ## Run every test, those that need a lab as root
	@scripts/install-deps test
	scripts/test ./...

.PHONY: hunt
hunt: ## Have random tests draw other cases than make test, CHECKS=2000 of each
	@scripts/install-deps test
	scripts/hunt $(CHECKS)

.PHONY: check
check: ## Check generated files, format, vet, staticcheck and modules
	scripts/check

.PHONY: bench
bench: build ## Run the benchmarks; those in labs need root
	@scripts/install-deps bench
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./internal/... ./openflow ./packet
	bin/isat bench answer
	bin/isat bench scale
	bin/isat bench restart
	@scripts/with-root bin/isat bench route
	@scripts/with-root bin/isat bench flood

.PHONY: build
build: ## Build bin/isat
	go build $(BUILDVCS) -o bin/isat ./cmd/isat

.PHONY: generate
generate: ## Write the generated files of docs/
	go run ./cmd/isat docs --dir docs

.PHONY: fmt
fmt: ## Format the code
	gofmt -w bench cmd internal openflow packet test

.PHONY: deps
deps: ## Install what the lab needs and this machine lacks
	@scripts/install-deps

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
