// SPDX-License-Identifier: Apache-2.0
// Numbers for people. Amounts come as decimal strings of integers with their decimals: they never become a float before
// they are rounded for the eye.

/** "1234567", 3 decimals, 1 digit shown -> "1,234.6". */
export function decimal(text, decimals = 0, digits = decimals) {
  if (text === null || text === undefined) return "–";
  let value = BigInt(text);
  const negative = value < 0n;
  if (negative) value = -value;
  if (digits < decimals) {
    const unit = 10n ** BigInt(decimals - digits);
    value = (value + unit / 2n) / unit;
    decimals = digits;
  }
  const scale = 10n ** BigInt(decimals);
  const whole = (value / scale).toLocaleString();
  const fraction = decimals > 0 ? "." + (value % scale).toString().padStart(decimals, "0") : "";
  return (negative && value !== 0n ? "−" : "") + whole + fraction;
}

const SI = { W: "kW", Wh: "kWh" };

/** A channel's value with its unit; watts above a thousand as kilowatts. */
export function withUnit({ value, decimals = 0, unit = "" }) {
  if (value === null || value === undefined) return "–";
  const number = Number(value) / 10 ** decimals;
  if (SI[unit] && Math.abs(number) >= 1000) return `${(number / 1000).toFixed(2)} ${SI[unit]}`;
  return `${decimal(String(value), decimals, Math.min(decimals, 3))} ${unit}`.trim();
}

const when = (seconds, options) => (seconds ? new Date(seconds * 1000).toLocaleString([], options) : "–");

/** Unix seconds as local date and time. */
export const time = (seconds) => when(seconds, { dateStyle: "medium", timeStyle: "short" });
/** "Mon 14:15", for lists whose days are near. */
export const clock = (seconds) => when(seconds, { weekday: "short", hour: "2-digit", minute: "2-digit" });
/** A day of Unix time, which begins at midnight UTC. */
export const day = (seconds) => when(seconds, { dateStyle: "medium", timeZone: "UTC" });

/** "2026-03" -> "March 2026". */
export const month = (text) => new Date(`${text}-01T00:00Z`).toLocaleDateString([], { month: "long", year: "numeric", timeZone: "UTC" });

/** "in 3 min", "2 h ago". now and at are Unix seconds of the machine's clock. */
export function relative(at, now) {
  const delta = at - now;
  const size = Math.abs(delta);
  const [count, unit] = size < 90 ? [size, "s"] : size < 5400 ? [size / 60, "min"]
    : size < 129600 ? [size / 3600, "h"] : [size / 86400, "days"];
  if (size < 1) return "now";
  const text = `${Math.round(count)} ${unit}`;
  return delta >= 0 ? `in ${text}` : `${text} ago`;
}

export const short = (hex) => (hex && hex.length > 14 ? `${hex.slice(0, 8)}…${hex.slice(-4)}` : hex || "–");

export const OUTCOMES = ["as proposed", "changed by the charter", "mind out of gas", "mind failed", "mind's answer malformed",
  "charter failed", "vital channel lost", "stopped", "changed by the hard guard"];
export const QUALITIES = ["good", "stale", "missing", "out of range", "device fault"];
export const MISSING = 2;
