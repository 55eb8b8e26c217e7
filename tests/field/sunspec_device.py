#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A SunSpec device by pymodbus: usage: sunspec_device.py tcp:PORT | rtu:DEVICE [UNIT...]

Models 1, 103, 124, 701, 704, 705 with three curves of four points, 707 with two of three, 712 with one of four, 713, and 714 with two ports; base
40000; unit 1 or the units told, all others silent. Of model 705 a curve is adopted a moment after it is asked for, unless its volts fall; about the
third the device never says how it went. Lines on standard input: `set MODEL.OFFSET VALUE [UNIT]`, `get MODEL.OFFSET [UNIT]`, answered by a line.
"""
import asyncio
import sys
import threading

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartAsyncSerialServer, StartAsyncTcpServer

BASE = 40000
NA16 = 0x8000


def model(number, length, values):
    registers = [NA16] * length
    for offset, value in values.items():
        for k, v in enumerate(value if isinstance(value, list) else [value]):
            registers[offset + k] = v & 0xFFFF
    return [number, length, *registers]


def curves(number, head, first, later):
    """A model of curves: the points before them, the curve that runs, which is read-only, and those to write."""
    body = [*head, *first, *(register for curve in later for register in curve)]
    return [number, len(body), *body]


def volt_var(read_only, volts, vars_):
    points = [register for pair in zip(volts, vars_) for register in pair]
    return [4, 1, 2, 100, NA16, 0, 0, 0, 50, read_only, *(p & 0xFFFF for p in points)]


def trip(read_only, volts):
    return [read_only, *(register for zone in range(3) for register in (3, *(r for v in volts for r in (v + zone, 0, 160 + zone))))]


def image():
    volt_vars = [volt_var(1, (92, 98, 102, 108), (44, 0, 0, -44)), *[volt_var(0, (0, 0, 0, 0), (0, 0, 0, 0))] * 2]
    parts = [[0x5375, 0x6E53],
             model(1, 66, {}),
             model(103, 50, {12: 1234, 13: 1, 22: [0, 50000], 24: 0}),
             model(124, 24, {0: 15000, 16: 0, 6: 4321, 20: -2, 10: 0, 23: -2}),
             model(701, 153, {8: -1500, 13: 0xFFFF, 114: 0, 15: [0, 50012], 113: -3, 17: [0, 0, 1, 0], 118: 0, 34: 305, 120: -1}),
             model(704, 65, {26: 0, 54: -1}),
             curves(705, [0, 0, 1, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0xFFFF], volt_vars[0], volt_vars[1:]),
             curves(707, [1, 0, 1, 3, 2, 0, 0xFFFE], trip(1, (50, 70, 88)), [trip(0, (45, 65, 80))]),
             curves(712, [0, 0, 1, 4, 1, 0, 0, 0, 0, 0, 0, 0], [4, 1, 2, 1, 10, 0, 20, 5, 50, 10, 100, (-20) & 0xFFFF], []),
             model(713, 7, {0: 200, 2: 655, 5: 2, 6: -1}),
             model(714, 68, {2: 2, 13: -1, 14: -1, 15: 1, 28: 52, 30: 70, 28 + 25: 11, 30 + 25: 9}),
             [0xFFFF, 0]]
    registers, starts = [], {}
    for part in parts:
        if part[0] < 0x5000:
            starts[part[0]] = BASE + len(registers) + 2
        registers += part
    return registers, starts


class Registers(ModbusSequentialDataBlock):
    """What the device does when model 705's AdptCrvReq is written."""
    CURVE = 18
    model705 = 0

    def setValues(self, address, values):
        super().setValues(address, values)
        if address <= self.model705 + 1 < address + len(values):
            super().setValues(self.model705 + 2, [0])
            if values[0] != 3:
                asyncio.get_running_loop().call_later(0.1, self.adopt, values[0])

    def adopt(self, index):
        start = self.model705 + 13
        curve = self.getValues(start + (index - 1) * self.CURVE, self.CURVE)
        good = curve[10::2] == sorted(curve[10::2])  # volts may not fall
        if good:
            super().setValues(start, curve[:9] + [1] + curve[10:])
        super().setValues(self.model705 + 2, [1 if good else 2])


def commands(context, starts):
    for line in sys.stdin:
        words = line.split()
        number, offset = words[1].split(".")
        address = starts[int(number)] + int(offset)
        arguments = 3 if words[0] == "set" else 2
        device = context[int(words[arguments]) if len(words) > arguments else 1]
        if words[0] == "set":
            device.setValues(3, address, [int(words[2]) & 0xFFFF])
        print(device.getValues(3, address, 1)[0], flush=True)


async def main():
    registers, starts = image()
    # pymodbus counts addresses from 1 unless told
    Registers.model705 = starts[705]
    slaves = {int(unit): ModbusSlaveContext(hr=Registers(BASE, list(registers)), zero_mode=True) for unit in sys.argv[2:] or [1]}
    context = ModbusServerContext(slaves=slaves, single=False)
    threading.Thread(target=commands, args=(context, starts), daemon=True).start()
    kind, where = sys.argv[1].split(":", 1)

    async def ready():
        await asyncio.sleep(0.3)
        print("ready", flush=True)
    asyncio.get_running_loop().create_task(ready())
    if kind == "tcp":
        await StartAsyncTcpServer(context=context, address=("127.0.0.1", int(where)), ignore_missing_slaves=True)
    else:
        from pymodbus.transaction import ModbusRtuFramer
        await StartAsyncSerialServer(context=context, framer=ModbusRtuFramer, port=where, baudrate=9600, timeout=0.1, ignore_missing_slaves=True)


asyncio.run(main())
