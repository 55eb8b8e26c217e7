// SPDX-License-Identifier: Apache-2.0
// Governance: what each proposal would do, in words; how the vote stands; voting by a wallet or, in the demo, a local member.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { get, post } from "./api.js";
import { decimal, relative } from "./format.js";
import { send, watchWallets } from "./wallet.js";

const SUPPORT = [["For", 1], ["Against", 0], ["Abstain", 2]];

function Bar({ proposal }) {
  const all = BigInt(proposal.supply || "1");
  const percent = (votes) => Number((BigInt(votes) * 1000n) / all) / 10;
  const words = `for ${percent(proposal.for)} %, against ${percent(proposal.against)} %, quorum at ${percent(proposal.quorum)} %`;
  return html`<div class="bar" role="img" aria-label=${words}>
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect width="100" height="6" class="track" />
      <rect width=${percent(proposal.for)} height="6" class="for" />
      <rect x=${percent(proposal.for)} width=${percent(proposal.against)} height="6" class="against" />
      <rect x=${percent(proposal.quorum)} width="0.6" height="6" class="quorum" />
    </svg><small>${words}</small></div>`;
}

function Vote({ proposal, chain, voters }) {
  const [wallets, setWallets] = useState([]);
  const [voter, setVoter] = useState(voters?.[0] || "");
  const [said, setSaid] = useState(null);
  useEffect(() => watchWallets((found) => {
    setWallets(found);
    if (!voter) setVoter(found[0].info.uuid);
  }), []);
  const cast = async (support) => {
    setSaid({ text: "sending…" });
    try {
      const wallet = wallets.find((w) => w.info.uuid === voter);
      if (wallet) {
        const tx = await get(`/api/proposals/${proposal.id}/ballot?support=${support}`);
        setSaid({ text: `sent: ${await send(wallet, chain, tx)}` });
      } else {
        setSaid(await post(`/api/proposals/${proposal.id}/vote`, { voter, support }));
      }
    } catch (error) {
      setSaid({ bad: true, text: error.message });
    }
  };
  if (!wallets.length && !voters?.length) {
    return html`<p class="empty">No wallet found in this browser. <code>dam gov vote ${proposal.id} for</code> votes from a terminal.</p>`;
  }
  return html`<div class="vote">
    <label>Vote as${" "}<select value=${voter} onChange=${(e) => setVoter(e.target.value)}>
      ${(voters || []).map((v) => html`<option value=${v}>${v} (demo key)</option>`)}
      ${wallets.map((w) => html`<option value=${w.info.uuid}>${w.info.name}</option>`)}</select></label>
    ${SUPPORT.map(([word, support]) => html`<button onClick=${() => cast(support)}>${word}</button>`)}
    <span role="status" class=${said?.bad ? "bad" : ""}>${said?.text || ""}</span></div>`;
}

export function Votes({ proposals, chain, voters, now }) {
  if (!proposals?.length) return html`<p class="empty">Nothing is put to the vote.</p>`;
  return html`<ul class="proposals">${proposals.map((p) => html`<li key=${p.id}>
    <h3>${p.title} <span class="tag">${p.state}</span></h3>
    <ul>${p.actions.map((a) => html`<li>${a}</li>`)}</ul>
    <${Bar} proposal=${p} />
    <p>${p.state === "active" ? `Voting ends ${relative(p.ends_at, now)}.`
      : p.state === "queued" ? `Takes effect ${relative(p.eta, now)}.` : ""} ${decimal(p.for, 18, 0)} shares for,
      ${" "}${decimal(p.against, 18, 0)} against.</p>
    ${p.state === "active" && html`<${Vote} proposal=${p} chain=${chain} voters=${voters} />`}
  </li>`)}</ul>`;
}
