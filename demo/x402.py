# SPDX-License-Identifier: Apache-2.0
"""Buys what the site sells over HTTP: x402, version 2, scheme `exact` on EVM (ERC-3009). The seller is the site itself (docs/x402.md);
the buyer needs nothing but HTTP and a key."""
import http.client
import json
import secrets

from skills import pack, unpack

TYPE = "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"


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
    only_we_know = dict(offer["extensions"]["payment-identifier"], info={"required": False, "id": secrets.token_hex(16)})
    payment = dict(x402Version=2, resource=offer["resource"], accepted=terms, extensions={"payment-identifier": only_we_know},
                   payload=dict(signature=key.sign_typed(domain, TYPE, a), authorization=a))
    status, headers, body = get(port, path, {"PAYMENT-SIGNATURE": pack(payment)})
    if status != 200:
        raise ValueError(f"the payment was not taken: {body.get('error') or body.get('detail')}")
    return body, unpack(headers["PAYMENT-RESPONSE"]), payment
