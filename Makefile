# Tocsin. `make help` lists what can be done.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

TOOLS   := $(CURDIR)/.tools
STAMPS  := $(TOOLS)/stamps
CONSOLE := dashboards/console
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Pinned tools, as module@version=package. influxd is a real part of the tests.
GOTESTSUM := gotest.tools/gotestsum@v1.13.0
INFLUXD   := github.com/influxdata/influxdb/cmd/influxd@v1.8.3
GOFUMPT   := mvdan.cc/gofumpt@v0.12.0
STATICCHECK  := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCILINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Debian packages that the tests need, with a command or file of each that shows it is there.
PACKAGES := gcc:gcc mosquitto:mosquitto mosquitto-clients:mosquitto_pub libxml2-utils:xmllint xmlsec1:xmlsec1 chromium:chromium \
	fonts-noto-core:/usr/share/fonts/truetype/noto/NotoSerifTibetan-Regular.ttf

export PATH := $(PATH):/usr/sbin
export TOCSIN_TOOLS := $(TOOLS)/bin

stamp = $(STAMPS)/$(subst /,_,$(1))

.PHONY: help demo build test test-long bench lint setup packages console clean screenshots

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: build ## the Punakha-Wangdue exercise: everything embedded, no account, no outside service
	@bin/tocsin demo $(DEMO)

build: console ## bin/tocsin and bin/sensors-sim, static binaries
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/ ./cmd/tocsin ./cmd/sensors-sim

console: $(CONSOLE)/dist/.built ## the operators' console, from its TypeScript sources

$(CONSOLE)/node_modules/.installed: $(CONSOLE)/package-lock.json
	cd $(CONSOLE) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(CONSOLE)/dist/.built: $(CONSOLE)/node_modules/.installed $(shell find $(CONSOLE)/src $(CONSOLE)/index.html $(CONSOLE)/vite.config.ts $(CONSOLE)/tsconfig.json -type f 2>/dev/null)
	cd $(CONSOLE) && npm run --silent check && npm run --silent build
	@touch $@

setup: packages console $(call stamp,$(GOTESTSUM)) $(call stamp,$(INFLUXD)) ## everything the tests need

packages:
	@missing=(); for pair in $(PACKAGES); do command -v "$${pair#*:}" >/dev/null || [ -e "$${pair#*:}" ] || missing+=("$${pair%%:*}"); done; \
	if (( $${#missing[@]} )); then \
	  echo "installing Debian packages: $${missing[*]}"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null || \
	  { echo "make: could not install them; run: apt-get install $${missing[*]}" >&2; exit 1; }; \
	fi

# One rule for every pinned tool: the stamp is named after the version.
define tool
$(call stamp,$(1)):
	@mkdir -p $(STAMPS) $(TOOLS)/bin
	GOBIN=$(TOOLS)/bin GOFLAGS=-mod=mod go install $(1)
	@touch $$@
endef
$(foreach t,$(GOTESTSUM) $(INFLUXD) $(GOFUMPT) $(STATICCHECK) $(GOLANGCILINT),$(eval $(call tool,$(t))))

test: setup ## every test, with the race detector and a real Mosquitto, InfluxDB and browser
	CGO_ENABLED=1 $(TOOLS)/bin/gotestsum --format pkgname -- -race -shuffle=on -timeout 20m ./...

test-long: setup ## what is too long for every change: more permutations, more kills, longer fuzzing
	TOCSIN_LONG=1 CGO_ENABLED=0 $(TOOLS)/bin/gotestsum --format pkgname -- -shuffle=on -timeout 80m ./...

bench: ## Go benchmarks of the hot paths
	CGO_ENABLED=0 go test -run '^$$' -bench . -benchmem ./...

lint: console $(call stamp,$(GOFUMPT)) $(call stamp,$(STATICCHECK)) $(call stamp,$(GOLANGCILINT)) ## gofumpt, vet, staticcheck, golangci-lint
	@unformatted=$$($(TOOLS)/bin/gofumpt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofumpt-ed:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOLS)/bin/staticcheck ./...
	$(TOOLS)/bin/golangci-lint run ./...

screenshots: setup ## refresh docs/screenshots from a running demo
	TOCSIN_SCREENSHOTS=$(CURDIR)/docs/screenshots CGO_ENABLED=0 go test -count=1 -run TestBrowser ./cmd/internal/e2e

clean: ## remove what was built (the pinned tools stay)
	rm -rf bin $(CONSOLE)/node_modules $(CONSOLE)/dist/.built $(CONSOLE)/dist/app
