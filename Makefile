# saas_core needs Rust 1.95, gcc and Python 3. Everything else is fetched into target/ when it is first needed:
# no root, no PostgreSQL of yours is used or changed, and servers are throw-away ones on a socket in a temporary folder.
#
#   make demo                       the tour
#   make psql                       a server of your own with the demo's data, for as long as psql runs
#   make test                       everything; PG=15 takes Debian's packages, PG=16 and PG=18 come from PyPI
#   make test-slow                  the same with longer simulations: years of a hundred tenants
#   make install PG_CONFIG=…        a release build into your PostgreSQL 15, 16 or 18
#   make bench                      the tables of benches/
#
# While working:
#   make check                      does it compile
#   make lint                       format, clippy, rustdoc: no warnings
#   make unit                       pure Rust logic
#   make regress T=billing          SQL tests with `billing` in their name; all without T
#   make regress-update T=billing   writes what they print to expected/
#   make rust T=seats               Rust tests over connections, with `seats` in their name
#   make suite S=dump               one more suite, tests/dump/run
#   make surface-update             writes what is made from the catalog: privileges, snapshot, reference, diagrams
#   make clean                      removes target/, where all of the above happened

PG ?= 18
T ?=
features = --no-default-features --features saas_core/pg$(PG)
# The environment that pgrx needs.
env = . "$$(scripts/setup $(PG))" &&

.PHONY: demo psql test test-slow install bench setup build check lint unit regress regress-update rust suite surface-update clean

demo: build
	scripts/cluster $(PG) -- scripts/with-database acme examples/acme/demo

psql: build
	scripts/cluster $(PG) -- scripts/with-database acme sh -c 'examples/acme/load && exec psql'

test:
	scripts/test $(PG)

test-slow:
	SAAS_SLOW=1 SAAS_SUITE_LIMIT=7200 scripts/test $(PG)

install:
	@test -n "$(PG_CONFIG)" || { echo "make install PG_CONFIG=/path/to/pg_config"; exit 1; }
	scripts/build "$$(command -v $(PG_CONFIG))" release

bench:
	scripts/build $(PG) release
	@for bench in $(wildcard benches/*/run); do \
		echo "== $$bench" && scripts/cluster $(PG) -- "$$bench" || exit 1; \
	done

setup:
	scripts/setup $(PG)

build:
	scripts/build $(PG) dev

check:
	$(env) cargo check --workspace --all-targets $(features)

lint:
	$(env) cargo fmt --all --check
	$(env) cargo clippy --workspace --all-targets $(features) -- -D warnings
	$(env) RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items $(features)

unit:
	$(env) cargo test --package saas_core --lib $(features) -- $(T)

regress: build
	PG=$(PG) tests/regress/run $(T)

regress-update: build
	PG=$(PG) tests/regress/run --update $(T)

rust:
	scripts/test $(PG) rust $(T)

suite:
	scripts/test $(PG) $(S) $(T)

surface-update: build
	PG=$(PG) tests/surface/run --update

clean:
	rm -rf target
