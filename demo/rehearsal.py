# SPDX-License-Identifier: Apache-2.0
"""A mind lives the recorded days again before the vote: its bytecode on the ledger decides, under the charter, on a fresh simulated plant."""
import socket
import struct

from village import INTERVAL, SAFE
from world import Plant


class Rehearsal:
    def __init__(self, v, dam, folder, data, epoch, slots):
        self.v, self.dam, self.folder, self.data, self.epoch, self.slots = v, dam, folder, data, epoch, slots

    def decide(self, mind, now, truth, memory, last):
        """What mind and charter give. Returns (memory, action)."""
        values = [now, truth["pv_w"] // 10 * 10, truth["soc_centipct"], *truth["house_w"], truth["price_millicent_kwh"]]
        observation = b"".join(struct.pack(">qIBBBB", x, 0, 0, 0, 0, 0) for x in (*values, 0, *(last or SAFE)))
        memory_, proposal = self.v.chain.at("IMind", mind).read("decide", memory, observation)
        action, _ = self.v.chain.at("ICharter", self.v.charter).read("review", memory, observation, proposal)
        return bytes.fromhex(memory_[2:]), struct.unpack(">5q", bytes.fromhex(action[2:]))

    def live(self, mind):
        """What the village's use of the site would have been worth at the tariff, in token units."""
        plant = Plant(self.dam, self.folder, self.data, self.epoch, None, name="rehearsal")
        memory, last, worth, tariffs = b"", None, 0, 0
        try:
            with socket.create_connection(("127.0.0.1", plant.port)) as modbus:
                for k in range(self.slots):
                    truth = plant.truth
                    memory, last = self.decide(mind, self.epoch + k * INTERVAL, truth, memory, last)
                    modbus.sendall(struct.pack(">HHHBBHH", 1, 0, 6, 1, 6, 40134, last[0] & 0xFFFF))  # SunSpec 124.OutWRte
                    assert len(modbus.recv(64)) == 12
                    before = truth
                    truth = plant.tell(f"step {INTERVAL}")
                    used_w = min(max(before["pv_w"] + truth["battery_w"], 0), sum(before["house_w"]))
                    worth += used_w * INTERVAL // 3600 * before["price_millicent_kwh"] // 100
                    tariffs += before["price_millicent_kwh"]
                # What is left in the battery is worth the mean tariff, so that emptying it at the end gains nothing.
                worth += truth["soc_centipct"] * 4 * 95 // 100 * tariffs // self.slots // 100
        finally:
            plant.stop()
        return worth
