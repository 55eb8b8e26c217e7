# SPDX-License-Identifier: Apache-2.0
"""What Home Assistant accepts as the MQTT discovery of a sensor, from its documentation and its own schemas (home-assistant.io/integrations/mqtt and
sensor.mqtt; components/mqtt/sensor.py, mixins.py and discovery.py, components/sensor/const.py): keys, which of them are needed, and what their
values may be. It drops an entity with a wrong value and does not tell the publisher."""
import re

TOPIC = re.compile(r"homeassistant/sensor/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")


def is_text(value):
    return isinstance(value, str) and value != ""


def is_topic(value):  # one to subscribe to, without wildcards
    return is_text(value) and len(value.encode()) <= 65535 and not re.search(r"[+#\x00]", value)


def is_template(value):
    return is_text(value) and value.count("{{") == value.count("}}") > 0


def is_entity(value):
    return is_text(value) and re.fullmatch(r"sensor\.[a-zA-Z0-9_-]+", value)


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_icon(value):
    return is_text(value) and re.fullmatch(r"[a-z]+:[a-z0-9-]+", value)


def is_texts(value):
    return is_text(value) or (isinstance(value, list) and value and all(is_text(v) for v in value))


SENSOR = {
    "availability_topic": is_topic, "payload_available": is_text, "payload_not_available": is_text, "name": is_text, "unique_id": is_text,
    "object_id": is_text, "default_entity_id": is_entity, "state_topic": is_topic, "value_template": is_template, "unit_of_measurement": is_text,
    "device_class": is_text, "state_class": lambda v: v in ("measurement", "total", "total_increasing"), "suggested_display_precision": is_count,
    "expire_after": is_count, "force_update": lambda v: isinstance(v, bool), "icon": is_icon, "qos": lambda v: v in (0, 1, 2),
    "device": lambda v: isinstance(v, dict), "origin": lambda v: isinstance(v, dict),
}
DEVICE = {"identifiers": is_texts, "name": is_text, "manufacturer": is_text, "model": is_text, "sw_version": is_text, "hw_version": is_text,
          "via_device": is_text, "configuration_url": is_text}
ORIGIN = {"name": is_text, "sw": is_text, "sw_version": is_text, "url": is_text, "support_url": is_text}
# Units by class, and the state classes that a class allows beside "measurement".
UNITS = {
    "apparent_power": {"VA"}, "current": {"A", "mA"}, "distance": {"km", "m", "cm", "mm"}, "energy": {"Wh", "kWh", "MWh"},
    "energy_storage": {"Wh", "kWh", "MWh"}, "frequency": {"Hz", "kHz", "MHz", "GHz"}, "power": {"W", "kW"}, "pressure": {"Pa", "hPa", "kPa", "bar", "mbar"},
    "speed": {"m/s", "km/h"}, "temperature": {"°C", "°F", "K"}, "voltage": {"V", "mV"},
}
NOT_MEASUREMENT = {"energy"}


def wrong(topic, config):
    """Everything that is wrong with one topic and its payload."""
    found = [] if TOPIC.fullmatch(topic) else [f"the topic {topic}"]
    for where, rules, value in (("", SENSOR, config), ("device.", DEVICE, config.get("device", {})), ("origin.", ORIGIN, config.get("origin", {}))):
        found += [f"{where}{key} is unknown" for key in value if key not in rules]
        found += [f"{where}{key} = {v!r}" for key, v in value.items() if key in rules and not rules[key](v)]
    found += [f"{key} is missing" for key in ("state_topic", "unique_id", "device", "origin") if key not in config]
    found += ["the device has no identifier"] if "device" in config and "identifiers" not in config["device"] else []
    found += ["the origin has no name"] if "origin" in config and "name" not in config["origin"] else []
    # Versions before 2025.10 read object_id only, from 2026.4 on default_entity_id only.
    found += ["its entity has two ids"] if config.get("default_entity_id") != f"sensor.{config.get('object_id')}" else []
    kind, unit = config.get("device_class"), config.get("unit_of_measurement")
    if kind is not None and unit not in UNITS.get(kind, ()):
        found.append(f"no {kind} is in {unit}")
    if kind in NOT_MEASUREMENT and config.get("state_class") == "measurement":
        found.append(f"{kind} is no measurement")
    return found
