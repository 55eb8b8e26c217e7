#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The field against real peers: mosquitto (3.1.1, 5, password, TLS), pymodbus (TCP, RTU), gpsd with gpsfake, serial NMEA, HTTP, any program.
Outages, floods, garbage; and what `dam why` tells about them.

Needs build/dam (or $DAM) and build/contracts. usage: run.py [TEST...]; ends with "N passed, N failed".
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import homeassistant
from machines import Machine, Profile
from peers import Broker, Gps, Json, Sunspec, certificates, connects, free_port, missing, serial_pair, wait

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
from harness import DAM, ENV, ROOT, check, dam, results, summary, told


def test_mqtt(tmp):
    for version in ("3.1.1", "5"):
        broker = Broker(os.path.join(tmp, "broker" + version), "dam", "a secret")

        def secret(m):
            with open(os.path.join(m.folder, "password"), "w", encoding="utf-8") as f:
                f.write("a secret\n")
        name = "mqtt" + version.replace(".", "")
        m = Machine(tmp, name, f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{broker.port}"\nversion = "{version}"\nuser = "dam"\npassword_file = "password"\n'
                    'homeassistant = "homeassistant"',
                    [("power", "shelly/status/switch:0#apower", 1), ("plain", "plain", 2)],
                    'sink = "field"\nkey = "shelly/rpc#params.w"\nreadback = "shelly/readback"', before=secret)
        try:
            check(f"{version}: link comes up", wait(lambda: "link field is up" in m.said()), m.said())
            broker.publish("shelly/status/switch:0", '{"id":0,"output":true,"apower":8.9}', "-r")
            check(f"{version}: a value", m.sees("power", 8.9))
            # the machine's set-point goes out; a device that reads back makes the receipt
            sent = broker.read("shelly/rpc")
            check(f"{version}: the set-point", sent and json.loads(sent[0][1]) == {"params": {"w": 8.9}}, sent)
            answer = threading.Thread(target=lambda: [(time.sleep(0.05), broker.publish("shelly/readback", "8.9")) for _ in range(15)])
            answer.start()
            check(f"{version}: done and read back", m.receipt("done and read back"), m.receipts())
            answer.join()
            test_mqtt_garbage(broker, m, version)
            test_discovery(broker, m, name)
            # the broker goes and comes back
            broker.stop(signal.SIGKILL)
            check(f"{version}: stale without a broker", m.turns("stale", "plain"), m.channel("plain"))
            check(f"{version}: the outage is told by why", test_outage_text(m, "field"))
            broker.start()
            check(f"{version}: up again", wait(lambda: m.said().count("link field is up") == 2), m.said())
            broker.publish("plain", "7.25")
            check(f"{version}: values again", m.sees("plain", 7.25))
            m.process.kill()
            check(f"{version}: last will", wait(lambda: broker.read(f"dam/{name}/availability") == [[f"dam/{name}/availability", "offline"]]))
        finally:
            m.stop()
            broker.stop()


def test_outage_text(m, link):
    text = dam("why", "last", m.folder).stdout
    return f"nothing good from {link}" in text or print(text)


def test_mqtt_garbage(broker, m, version):
    # what is no number is a fault; what follows is a value again
    for bad in ('{"id":0}', "nonsense", "NaN", "1e400", "", '{"apower":"x"}', "[" * 200):
        broker.publish("plain", "1.5")
        ok = m.sees("plain", 1.5)
        broker.publish("plain", bad)
        check(f"{version}: {bad[:20]!r} is a fault", ok and m.turns("device fault", "plain", 5), m.channel("plain"))
    broker.publish("plain", "2000000")
    check(f"{version}: beyond its range", m.turns("out of range", "plain"), m.channel("plain"))
    # 20,000 messages at once: dropped by rule, told in the log, and turns go on
    before = m.last()["leaf"]["seq"]
    start = time.monotonic()
    broker.flood("plain", [f"{i % 100}.25" for i in range(20000)])
    broker.publish("shelly/status/switch:0", '{"apower":4.5}')
    check(f"{version}: another topic is heard through the flood", m.sees("power", 4.5, seconds=15))
    check(f"{version}: the flood is cut", "messages come too fast" in m.said(), m.said()[-500:])
    turns = (m.last()["leaf"]["seq"] - before) / 2
    check(f"{version}: turns go on", turns > 2 * (time.monotonic() - start), turns)
    check(f"{version}: and after it", wait(lambda: broker.publish("plain", "3.75") or m.channel("plain") == (3.75, "good"), 20), m.channel("plain"))


def test_discovery(broker, m, name):
    found = dict(broker.read("homeassistant/#", 3))
    check("discovery: one retained topic a channel and actuator",
          sorted(found) == [f"homeassistant/sensor/dam_{name}/{n}/config" for n in ("out", "plain", "power")], sorted(found))
    configs = [json.loads(c) for c in found.values()]
    check("discovery: as Home Assistant takes it", not any(homeassistant.wrong(topic, json.loads(c)) for topic, c in found.items()), found)
    check("discovery: unique ids", len({c["unique_id"] for c in configs}) == 3)
    check("discovery: one device", len({json.dumps(c["device"], sort_keys=True) for c in configs}) == 1)
    state = broker.read(configs[0]["state_topic"])
    check("discovery: the state topic has every value", state and set(json.loads(state[0][1])["v"]) == {"out", "plain", "power"}, state)
    check("discovery: online", broker.read(configs[0]["availability_topic"]) == [[f"dam/{name}/availability", "online"]])


def test_homeassistant(tmp):
    """Every unit that has a class of its own, and some that have none; and whether Home Assistant's rules as written here refuse anything."""
    units = ["W", "kW", "Wh", "V", "A", "Hz", "°C", "VA", "hPa", "m/s", "m", "mm", "%", ""]
    broker = Broker(os.path.join(tmp, "brokerha"))

    def with_units(m):
        path = os.path.join(m.folder, "dam.toml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for i, unit in enumerate(units):
            text = text.replace(f'name = "u{i}"\n', f'name = "u{i}"\ntitle = "Reading \\"{i}\\""\nunit = "{unit}"\n')
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    m = Machine(tmp, "ha-1", f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{broker.port}"\nhomeassistant = "homeassistant"',
                [(f"u{i}", f"u/{i}", i % 4) for i in range(len(units))], before=with_units)
    try:
        found = {topic: json.loads(text) for topic, text in broker.read("homeassistant/#", len(units) + 1)}
        check("homeassistant: each is declared", len(found) == len(units) + 1, sorted(found))
        bad = {topic: homeassistant.wrong(topic, config) for topic, config in found.items()}
        check("homeassistant: as it takes them", not any(bad.values()), bad)
        classes = {c["unit_of_measurement"]: c["device_class"] for c in found.values() if "device_class" in c}
        check("homeassistant: classes", set(classes) == set(units) - {"%", ""}, classes)
        good_topic, good = next(iter(found.items()))
        for change in ({"device_class": "energy"}, {"device_class": "voltage"}, {"state_topic": "a/#"}, {"device": {}}, {"origin": {}}, {"icon": "tune"},
                       {"state_class": "mean"}, {"suggested_display_precision": -1}, {"value": 1}, {"unique_id": ""}, {"object_id": "other"},
                       {"default_entity_id": "light.other"}):
            check(f"homeassistant: {change} would be refused", homeassistant.wrong(good_topic, {**good, "unit_of_measurement": "W", **change}))
        check("homeassistant: a topic would be refused", homeassistant.wrong("homeassistant/sensor/a b/c/config", good))
    finally:
        m.stop()
        broker.stop()


def nowhere():
    """An address to which a connection is begun and never made, as to a host that is off: the queue of who listens there is full. Returns what
    to keep open as long; the first is bound to the port."""
    server = socket.create_server(("127.0.0.1", 0), backlog=0)
    kept = [server]
    while True:
        client = socket.socket()
        kept.append(client)
        client.settimeout(0.3)
        try:
            client.connect(server.getsockname())
        except TimeoutError:
            return kept


def test_mqtt_outages(tmp):
    """Longer than a connection may take to be made (10 s): a broker that is gone, one that is silent, and a host that is off."""
    broker, silent, off = Broker(os.path.join(tmp, "brokergone")), [socket.create_server(("127.0.0.1", 0))], nowhere()
    ports = {"gone": broker.port, "silent": silent[0].getsockname()[1], "off": off[0].getsockname()[1]}
    begun = time.monotonic()
    machines = {name: Machine(tmp, f"mqtt{name}", f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{port}"', [("x", "x", 0)]) for name, port in ports.items()}
    brokers = {"gone": broker}
    try:
        check("outages: up", wait(lambda: "link field is up" in machines["gone"].said()), machines["gone"].said())
        broker.stop(signal.SIGKILL)
        for name in ("silent", "off"):
            check(f"outages: {name}: told", wait(lambda: "does not answer as a broker" in machines[name].said(), 20), machines[name].said())
        # The kernel tries a connection again after 1, 3, 7, 15 and 31 s. One that was given up must not be what is waited for: a new one has been begun.
        time.sleep(max(begun + 17 - time.monotonic(), 0))
        for s in silent + off:
            s.close()
        broker.start()
        for name in ("silent", "off"):
            brokers[name] = Broker(os.path.join(tmp, "broker" + name), port=ports[name])
        for name, b in brokers.items():
            check(f"outages: {name}: up again", wait(lambda: b.publish("x", "7", "-r") or machines[name].channel("x") == (7, "good"), 10), machines[name].said())
    finally:
        for each in (*machines.values(), *brokers.values()):
            each.stop()


def test_mqtt_logins(tmp):
    tls = certificates(os.path.join(tmp, "tls"))
    broker = Broker(os.path.join(tmp, "brokertls"), tls=tls)
    m = Machine(tmp, "mqtttls", f'kind = "mqtt"\nurl = "mqtts://localhost:{broker.port}"\nca_file = "{tls}/ca.crt"\nversion = "5"', [("x", "x", 0)])
    other = certificates(os.path.join(tmp, "othertls"))
    stranger = Machine(tmp, "mqttstranger", f'kind = "mqtt"\nurl = "mqtts://localhost:{broker.port}"\nca_file = "{other}/ca.crt"', [("x", "x", 0)])
    try:
        check("TLS: up", wait(lambda: "link field is up" in m.said()), m.said())
        broker.publish("x", "42")
        check("TLS: a value", m.sees("x", 42))
        check("TLS: another CA's broker is refused", wait(lambda: "link field is down" in stranger.said()), stranger.said())
        check("TLS: and stays refused", "link field is up" not in stranger.said())
    finally:
        m.stop()
        stranger.stop()
        broker.stop()
    broker = Broker(os.path.join(tmp, "brokerpw"), "dam", "right")
    m = Machine(tmp, "mqttlogin", f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{broker.port}"\nuser = "dam"', [("x", "x", 0)])
    try:
        check("a wrong login is told", wait(lambda: "not authorised" in m.said().lower() or "refused" in m.said().lower()), m.said())
        check("a machine without its field decides", m.turns("missing", "x"), m.channel("x"))
    finally:
        check("and ends in order", m.stop() == 0)
        broker.stop()


def test_modbus(tmp):
    port = free_port()
    device = Sunspec(f"tcp:{port}")
    keys = [("rate", "124.OutWRte", 2), ("pv", "103.W", 0), ("soc", "124.ChaState", 2), ("w", "701.W", 0), ("hz", "701.Hz", 2), ("inj", "701.TotWhInj", 0),
            ("cab", "701.TmpCab", 1), ("der", "713.SoC", 1), ("dc", "714.Prt.2.DCW", 0), ("raw", "holding:40000:uint16", 0), ("none", "701.LLV", 0),
            ("absent", "802.SoC", 0)]
    m = Machine(tmp, "modbustcp", f'kind = "modbus"\nurl = "tcp://127.0.0.1:{port}"\nevery_ms = 100\ntimeout_ms = 500', keys,
                'sink = "field"\nkey = "704.WSetPct"\nreadback = "704.WSetPct"\ntolerance = 0.1')
    try:
        for name, value in [("pv", 12340), ("soc", 43.21), ("w", -1500), ("hz", 50.01), ("inj", 65536), ("cab", 30.5), ("der", 65.5),
                            ("dc", 90), ("raw", 0x5375)]:
            check(f"SunSpec {name}", m.sees(name, value))
        check("not available is a fault", m.channel("none")[1] == "device fault", m.channel("none"))
        check("a model that is not there is a fault", m.channel("absent")[1] == "device fault", m.channel("absent"))
        device.ask("set 124.10 -2500")
        check("the set-point reaches the device", m.sees("rate", -25) and wait(lambda: device.ask("get 704.26") == str(65536 - 250)))
        check("done and read back", m.receipt("done and read back"), m.receipts())
        device.ask("set 103.13 0")
        check("a changed scale factor", m.sees("pv", 1234))
        device.stop(signal.SIGKILL)
        check("unplugged: stale", m.turns("stale", "pv"), m.channel("pv"))
        check("unplugged: the receipt says so", m.receipt("refused") or m.receipt("unknown"), m.receipts())
        check("unplugged: told by why", test_outage_text(m, "field"))
        device = Sunspec(f"tcp:{port}")
        check("plugged in again", m.sees("pv", 12340, seconds=20))
    finally:
        m.stop()
        device.stop()
    # RTU: the same device behind a null-modem cable, then the cable is pulled
    ours, theirs, unplug = serial_pair()
    device = Sunspec(f"rtu:{theirs}")
    m = Machine(tmp, "modbusrtu", f'kind = "modbus"\nurl = "rtu://{ours}"\nevery_ms = 200\ntimeout_ms = 1000', [("rate", "124.OutWRte", 2), ("pv", "103.W", 0)],
                'sink = "field"\nkey = "704.WSetPct"', stale="2s")
    try:
        check("RTU: a value", m.sees("pv", 12340, seconds=15), m.said())
        device.ask("set 124.10 1500")
        check("RTU: a set-point", m.sees("rate", 15) and wait(lambda: device.ask("get 704.26") == "150"))
        unplug()
        check("RTU: unplugged", wait(lambda: "link field is down" in m.said(), 15) and m.turns("stale", "pv"), m.said())
    finally:
        m.stop()
        device.stop()
    # a unit that does not answer
    device = Sunspec(f"tcp:{port}")
    m = Machine(tmp, "modbusunit", f'kind = "modbus"\nurl = "tcp://127.0.0.1:{port}"\nunit = 9\ntimeout_ms = 300', [("pv", "103.W", 0)])
    try:
        check("a wrong unit is down, not a value", wait(lambda: "link field is down" in m.said()) and m.channel("pv")[1] == "missing", m.said())
    finally:
        m.stop()
        device.stop()


def test_modbus_line(tmp):
    """Three devices on one serial line, the second of them dead, by a link each."""
    ours, theirs, unplug = serial_pair()
    device = Sunspec(f"rtu:{theirs}", "1", "3")
    links = [f'kind = "modbus"\nurl = "rtu://{ours}"\nevery_ms = 200\ntimeout_ms = 500\nunit = {unit}' for unit in (1, 2, 3)]
    m = Machine(tmp, "modbusline", f"{links[0]}\n[link.dead]\n{links[1]}\n[link.third]\n{links[2]}",
                [("rate", "124.OutWRte", 2), ("none", "103.W", 0, "dead"), ("pv", "103.W", 0, "third")], 'sink = "field"\nkey = "704.WSetPct"', stale="5s")
    try:
        device.ask("set 103.12 77 3")
        check("line: both devices are read", m.sees("pv", 770, seconds=15) and m.channel("rate")[1] == "good", m.said())
        check("line: the dead one is down", wait(lambda: "link dead is down: reading the SunSpec marker: Connection timed out" in m.said()), m.said())
        device.ask("set 124.10 1500")
        check("line: a set-point for the first alone", m.sees("rate", 15) and wait(lambda: device.ask("get 704.26") == "150") and device.ask("get 704.26 3") == "0")
        seen = 0
        for value in range(20, 28):
            device.ask(f"set 103.12 {value} 3")
            seen += bool(m.sees("pv", value * 10, seconds=3))
        check("line: the dead one does not starve the others", seen == 8 and m.channel("rate")[1] == "good", (seen, m.said()))
        check("line: nobody else went down", m.said().count(" is down") == 1, m.said())
        check("line: why tells which is dead", "nothing good from dead" in dam("why", "last", m.folder).stdout)
        unplug()
        check("line: unplugged, both are down", wait(lambda: "link field is down" in m.said() and "link third is down" in m.said(), 15), m.said())
    finally:
        m.stop()
        device.stop()


def test_curves(tmp):
    """SunSpec's curves: read, written into one that does not run, adopted; and every way in which a device says no."""
    port = free_port()
    device, wishes = Sunspec(f"tcp:{port}"), Json({"w": [0] * 9})
    link = f'kind = "modbus"\nurl = "tcp://127.0.0.1:{port}"\nevery_ms = 100\ntimeout_ms = 600\n'
    keys = [f"705.Crv.2.Pt.{i}.{what}" for i in range(1, 5) for what in ("V", "Var")] + ["705.AdptCrvReq"]
    read = [("v1", "705.Crv.1.Pt.1.V", 0), ("var4", "705.Crv.1.Pt.4.Var", 0), ("rsp", "705.Crv.1.RspTms", 1), ("must", "707.Crv.1.MustTrip.Pt.3.V", 2),
            ("mom", "707.Crv.2.MomCess.Pt.2.Tms", 2), ("watt", "712.Crv.1.Pt.4.W", 0), ("var", "712.Crv.1.Pt.4.Var", 0), ("none", "712.Crv.1.Pt.5.W", 0)]
    m = Machine(tmp, "curves", f'{link}[link.wishes]\nkind = "http"\nurl = "{wishes.url}"\nevery_ms = 100',
                [*((f"w{i}", f"w.{i}", 0, "wishes") for i in range(9)), *read], *(f'sink = "field"\nkey = "{key}"' for key in keys), stale="5s", period="1s")
    try:
        for name, value in [("v1", 92), ("var4", -44), ("rsp", 5), ("must", 88), ("mom", 1.62), ("watt", 100), ("var", -20)]:
            check(f"curves: {name}", m.sees(name, value), m.channel(name))
        check("curves: a point that the device does not have", m.channel("none")[1] == "device fault", m.channel("none"))
        check("curves: a number that is none of a curve is refused", m.receipt("refused"), m.receipts())
        wishes.document = {"w": [90, 50, 97, 0, 103, 0, 110, -50, 2]}
        check("curves: adopted", m.sees("v1", 90) and m.sees("var4", -50) and m.receipt("done, no read-back"), (m.channel("v1"), m.receipts()))
        device.ask("set 705.2 9")
        seq = m.last()["leaf"]["seq"]
        wait(lambda: m.last()["leaf"]["seq"] > seq + 4)
        check("curves: what runs already is not adopted again", device.ask("get 705.2") == "9" and m.receipt("done, no read-back"), m.receipts())
        wishes.document = {"w": [90, 50, 80, 0, 103, 0, 110, -50, 2]}
        check("curves: one that the device refuses", m.receipt("refused") and wait(lambda: device.ask("get 705.2") == "2"), m.receipts())
        check("curves: the old one still runs", device.ask("get 705.25") == "97")
        wishes.document = {"w": [90, 50, 97, 0, 103, 0, 110, -50, 3]}
        check("curves: a device that never says how it went", m.receipt("unknown"), m.receipts())
        check("curves: and is read all the while", m.channel("v1")[1] == "good" and m.said().count("link field is down") == 0, m.said())
    finally:
        m.stop()
    m = Machine(tmp, "readonly", link, [("v1", "705.Crv.1.Pt.1.V", 0), ("soc", "713.SoC", 0)], 'sink = "field"\nkey = "705.Crv.1.Pt.2.V"')
    try:
        check("curves: the one that runs is not written", m.sees("v1", 90) and m.receipt("refused") and device.ask("get 705.25") == "97", m.receipts())
    finally:
        m.stop()
        wishes.stop()
        device.stop()


def listener(babbles):
    """Somebody who takes connections, and answers with nothing or with garbage. Returns the port."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []

    def babble(client):
        while True:
            try:
                if not client.recv(300):
                    return
                client.send(os.urandom(64))
            except OSError:
                return

    def serve():
        while True:
            client = server.accept()[0]
            kept.append(client)
            if babbles:
                threading.Thread(target=babble, args=(client,), daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


def test_strangers(tmp):
    """Wrong addresses, whoever is silent, whoever talks garbage: the log says what and where, the channel has no value, the machine decides on."""
    refused, silent, garbage = free_port(), listener(False), listener(True)
    local = "127.0.0.1:"
    cases = {  # name: link, key, what the log says
        "modbus-refused": (f'kind = "modbus"\nurl = "tcp://{local}{refused}"', "holding:1", f"refused (tcp://{local}{refused})"),
        "modbus-silent": (f'kind = "modbus"\nurl = "tcp://{local}{silent}"\ntimeout_ms = 300', "holding:1", f"timed out (tcp://{local}{silent})"),
        "modbus-garbage": (f'kind = "modbus"\nurl = "tcp://{local}{garbage}"\ntimeout_ms = 300', "103.W", f"Invalid data (tcp://{local}{garbage})"),
        "modbus-name": ('kind = "modbus"\nurl = "tcp://no-such-host.invalid"', "holding:1", "the name is not known"),
        "modbus-serial": ('kind = "modbus"\nurl = "rtu:///dev/no-such-tty"', "holding:1", "No such file or directory (rtu:///dev/no-such-tty)"),
        "mqtt-refused": (f'kind = "mqtt"\nurl = "mqtt://{local}{refused}"', "x", f"refused (mqtt://{local}{refused})"),
        "mqtt-silent": (f'kind = "mqtt"\nurl = "mqtt://{local}{silent}"', "x", f"does not answer as a broker (mqtt://{local}{silent})"),
        "mqtt-garbage": (f'kind = "mqtt"\nurl = "mqtt://{local}{garbage}"', "x", f" (mqtt://{local}{garbage})"),
        "mqtt-name": ('kind = "mqtt"\nurl = "mqtt://no-such-host.invalid"', "x", "(mqtt://no-such-host.invalid)"),
        "http-refused": (f'kind = "http"\nurl = "http://user:secret@{local}{refused}/a"\nevery_ms = 100', "x", f"({local}{refused}/a)"),
        "http-silent": (f'kind = "http"\nurl = "http://{local}{silent}/a"\nevery_ms = 100\ntimeout_ms = 300', "x", "timed out after"),
        "http-garbage": (f'kind = "http"\nurl = "http://{local}{garbage}/a"\nevery_ms = 100\ntimeout_ms = 300', "x", f"(http://{local}{garbage}/a)"),
        "https-garbage": (f'kind = "http"\nurl = "https://{local}{garbage}/a"\nevery_ms = 100', "x", f"(https://{local}{garbage}/a)"),
        "gpsd-refused": (f'kind = "gpsd"\nurl = "tcp://{local}{refused}"', "lat", f"connection refused (tcp://{local}{refused})"),
        "gpsd-silent": (f'kind = "gpsd"\nurl = "tcp://{local}{silent}"\nsilence_ms = 1000', "lat", f"it is silent (tcp://{local}{silent})"),
        "gpsd-garbage": (f'kind = "gpsd"\nurl = "tcp://{local}{garbage}"\nsilence_ms = 1000', "lat", f"it is silent (tcp://{local}{garbage})"),
        "nmea-serial": ('kind = "nmea"\nurl = "serial:///dev/no-such-tty"', "lat", "No such file or directory (serial:///dev/no-such-tty)"),
    }
    machines = {name: Machine(tmp, name, link, [("x", key, 0)]) for name, (link, key, _) in cases.items()}
    try:
        for name, m in machines.items():
            check(f"{name}: what and where", wait(lambda: any("link field is down" in line and cases[name][2] in line for line in m.said().split("\n")), 25), m.said())
            check(f"{name}: no value, and it decides", m.channel("x")[1] == "missing", m.channel("x"))
            check(f"{name}: no password in the log", "secret" not in m.said(), m.said())
    finally:
        for name, m in machines.items():
            check(f"{name}: ends in order", m.stop() == 0)
    device = Sunspec(f"tcp:{refused}")
    m = Machine(tmp, "register", f'kind = "modbus"\nurl = "tcp://{local}{refused}"\nevery_ms = 100', [("x", "holding:60000:float32", 0), ("pv", "103.W", 0)])
    try:
        check("a register that is not there is that channel's fault alone", m.turns("device fault", "x") and m.sees("pv", 12340), m.said())
        check("and told", "channel x: the device refuses to give this register" in m.said(), m.said())
    finally:
        m.stop()
        device.stop()


NMEA = ["$GPGGA,{t},4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,", "$GPRMC,{t},A,4807.038,N,01131.000,E,022.4,084.4,230324,003.1,W"]


def summed(text):
    total = 0
    for c in text[1:]:
        total ^= ord(c)
    return f"{text}*{total:02X}\r\n"


def nmea_log(path):
    with open(path, "w", encoding="utf-8") as f:
        for second in range(60):
            for line in NMEA:
                f.write(summed(line.format(t=f"1235{second:02d}")))


def test_gps(tmp):
    if missing("gpsd", "gpsfake"):
        print("skipped: gpsd: gpsd and gpsfake are not installed")
        return
    log = os.path.join(tmp, "track.nmea")
    nmea_log(log)
    gps = Gps(log)
    m = Machine(tmp, "gpsd", f'kind = "gpsd"\nurl = "tcp://127.0.0.1:{gps.port}"\nsilence_ms = 3000',
                [("lat", "lat", 6), ("lon", "lon", 6), ("mode", "mode", 0), ("high", "alt", 1)], stale="5s")
    try:
        check("gpsd: latitude", m.sees("lat", 48.1173, seconds=20), m.said())
        check("gpsd: longitude", m.sees("lon", 11.516667))
        check("gpsd: a fix in three dimensions", m.sees("mode", 3))
        gps.stop(signal.SIGKILL)
        check("gpsd: gone", wait(lambda: "link field is down" in m.said()) and m.turns("stale", "lat"), m.said())
    finally:
        m.stop()
        gps.stop()


def test_serial(tmp):
    ours, theirs, unplug = serial_pair()
    stop = threading.Event()
    lines = [summed(line.format(t="123519")) for line in NMEA]

    def talk():
        with open(theirs, "w", encoding="ascii") as port:
            while not stop.wait(0.1):
                try:
                    port.write("".join(lines))
                    port.flush()
                except OSError:
                    return
    thread = threading.Thread(target=talk)
    m = Machine(tmp, "nmea", f'kind = "nmea"\nurl = "serial://{ours}"\nbaud = 9600\nsilence_ms = 2000',
                [("lat", "lat", 6), ("speed", "speed", 3), ("fix", "fix", 0), ("sats", "sats", 0)], stale="1s")
    thread.start()
    try:
        check("NMEA: latitude", m.sees("lat", 48.1173), m.said())
        check("NMEA: speed", m.sees("speed", 11.524))
        check("NMEA: satellites", m.sees("sats", 8))
        lines[:] = [summed("$GPGGA,123519,,,,,0,00,99.99,,,,,,"), summed("$GPRMC,123519,V,,,,,,,230394,,,N")]
        check("NMEA: no fix is a fault", m.turns("device fault", "lat"), m.channel("lat"))
        lines[:] = [line[:-4] + "00\r\n" for line in (summed(line.format(t="123519")) for line in NMEA)]
        check("NMEA: wrong checksums tell nothing", m.turns("stale", "sats"), m.channel("sats"))
        stop.set()
        thread.join()
        unplug()
        check("NMEA: unplugged", wait(lambda: "link field is down" in m.said()), m.said())
    finally:
        stop.set()
        m.stop()


PROGRAM = r'''
import json, os, select, sys, time
value = 5.5
while True:
    if select.select([sys.stdin], [], [], 0.1)[0]:
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        with open("orders", "a") as f:
            f.write(line)
        print(json.dumps({"back": json.loads(line)["heater"]["w"]}), flush=True)
    if os.path.exists("say"):
        sys.stdout.write(open("say").read()); sys.stdout.flush(); os.remove("say")
    if os.path.exists("die"):
        os.remove("die"); sys.exit(3)
    if not os.path.exists("quiet"):
        print(json.dumps({"room": {"temperature": value}}), flush=True)
'''


def test_program(tmp):
    def put(m, name, text=""):
        path = os.path.join(m.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(path + ".new", path)
    m = Machine(tmp, "program", f'kind = "program"\ncommand = ["{sys.executable}", "device.py"]', [("t", "room.temperature", 1)],
                'sink = "field"\nkey = "heater.w"\nreadback = "back"', before=lambda m: put(m, "device.py", PROGRAM))
    try:
        check("program: a value", m.sees("t", 5.5), m.said())
        check("program: the order", wait(lambda: os.path.exists(os.path.join(m.folder, "orders"))
                                         and '{"heater":{"w":5.5}}' in open(os.path.join(m.folder, "orders"), encoding="utf-8").read()))
        check("program: done and read back", m.receipt("done and read back"), m.receipts())
        put(m, "quiet")
        for bad in ("nonsense\n", '{"room":{"temperature":"hot"}}\n', "[1]\n", '{"room":{"temperature":1e300}}\n', "\x00\x01\n"):
            put(m, "say", '{"room":{"temperature":7}}\n')
            ok = m.sees("t", 7)
            put(m, "say", bad)
            check(f"program: {bad!r} is a fault", ok and m.turns("device fault", "t"), m.channel("t"))
        put(m, "say", "x" * 100000 + "\n" + '{"room":{"temperature":8}}\n')
        check("program: a line too long is dropped, the next is read", m.sees("t", 8) and "dropped" in m.said(), m.said()[-300:])
        put(m, "say", '{"room":{"temperature":9}}\n' * 20000)
        check("program: a flood is cut", wait(lambda: "10000 dropped so far" in m.said()), m.said()[-300:])
        os.remove(os.path.join(m.folder, "quiet"))
        put(m, "die")
        check("program: its end is told", wait(lambda: "link field is down" in m.said()), m.said())
        check("program: it is started again", wait(lambda: m.said().count("link field is up") == 2) and m.sees("t", 5.5), m.said())
    finally:
        check("program: the machine ends in order", m.stop() == 0)
    check("program: no child is left", not subprocess.run(["pgrep", "-f", m.folder + "/device.py"], capture_output=True, check=False).stdout)
    m = Machine(tmp, "noprogram", 'kind = "program"\ncommand = ["./nothing"]', [("t", "t", 0)])
    try:
        check("program: one that is not there", wait(lambda: "link field is down" in m.said()), m.said())
    finally:
        check("program: and the machine ends in order", m.stop() == 0)


def test_http(tmp):
    server = Json({"load": {"rps": 12.5}, "pods": 3})

    def token(m):
        with open(os.path.join(m.folder, "token"), "w", encoding="utf-8") as f:
            f.write("t0ken\n")
    m = Machine(tmp, "http", f'kind = "http"\nurl = "{server.url}"\nevery_ms = 100\ntimeout_ms = 500\ntoken_file = "token"', [("rps", "load.rps", 1)],
                'sink = "field"\nkey = "pods"\nreadback = "pods"', before=token)
    try:
        check("http: a value", m.sees("rps", 12.5), m.said())
        check("http: the token", server.headers and server.headers[0] == "Bearer t0ken")
        check("http: a POST", wait(lambda: {"pods": 12.5} in server.posts), server.posts[:2])
        check("http: done and read back", m.receipt("done and read back"), m.receipts())
        server.document = {"load": {}}
        check("http: a key that is gone is a fault", m.turns("device fault", "rps"), m.channel("rps"))
        server.document = {"load": {"rps": 5}}
        check("http: a value again", m.sees("rps", 5))
        server.status = 500
        check("http: an error is an outage", m.turns("stale", "rps") and "status 500" in m.said(), m.said())
        check("http: an error may have done it", m.receipt("unknown"), m.receipts())
        server.status = 403
        check("http: a refusal has not", m.receipt("refused", 15), m.receipts())
        server.status, server.raw = 200, b"<html>"
        check("http: no JSON", wait(lambda: m.channel("rps")[1] == "stale"), m.channel("rps"))
        server.raw = None
        check("http: and again", m.sees("rps", 5, seconds=20))
    finally:
        m.stop()
        server.stop()


def test_manifest(tmp):
    def refused(link, key, unit, want, write=""):
        folder = os.path.join(tmp, "refused")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "dam.toml"), "w", encoding="utf-8") as f:
            f.write(f'[machine]\nname = "m"\n[link.field]\n{link}\n[[channel]]\nname = "x"\nunit = "{unit}"\nmin = 0\nmax = 1\nsource = "field"\nkey = "{key}"\n'
                    f'[[actuator]]\nname = "out"\nmin = 0\nmax = 1\nsafe = 0\n{write}\n[mind]\ncode = "SurplusMind"\n')
        run = dam("config", "check", folder)
        check(f"refused: {want}", run.returncode == 8 and want in run.stderr and "dam.toml:" in run.stderr, run.stderr)
    modbus = 'kind = "modbus"\nurl = "tcp://127.0.0.1:1"'
    refused(modbus, "103.W", "kW", "103.W is in W")
    refused(modbus, "holding:1", "KWH", 'did you mean "kWh"?')
    refused(modbus, "714.Prt.0.DCW", "W", "SunSpec point")
    refused('kind = "gpsd"', "lat", "rad", "lat is in deg")
    for kind, key, url, want in (("modbus", "103.W", "http://h", "tcp://HOST:PORT or rtu://"), ("modbus", "103.W", "192.168.1.20:502", "tcp://HOST:PORT or rtu://"),
                                 ("modbus", "103.W", "tcp://h:99999", "tcp://HOST:PORT or rtu://"), ("mqtt", "a", "h", "mqtt://HOST:PORT"), ("http", "a", "h", "begin with http://"),
                                 ("gpsd", "lat", "h:2947", "tcp://HOST:PORT"), ("nmea", "lat", "/dev/ttyUSB0", "serial:///dev/ttyUSB0 or")):
        refused(f'kind = "{kind}"\nurl = "{url}"', key, "", want)
    refused('kind = "mqtt"', "a", "", "mqtt://HOST:PORT")
    refused('kind = "nmea"\nurl = "serial:///dev/null"', "height", "m", "write lat, lon")
    refused('kind = "program"\ncommand = ["x"]', 'a\\"b', "", "path of the value")
    refused('kind = "mqtt"\nurl = "mqtt://h"', "a/+", "", "without +")
    refused('kind = "mqtt"\nurl = "mqtt://h"', "a", "", "=OFF|ON", 'sink = "field"\nkey = "a=on"')
    refused('kind = "gpsd"\nfxi = "2d"', "lat", "deg", "did you mean 'fix'?")


def doctor(folder, *args):
    run = dam("doctor", folder, "--json", *args)
    found = {c["check"]: (c["level"], c["text"]) for c in json.loads(run.stdout)["checks"]}
    return run.returncode, found


def test_doctor(tmp):
    broker = Broker(os.path.join(tmp, "brokerdoctor"))
    m = Machine(tmp, "doctor", f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{broker.port}"\npassword_file = "password"\nuser = "x"', [("x", "x", 0), ("y", "y#a", 0)],
                before=lambda m: open(os.path.join(m.folder, "password"), "w", encoding="utf-8").write("p\n"))
    try:
        broker.publish("x", "5", "-r")
        check("doctor: a running machine keeps its links", wait(lambda: "link field is up" in m.said()) and doctor(m.folder)[1]["links"][0] == "note")
        m.stop()
        code, found = doctor(m.folder, "--wait", "1")
        check("doctor: good", code == 0 and found["link field"] == ("ok", "127.0.0.1; 1 of 2 channels read"), found)
        check("doctor: a silent channel", found.get("channel y", [""])[0] == "warning", found)
        check("doctor: a password that others can read", found["password_file of field"][0] == "warning", found)
        check("doctor: the evidence", found["evidence"][0] == "ok" and "leaves" in found["evidence"][1], found)
        check("doctor: disk and clock", found["disk"][0] in ("ok", "warning") and "clock" in found, found)
        broker.stop()
        code, found = doctor(m.folder, "--wait", "1")
        check("doctor: no broker", code == 3 and found["link field"][0] == "failed", found)
        path = os.path.join(m.folder, "dam.toml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("echo.hex", "nothing.hex") + f'[chain]\nurl = "http://127.0.0.1:{free_port()}"\n')
        code, found = doctor(m.folder, "--wait", "1")
        check("doctor: no chain", code == 3 and found["chain"][0] == "failed", found)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("echo.hex", "nothing.hex"))
        code, found = doctor(m.folder, "--wait", "1")
        check("doctor: no mind", code == 3 and found["mind and charter"][0] == "failed", found)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("period", "peroid"))
        code, found = doctor(m.folder)
        check("doctor: no manifest", code == 3 and found["manifest"][0] == "failed", found)
        check("doctor: no folder", doctor(m.folder + "/none")[0] == 3)
    finally:
        m.stop()
        broker.stop()


def test_watch(tmp):
    broker = Broker(os.path.join(tmp, "brokerwatch"))
    port = free_port()
    m = Machine(tmp, "watch", f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{broker.port}"', [("x", "x", 1)], up=["--api", f"127.0.0.1:{port}"])
    outs = [os.path.join(tmp, f"watch{i}") for i in range(2)]
    watchers = []
    try:
        check("watch: the machine is up", wait(lambda: "link field is up" in m.said()) and wait(lambda: connects(port)), m.said())
        broker.publish("x", "5")
        m.sees("x", 5)
        os.makedirs(os.path.join(m.folder, "sections"))
        with open(os.path.join(m.folder, "sections", "treasury.json"), "w", encoding="utf-8") as f:
            json.dump({"symbol": "tDAM", "decimals": 6, "balance": "12345678", "earned": "7", "spent": "0"}, f)
        for out, args in zip(outs, ([m.folder], ["--api", f"http://127.0.0.1:{port}/"])):
            with open(out, "w", encoding="utf-8") as f:
                watchers.append(subprocess.Popen([DAM, "watch", *args], stdout=f, stderr=f, env=ENV))

        def said(i):
            with open(outs[i], encoding="utf-8") as f:
                return f.read()
        for i, way in enumerate(("folder", "API")):
            broker.publish("x", "7.5")
            check(f"watch by {way}: a decision", wait(lambda: broker.publish("x", "7.5") or "permitted as proposed: out 7.5" in said(i)), said(i))
            check(f"watch by {way}: treasury", "treasury 12.34 tDAM, earned 0.00, spent 0.00" in said(i), said(i))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            metrics = answer.read().decode()
        check("metrics of the field", 'dam_links_up{machine="0"} 1' in metrics and 'dam_dropped_total{machine="0"} 0' in metrics, metrics)
        broker.stop()
        for i, way in enumerate(("folder", "API")):
            check(f"watch by {way}: the outage", wait(lambda: "OUTAGE channel x: stale" in said(i)), said(i))
        told("stop", m.folder)
        for i, way in enumerate(("folder", "API")):
            check(f"watch by {way}: the stop", wait(lambda: "STOP by its operator" in said(i) and "stopped: out 0" in said(i)), said(i))
        m.stop()
        check("watch by folder: its end", wait(lambda: "it does not run" in said(0)), said(0))
        check("watch by API: its end", wait(lambda: "it cannot be reached" in said(1)), said(1))
        for w in watchers:
            w.send_signal(signal.SIGINT)
            check("watch ends on Ctrl-C", w.wait(5) in (-signal.SIGINT, 130))
        run = dam("watch", "--api", f"http://127.0.0.1:{port}")
        check("watch: no API there", run.returncode == 3 and "error:" in run.stderr, run.stderr)
    finally:
        for w in watchers:
            w.kill()
        m.stop()
        broker.stop()


def test_irrigation(tmp):
    broker = Broker(os.path.join(tmp, "brokerfarm"))
    modbus = free_port()
    m = Profile(tmp, "irrigation", {"127.0.0.1:1883": f"127.0.0.1:{broker.port}", "127.0.0.1:1502": f"127.0.0.1:{modbus}"},
                ["--data", os.path.join(ROOT, "profiles", "irrigation", "data", "weather.csv"), "--mqtt-port", str(broker.port), "--modbus-port", str(modbus)],
                3600, {"DAM_MACHINE_WRITE_TIMEOUT": "30m"})
    try:
        check("irrigation: the soil is dry, the valve opens", wait(lambda: (m.channel("last.valve")[0], m.channel("power")[0]) == (1, 45), 20), m.said())
        check("irrigation: done and read back", m.receipt("done and read back"), m.receipts())
        check("irrigation: the valve closes when it is well filled", wait(lambda: (m.channel("soil")[0] or 0) >= 65 and m.channel("last.valve")[0] == 0, 40),
              (m.channel("soil"), m.channel("last.valve")))
        check("irrigation: the tank has given", m.channel("tank")[0] < 80, m.channel("tank"))
        broker.stop()
        check("irrigation: without the probe the valve is closed, and why says so", m.turns("stale", "soil", 20)
              and m.last()["leaf"]["actuators"][0]["permitted"] == 0 and {"link": "house"}.items() <= m.last()["outages"][0].items(), m.last())
    finally:
        check("irrigation: ends in order", m.stop() == 0)
        broker.stop()
    check("irrigation: replays", m.replays())


def test_rover(tmp):
    port = free_port()
    m = Profile(tmp, "rover", {"tcp://127.0.0.1:2947": f"tcp://127.0.0.1:{port}", '"--gpsd-port", "2947"': f'"--gpsd-port", "{port}", "--speed", "5"'},
                None, 5, {"DAM_MACHINE_WRITE_TIMEOUT": "10s", "DAM_MACHINE_PERIOD": "500ms"})
    try:
        check("rover: it drives north", wait(lambda: (m.channel("last.north")[0] or 0) > 0.5, 20), m.said())
        check("rover: it is where it should be", wait(lambda: (m.channel("lat")[0] or 0) > 48.1172, 20), m.channel("lat"))
        check("rover: it turns east", wait(lambda: (m.channel("last.east")[0] or 0) > 0.5, 30), (m.channel("lat"), m.channel("last.east")))
        check("rover: it stays inside its fences", 48.1165 < m.channel("lat")[0] < 48.1178)
        told("stop", m.folder)
        check("rover: the operator's stop", wait(lambda: (m.channel("last.north")[0], m.channel("last.east")[0]) == (0, 0)), m.last().get("leaf"))
    finally:
        check("rover: ends in order", m.stop() == 0, m.said())
    check("rover: replays", m.replays())


def test_cloud_agent(tmp):
    port = free_port()
    m = Profile(tmp, "cloud-agent", {"127.0.0.1:8081": f"127.0.0.1:{port}", "every_ms = 1000": "every_ms = 50"}, ["--http-port", str(port)], 300,
                {"DAM_MACHINE_WRITE_TIMEOUT": "5m"})
    try:
        check("cloud-agent: pods follow the load", wait(lambda: (m.channel("last.pods")[0] or 0) >= 8 and (m.channel("ready")[0] or 0) >= 8, 90), m.said())
        check("cloud-agent: enough of them answer", wait(lambda: 0.5 < (m.channel("load")[0] or 0) < 1.0), m.channel("load"))
        check("cloud-agent: done and read back", m.receipt("done and read back"), m.receipts())
        m.plant.kill()
        check("cloud-agent: blind, it does not shrink below four", m.turns("stale", "rps", 30) and m.last()["leaf"]["actuators"][0]["permitted"] >= 4)
    finally:
        check("cloud-agent: ends in order", m.stop() == 0)
    check("cloud-agent: replays", m.replays())


def alone(name):
    """One test in a process of its own. Returns what it printed."""
    run = subprocess.run([sys.executable, os.path.abspath(__file__), name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600)
    *lines, last = run.stdout.strip().split("\n")
    words = last.split()
    if len(words) != 4 or words[1::2] != ["passed,", "failed"]:
        return [f"FAILED: {name} did not end: {run.stdout[-2000:]}"], 0, 1
    return lines, int(words[0]), int(words[2])


def main():
    tests = {n[5:]: f for n, f in globals().items() if n.startswith("test_") and f.__code__.co_varnames[:f.__code__.co_argcount] == ("tmp",)}
    lacking = missing("mosquitto", "mosquitto_pub", "openssl")
    names = []
    for name in sys.argv[1:] or tests:
        if name in ("mqtt", "mqtt_outages", "mqtt_logins", "homeassistant", "doctor", "watch", "irrigation") and lacking:
            print(f"skipped: {name}: no {', '.join(lacking)}")
        else:
            names.append(name)
    if len(names) == 1:
        with tempfile.TemporaryDirectory() as tmp:
            os.chmod(tmp, 0o755)  # for a broker that runs as another user
            tests[names[0]](tmp)
    else:  # they wait more than they work
        with ThreadPoolExecutor(4) as pool:
            for lines, passed, failed in pool.map(alone, names):
                print("\n".join(lines) + "\n" if lines else "", end="")
                results["passed"] += passed
                results["failed"] += failed
    return summary()


if __name__ == "__main__":
    sys.exit(main())
