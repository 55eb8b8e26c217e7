# SPDX-License-Identifier: Apache-2.0
# Sourced by what a stranger does: counting, waiting, a folder and ports of one's own, and the field in place of hardware.
# shellcheck shell=bash
passed=0
failed=0
place=$(mktemp -d)
pids=()
finish() { kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$place"; }
trap finish EXIT
check() { # what, command...
  local what=$1
  shift
  if "$@" >"$place/said" 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $what"; tail -n 10 "$place/said"; fi
}
says() { local want=$1 said; shift; said=$("$@" 2>&1); echo "$said"; grep -q -- "$want" <<<"$said"; }
refused() { ! "$@"; }
until_ok() { for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done; "$@"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

broker=$(free_port) modbus=$(free_port) api=$(free_port)
export DAM_LINK_INVERTER_EVERY_MS=200

addresses() { # one's own inverter and broker in a manifest, and the machine shown to Home Assistant, as README and own-machine.md say
  sed -i -e "s|tcp://127.0.0.1:1502|tcp://127.0.0.1:$modbus|" \
    -e "s|mqtt://127.0.0.1:1883\"|mqtt://localhost:$broker\"\nhomeassistant = \"homeassistant\"|" "$1/dam.toml"
}

start_field() { # a broker, and the plant's emulator: SunSpec over Modbus TCP, the houses' meters over MQTT
  "$(command -v mosquitto || echo /usr/sbin/mosquitto)" -p "$broker" >/dev/null 2>&1 & pids+=($!)
  sleep 1
  build/dam plant solar-site --data profiles/solar-site/data/village.csv --modbus-port "$modbus" --mqtt-port "$broker" --speed 900 </dev/null \
    >"$place/plant" 2>&1 & pids+=($!)
  plant=$!
}

use_foundry() { # and this build's dam; ends a test that has none. (The package's own `cast` says 0 when it failed.)
  PATH=$PWD/build:$(printf '%s:' "$PWD"/peers/node_modules/@foundry-rs/*/bin)$PATH
  export PATH DAM_CONTRACTS=$PWD/build/contracts
  { command -v anvil && command -v cast; } >/dev/null || { echo "skipped: $1: foundry is not installed (npm ci in peers/)"; echo "0 passed, 0 failed"; exit 0; }
}

page() { # the commands of a page of docs/: its indented lines, with this chain's endpoint and this machine's API
  sed -n 's/^    //p' "$1" | sed -e "s|https://rpc.example.org|$RPC|" -e "s|http://127.0.0.1:8080|http://127.0.0.1:$api|"
}

site_on_chain() { # docs/public-chain.md, its lines as they stand, in $place; coins come from the chain, and `dam up` is started by the test
  start_field
  page docs/public-chain.md | sed -e '/^dam up /d' \
    -e '/^CHAIN=/a for who in $OWNER $SITE; do cast rpc --rpc-url $RPC anvil_setBalance $who 0x8AC7230489E80000; done' >"$place/lines"
  check "every line of the page" bash -ec 'cd "$1"; . ./lines' _ "$place"
  cast rpc --rpc-url "$RPC" anvil_mine 0x80 >/dev/null # what was sent is final
  mysite=$place/mysite
  addresses "$mysite"
}

start_site() { DAM_MACHINE_PERIOD=1s dam up "$mysite" --api "127.0.0.1:$api" >"$place/up" 2>&1 & site=$!; pids+=("$site"); }
