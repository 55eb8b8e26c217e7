#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine whose chain goes away for days ($DAM_OUTAGE_DAYS), forgets 64 blocks, and at last breaks its word: `dam up`, its signer and
our ledger behind a node that calls a block final when 64 stand on it. Nothing is acted on that can still go; what was recorded meanwhile
is anchored in order.

Needs build/dam (or $DAM) and build/contracts (or $DAM_CONTRACTS). Ends with "N passed, N failed".
"""
import http.server
import json
import os
import re
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position,wrong-import-order
from harness import check, summary, told
from machine_site import world
from on_chain import catch_up, enact, make_site
from chain import Rpc, keccak  # demo/chain.py
from village import INTERVAL, vote

FINAL = 64
DAYS = int(os.environ.get("DAM_OUTAGE_DAYS", "7"))


class Node(threading.Thread):
    """A JSON-RPC endpoint in front of the ledger: its "finalized" is 64 blocks behind, it can be away, and it can keep transactions back."""

    def __init__(self, url):
        self.url, self.away, self.holds, self.rpc = url, False, False, Rpc(url)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if outer.away:
                    self.close_connection = True
                    self.connection.close()
                    return
                if "finalized" in body.get("params", []):
                    body["params"] = [hex(outer.final()) if p == "finalized" else p for p in body["params"]]
                if outer.holds and body["method"] == "eth_sendRawTransaction":
                    sent = "0x" + keccak(bytes.fromhex(body["params"][0][2:])).hex()
                    text = json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": sent}).encode()
                else:
                    request = urllib.request.Request(outer.url, json.dumps(body).encode(), {"Content-Type": "application/json"})
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        text = answer.read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # a connection that was cut on purpose

        self.server = Server(("127.0.0.1", 0), Handler)
        super().__init__(target=self.server.serve_forever, daemon=True)
        self.start()

    def final(self):
        return max(int(self.rpc.call("eth_blockNumber"), 16) - FINAL, 0)

    @property
    def front(self):
        return f"http://127.0.0.1:{self.server.server_port}"


class Story:
    def __init__(self, site, v, ledger):
        self.site, self.v, self.ledger = site, v, ledger
        self.node = Node(ledger.url)
        with open(os.path.join(site.folder, "dam.toml"), encoding="utf-8") as f:
            self.text = f.read().replace(ledger.url, self.node.front)

    def manifest(self, anchor):
        text = self.text
        for old, new in (("anchor = { leaves = 8 }", f"anchor = {anchor}"), ('watch = "30d"\ndenials_count = 3', 'watch = "1h"\nerrors = 1000'),
                         ('name = "offer"\nunit = "Wh"\n', 'name = "offer"\nunit = "Wh"\nworth = "tariff"\nworth_factor = 0.001\n')):
            assert old in text, old
            text = text.replace(old, new)
        self.site.write("dam.toml", text)

    def blocks(self, count):
        for _ in range(count):
            self.v.chain.mine()

    def settle(self):
        """What is on the chain now becomes final, and the machine has looked."""
        self.blocks(FINAL + 1)
        catch_up(self.site, self.v)
        self.site.turn()

    def reorg(self, depth):
        self.v.chain.rpc.call("anvil_reorg", depth, [])
        self.v.chain.nonces.clear()
        self.v.chain.now = int(self.v.chain.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def anchored(self):
        return self.v.evidence.read("headOf", self.v.id)["size"]

    def anchors(self):
        """Sizes anchored on the chain as it is now, in the order of its blocks."""
        topic = "0x" + keccak(b"Anchored(uint256,uint64,bytes32,uint64)").hex()
        logs = self.v.chain.rpc.call("eth_getLogs", {"address": self.v.evidence.address, "fromBlock": "0x0", "toBlock": "latest", "topics": [topic]})
        return [int(log["topics"][2], 16) for log in logs]

    def durable(self):
        return json.loads(self.site.get("/api/state"))["evidence"]["durable"]

    def gap(self, first, end):
        """What `dam why` says of the first gap among these leaves."""
        for seq in range(first, end):
            if json.loads(told("why", str(seq), self.site.folder, "--json"))["leaf"]["kind"] == "gap":
                return told("why", str(seq), self.site.folder).split("\n\n")[0] + "\n"
        return ""

    # ---- the tests ----------------------------------------------------------------------------------------------------------------------

    def rules(self):
        """Anchors by age and by money at stake."""
        self.manifest('{ every = "2h" }')
        self.blocks(FINAL + 1)
        catch_up(self.site, self.v)
        self.site.up()
        self.site.turn(7)
        check("every: nothing is old enough yet", self.anchored() == 0, self.anchored())
        self.site.turn(4)
        check("every: the oldest leaf is two hours old", self.anchored() > 0, (self.anchored(), self.site.said()))
        self.settle()  # the anchor is final: the next may follow
        before = self.anchored()
        self.site.turn(10)
        check("every: and again", self.anchored() > before and len(self.anchors()) <= 4, (self.anchors(), self.site.said()))
        self.site.down()
        self.manifest("{ value = 5 }")
        self.settle_down()
        self.site.up()
        self.site.turn(2)
        before, offer = self.anchored(), self.site.last()["actuators"][1]["permitted"]
        check("value: there is money at stake", offer > 1000, self.site.last())
        turns = int(5 / (offer * 0.3 * 0.001 / 4)) + 1
        self.site.turn(turns + 2)
        check("value: enough of it is anchored", self.anchored() > before, (turns, self.anchored(), before, self.site.said()))
        self.settle()
        before = self.anchored()
        self.node.holds = True
        self.site.turn(4 * turns)
        check("value: an anchor is sent, and no block has it", self.anchored() == before, self.anchored())
        self.node.holds = False
        self.site.turn(2)
        late = self.anchored()
        check("value: then one has it", late > before, (late, self.site.said()[-1500:]))
        self.settle()
        self.site.turn(3)
        check("value: what was decided while it was on its way is at stake still", self.anchored() > late, (self.anchored(), self.site.said()[-1500:]))
        self.settle()
        before = self.anchored()
        self.site.turn(turns // 2)
        self.site.down()
        self.site.up()
        self.site.turn(2)
        check("value: a start alone anchors nothing", self.anchored() == before, (before, self.anchored()))
        self.site.turn(turns // 2 + 1)
        check("value: what was at stake before a restart is so after it", self.anchored() > before, (before, self.site.said()[-1500:]))
        self.settle()
        self.site.down()

    def settle_down(self):
        self.blocks(FINAL + 1)
        self.site.now = max(self.site.now, (self.v.chain.now // INTERVAL + 1) * INTERVAL)

    def away(self):
        """The chain is away for days of the machine's time."""
        self.manifest("{ leaves = 8 }")
        self.settle_down()
        self.site.up()
        self.site.turn(2)
        self.settle()
        before, sizes, leaves = self.anchored(), self.anchors(), self.durable()
        self.node.away = True
        for _ in range(DAYS):
            self.site.pass_time(86_400)
        away = self.durable()
        check("days of leaves without a chain", away - leaves >= DAYS * 96, (leaves, away))
        check("why tells since when", self.gap(leaves, leaves + 20).endswith("the chain is away: what is anchored, paid and learned waits for it\n"))
        check("it is told once, not once a turn", 1 <= self.site.said().count("connecting") + self.site.said().count("the chain:") < 20, self.site.said()[-2000:])
        check("nothing was anchored meanwhile", self.anchored() == before)
        self.node.away = False
        self.v.chain.mine(self.site.now)
        self.site.turn(3)
        check("it catches up in one anchor", self.anchored() >= away, (self.anchored(), away, self.site.said()[-2000:]))
        check("why tells when it was back", re.search(r"the chain is back after (\d+) s: no turn is missing\n$", self.gap(away, self.durable())))
        after = self.anchors()
        check("in order of sequence", after[:len(sizes)] == sizes and after == sorted(set(after)), after)
        found = json.loads(told("verify", self.site.url, "--rpc", self.ledger.url, "--json"))
        check("an outsider verifies those days", found["good"] and found["anchors"] == len(after), found)
        self.settle()

    def forgets(self):
        """64 blocks with an anchor and a new law in them are replaced by others without."""
        v, site = self.v, self.site
        epoch = site.last()["epoch"]
        enact(v, "PeakMind")
        v.chain.mine(max(v.chain.now, v.constitution.read("proposed", v.id)[1]) + 1)
        self.settle()
        self.settle()  # the anchor that this sent is final too
        first, leaves, sizes = self.anchored(), self.durable(), self.anchors()
        v.constitution.send(v.key(0), "enact", v.id)
        enacted = int(v.chain.rpc.call("eth_blockNumber"), 16)
        catch_up(site, v)
        while self.anchored() == first:
            site.turn()
        while self.node.final() < enacted - 1:
            v.chain.mine()
        depth = int(v.chain.rpc.call("eth_blockNumber"), 16) - enacted + 1
        catch_up(site, v)
        site.pass_time(INTERVAL)
        check("what can still go is not acted on", depth == FINAL and site.last()["epoch"] == epoch, (depth, site.last()["epoch"]))
        check("but an anchor is sent", self.anchored() > first)
        self.reorg(depth)
        check("the chain has forgotten both", self.anchored() == first and v.constitution.read("epochOf", v.id) == epoch, self.anchored())
        site.turn(2)
        check("the same anchor is sent again", self.anchored() > first, (self.anchored(), site.said()[-1500:]))
        self.settle()
        check("no law that never was", site.last()["epoch"] == epoch)
        after = self.anchors()
        check("no anchor twice, none lost, in order", after[:len(sizes)] == sizes and after == sorted(set(after)) and after[-1] > sizes[-1], (sizes, after))
        check("no leaf lost", self.durable() > leaves)
        v.constitution.send(v.key(0), "enact", v.id)
        self.settle()
        check("what stays is acted on", site.last()["epoch"] == epoch + 1, (site.last()["epoch"], site.said()[-1500:]))

    def breaks_its_word(self):
        """Deeper than what was final: nobody can act on such a chain."""
        v, site = self.v, self.site
        epoch = site.last()["epoch"]
        self.reorg(FINAL + 40)
        self.blocks(2)
        catch_up(site, v)
        site.turn()
        site.turn()
        check("a chain that broke its word: a person must look", "a person must look" in site.said().strip().split("\n")[-1], site.said()[-1500:])
        vote(v, "Stop the site", [(v.constitution, "stop", v.id)])
        self.settle()
        check("and nothing more is taken from it", site.last()["outcome"] != 7 and site.last()["epoch"] == epoch, site.last())
        site.down()
        check("it ends well", site.process.returncode == 0)
        site.up()
        check("a person's start looks afresh", site.last()["epoch"] >= 1)
        self.settle()
        check("and then the stop holds", site.last()["outcome"] == 7, site.said()[-1500:])
        site.down()
        verify = json.loads(told("verify", site.folder, "--json"))
        replay = json.loads(told("replay", "all", site.folder, "--json"))
        check("the log of it all is whole, and every decision runs again",
              verify["good"] and replay["different"] == 0 and replay["foreign"] == 0, (verify, replay))


def play(site, v, ledger):
    story = Story(site, v, ledger)
    story.rules()
    story.away()
    story.forgets()
    story.breaks_its_word()


if __name__ == "__main__":
    world(play, make_site, keep="--keep" in sys.argv)
    sys.exit(summary())
