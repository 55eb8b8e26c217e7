#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A SunSpec device by pymodbus: usage: sunspec_device.py tcp:PORT | rtu:DEVICE [UNIT...]

Models 1, 103, 124, 701, 704, 713 and 714 with two ports, base 40000, unit 1 or the units told, all others silent. Lines on standard
input: `set MODEL.OFFSET VALUE [UNIT]`, `get MODEL.OFFSET [UNIT]`, answered by a line.
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


def image():
    parts = [[0x5375, 0x6E53],
             model(1, 66, {}),
             model(103, 50, {12: 1234, 13: 1, 22: [0, 50000], 24: 0}),
             model(124, 24, {0: 15000, 16: 0, 6: 4321, 20: -2, 10: 0, 23: -2}),
             model(701, 153, {8: -1500, 13: 0xFFFF, 114: 0, 15: [0, 50012], 113: -3, 17: [0, 0, 1, 0], 118: 0, 34: 305, 120: -1}),
             model(704, 65, {26: 0, 54: -1}),
             model(713, 7, {0: 200, 2: 655, 5: 2, 6: -1}),
             model(714, 68, {2: 2, 13: -1, 14: -1, 15: 1, 28: 52, 30: 70, 28 + 25: 11, 30 + 25: 9}),
             [0xFFFF, 0]]
    registers, starts = [], {}
    for part in parts:
        if part[0] < 0x5000:
            starts[part[0]] = BASE + len(registers) + 2
        registers += part
    return registers, starts


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
    slaves = {int(unit): ModbusSlaveContext(hr=ModbusSequentialDataBlock(BASE, list(registers)), zero_mode=True) for unit in sys.argv[2:] or [1]}
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
