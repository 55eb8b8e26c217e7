# SPDX-License-Identifier: Apache-2.0
"""Sensor data for money over HTTP: x402, version 2, scheme `exact` on EVM (ERC-3009), seller and buyer.

The seller is a skill of the site, its own facilitator: it judges an authorisation by asking the ledger what would happen, has the
machine's account carry it out, and gives the data only when the payment is in a block. The buyer needs nothing but HTTP and a key.
"""
import http.client
import json

from chain import RpcError
from skills import pack, problem, unpack
from village import X402

TYPE = "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
TRANSFER = X402


class Seller:
    """data(path) gives what is sold, or None where there is nothing. carry(name, calls): the site's account makes calls (errands)."""

    def __init__(self, v, price, data, carry):
        self.v, self.price, self.data, self.carry = v, price, data, carry
        self.sold = []  # (nonce, amount, transaction)

    def requirements(self, path):
        v = self.v
        return dict(scheme="exact", network=f"eip155:{v.chain.id}", amount=str(self.price), asset=v.token.address, payTo=v.account.address,
                    maxTimeoutSeconds=600, extra=dict(name="DAM Test Token", version="1"))

    def handle(self, request):
        data = self.data(request.path)
        if data is None:
            return problem(request, 404, "for sale are: /meter, /weather")
        wanted = dict(x402Version=2, resource=dict(url=f"/api/skills/data{request.path}", description="the site's readings", mimeType="application/json"),
                      accepts=[self.requirements(request.path)])
        paid = request.headers.get("PAYMENT-SIGNATURE")
        if not paid:
            return request.answer(402, wanted | dict(error="payment is required"), {"PAYMENT-REQUIRED": pack(wanted)})
        try:
            self.take(unpack(paid), request, data)
        except (KeyError, TypeError, ValueError, RpcError) as error:
            request.answer(402, wanted | dict(error=str(error)), {"PAYMENT-REQUIRED": pack(wanted)})

    def take(self, payment, request, data):
        v, accepted, terms = self.v, payment["accepted"], self.requirements(request.path)
        a, signature = payment["payload"]["authorization"], payment["payload"]["signature"]
        if any(str(accepted[key]).lower() != str(terms[key]).lower() for key in ("scheme", "network", "amount", "asset", "payTo")):
            raise ValueError("these are not the terms that were offered")
        if a["to"].lower() != v.account.address or int(a["value"]) != self.price:
            raise ValueError("the authorisation pays somebody else or another amount")
        if not int(a["validAfter"]) < v.chain.now < int(a["validBefore"]) - 30:
            raise ValueError("the authorisation is not valid now, or not for long enough")
        args = (TRANSFER, a["from"], a["to"], int(a["value"]), int(a["validAfter"]), int(a["validBefore"]), a["nonce"], signature)
        v.token.read(*args, sender=v.account.address)  # the ledger's word: signature, nonce and balance are good
        receipt = self.carry("x402-" + a["nonce"][2:18], [(v.token, *args)])
        self.sold.append((a["nonce"], self.price, receipt["transactionHash"]))
        response = dict(success=True, transaction=receipt["transactionHash"], network=terms["network"], payer=a["from"])
        request.answer(200, data, {"PAYMENT-RESPONSE": pack(response)})


def get(port, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, json.loads(body)


def buy(v, key, port, path, salt):
    """Ask, be told the price, sign, ask again. Returns (what was bought, the settlement)."""
    status, headers, _ = get(port, path)
    if status != 402:
        raise ValueError(f"{path} answers {status}, not 402")
    offer = unpack(headers["PAYMENT-REQUIRED"])
    terms = next(t for t in offer["accepts"] if t["scheme"] == "exact" and t["network"] == f"eip155:{v.chain.id}")
    a = {"from": key.address, "to": terms["payTo"], "value": terms["amount"], "validAfter": "0",
         "validBefore": str(v.chain.now + terms["maxTimeoutSeconds"]), "nonce": "0x" + salt.hex()}
    domain = dict(terms["extra"], chainId=v.chain.id, verifyingContract=terms["asset"])
    payment = dict(x402Version=2, resource=offer["resource"], accepted=terms,
                   payload=dict(signature=key.sign_typed(domain, TYPE, a), authorization=a))
    status, headers, body = get(port, path, {"PAYMENT-SIGNATURE": pack(payment)})
    if status != 200:
        raise ValueError(f"the payment was not taken: {body.get('error') or body.get('detail')}")
    return body, unpack(headers["PAYMENT-RESPONSE"]), payment
