// SPDX-License-Identifier: Apache-2.0
// Governance: what each proposal would do, in words; how the vote stands; voting by a wallet or, in the demo, a local member.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { post } from "./api.js";
import { decimal, relative, time } from "./format.js";
import { send, watchWallets } from "./wallet.js";

const SUPPORT = [["For", 1], ["Against", 0], ["Abstain", 2]];

function Bar({ proposal }) {
  const all = BigInt(proposal.supply || "1");
  const percent = (votes) => Number((BigInt(votes) * 1000n) / all) / 10;
  const words = `${percent(proposal.for)} % for, ${percent(proposal.against)} % against, quorum at ${percent(proposal.quorum)} %`;
  return html`<div class="bar" role="img" aria-label=${words}>
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect width="100" height="6" class="track" />
      <rect width=${percent(proposal.for)} height="6" class="for" />
      <rect x=${percent(proposal.for)} width=${percent(proposal.against)} height="6" class="against" />
      <rect x=${percent(proposal.quorum)} width="0.5" height="6" class="quorum" />
    </svg><small>${words}</small></div>`;
}

/* castVote(uint256,uint8) of OpenZeppelin's Governor. */
const ballot = (id, support) =>
  "0x56781388" + BigInt(id).toString(16).padStart(64, "0") + support.toString(16).padStart(64, "0");

function Vote({ proposal, chain, skill, voters }) {
  const [wallets, setWallets] = useState([]);
  const [voter, setVoter] = useState(null);
  const [said, setSaid] = useState(null);
  useEffect(() => watchWallets(setWallets), []);
  const chosen = voter ?? voters?.[0] ?? wallets[0]?.info.uuid;
  const cast = async (support) => {
    setSaid({ text: "sending…" });
    try {
      const wallet = wallets.find((w) => w.info.uuid === chosen);
      const tx = wallet ? await send(wallet, chain, { to: chain.governor, data: ballot(proposal.id, support) })
        : (await post(`/api/skills/${skill}/vote`, { proposal: proposal.id, voter: chosen, support })).tx;
      setSaid({ text: `✓ sent: ${tx.slice(0, 18)}…` });
    } catch (error) {
      setSaid({ bad: true, text: error.message });
    }
  };
  if (!wallets.length && !voters?.length) {
    return html`<p class="empty">To vote here, open this page in a browser with a wallet (EIP-6963).</p>`;
  }
  return html`<div class="vote">
    <label>Vote as <select value=${chosen} onChange=${(e) => setVoter(e.target.value)}>
      ${(voters || []).map((v) => html`<option value=${v}>${v} (key of this demo)</option>`)}
      ${wallets.map((w) => html`<option value=${w.info.uuid}>${w.info.name}</option>`)}</select></label>
    ${SUPPORT.map(([word, support]) => html`<button onClick=${() => cast(support)}>${word}</button>`)}
    <span role="status" class=${said?.bad ? "bad" : "good"}>${said?.text || ""}</span></div>`;
}

const stage = (p, now) => ({
  pending: `Voting begins ${relative(p.starts_at, now)}.`, active: `Voting ${p.ends_at < now ? "ended" : "ends"} ${relative(p.ends_at, now)}.`,
  succeeded: "Passed; waits to be queued.", queued: `Passed; may be carried out ${relative(p.eta, now)}.`,
})[p.state];

export function Votes({ proposals, chain, skill, voters, now }) {
  if (!proposals?.length) return html`<p class="empty">Nothing is put to the vote.</p>`;
  return html`<ul class="proposals">${[...proposals].reverse().map((p) => html`<li key=${p.id}>
    <h3>${p.title} <span class=${p.state === "active" ? "tag warn" : "tag"}>${p.state}</span></h3>
    <ul class="calls">${p.actions.map((a) => html`<li><code>${a.call}</code>
      ${a.changes?.length > 0 && html`<ul>${a.changes.map((c) => html`<li>${c.name}: ${c.from ? html`<del>${c.from}</del> → ` : ""}<ins>${c.to}</ins></li>`)}</ul>`}
    </li>`)}</ul>
    ${p.rehearsal && html`<p class="note">Rehearsed over the recorded past: ${p.rehearsal}</p>`}
    <${Bar} proposal=${p} />
    <p class="note">${stage(p, now) ?? `Voted until ${time(p.ends_at)}.`} ${decimal(p.for, 18, 0)} shares for, ${decimal(p.against, 18, 0)} against.
      ${p.votes?.length > 0 && html` ${p.votes.map((v) => `${v.who}: ${v.word}`).join(", ")}.`}</p>
    ${p.state === "active" && html`<${Vote} proposal=${p} chain=${chain} skill=${skill} voters=${voters} />`}
  </li>`)}</ul>`;
}
