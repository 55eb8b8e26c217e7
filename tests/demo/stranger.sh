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
