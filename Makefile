# Needs GNU make, Go and a POSIX shell; real services come from Docker, or from redis-server, Maven and a JDK (.ci/run).
# `make help` lists what there is.

GO         ?= go
LINT       := v2.15.0
TOOLS      := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tieredcache/bin
GOLANGCI   := $(TOOLS)/golangci-lint
MODULES     = $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path '*/.*/*' -not -path '*/testdata/*' | sort))
SERVICES   ?=

.DEFAULT_GOAL := help
.PHONY: help services services-down test contract lint fmt tools demo replicas torture model bench bench-quick build clean mutants FORCE

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

services: bin/services ## Start or find a real Redis and a real Neo4j; print the variables that programs read
	@bin/services up

services-down: bin/services ## Stop the services that were started here, and nothing else
	@bin/services down

test: bin/services bin/testreport ## Vet and test every module on real services (ARGS='-run TestX' is handed to go test)
	@bin/services run -- bin/testreport $(ARGS)

contract: ## Run the contract's tests as often as it says, and print the figures, three minutes (ARGS='-test.run TestX')
	@cd internal/contract && $(GO) test -c -o ../../bin/contract.test . && ../../bin/contract.test -long -test.timeout=60m $(ARGS)

lint: tools ## Run golangci-lint, go vet and gofmt over every module
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt these files:"; echo "$$unformatted"; exit 1; }
	@status=0; for dir in $(MODULES); do \
		echo "lint $$dir"; (cd $$dir && $(GO) vet ./... && $(GOLANGCI) run --config $(CURDIR)/.golangci.yml ./...) || status=1; \
	done; exit $$status

fmt: tools ## Format every module with gofumpt and goimports
	@for dir in $(MODULES); do (cd $$dir && $(GOLANGCI) fmt --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

tools: ## Build the pinned golangci-lint into the user's cache folder, three minutes the first time
	@$(GO) version -m $(GOLANGCI) 2>/dev/null | grep -q 'golangci-lint/v2[[:space:]]$(LINT)[[:space:]]' || \
		{ echo "building golangci-lint $(LINT)"; GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT); }

demo: $(if $(filter real,$(SERVICES)),bin/services) ## Show what the cache does (SERVICES=real: on real services; SOURCE_DELAY=20ms: a slower source)
ifeq ($(SERVICES),real)
	@cd examples && $(GO) build -o ../bin/demo ./demo && exec ../bin/services run -- ../bin/demo
else
	@cd examples && $(GO) run ./demo
endif

replicas: bin/services ## Run three instances of the example service as local processes on real services
	@cd examples && $(GO) build -o ../bin/replicas ./replicas && SERVICES=real exec ../bin/services run -- ../bin/replicas

DURATION   ?= 60s
REPLICAS   ?= 4

torture: $(if $(filter neo4j,$(SOURCE)),bin/services) ## Break everything under real processes and check every read (DURATION=60s REPLICAS=4 SEED=n SOURCE=neo4j BREAK=epoch|lease|fence|intent)
	@cd internal/torture && $(GO) build -o ../../bin/torture .
	@exec $(if $(filter neo4j,$(SOURCE)),bin/services run --) bin/torture -duration=$(DURATION) -replicas=$(REPLICAS) \
		$(if $(SEED),-seed=$(SEED)) $(if $(SOURCE),-source=$(SOURCE)) $(if $(BREAK),-break=$(BREAK))

mutants: bin/services ## Take each guard of the protocol out, and name the test that then fails (ARGS='-run lease -v')
	@$(GO) build -o bin/mutants ./internal/mutants && exec bin/services run -- bin/mutants $(ARGS)

model: ## Explore the protocol state by state, and with each piece removed, two minutes
	@cd internal/model && $(GO) test -count=1 -args -full

bench: bin/services bin/bench ## Measure beside the rivals and judge the goals, under 30 minutes; fills benchmarks/results and the README's table
	@GODEBUG=madvdontneed=0 exec bin/services run -- bin/bench -o benchmarks/results -readme README.md

bench-quick: bin/services bin/bench ## A first impression of that, under 5 minutes; changes no file here (ARGS='-run memory-hit')
	@GODEBUG=madvdontneed=0 exec bin/services run -- bin/bench -quick $(ARGS)

build: ## Compile every module
	@for dir in $(MODULES); do (cd $$dir && $(GO) build ./...) || exit 1; done

clean: services-down ## Stop the services and remove what was built here
	@rm -rf bin .services

bin/services: FORCE
	@$(GO) build -o $@ ./internal/services/cmd/services

bin/bench: FORCE
	@cd benchmarks && $(GO) build -o ../$@ .

bin/testreport: FORCE
	@$(GO) build -o $@ ./internal/testreport

FORCE:
