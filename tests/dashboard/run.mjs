// SPDX-License-Identifier: Apache-2.0
// The dashboard in a real browser, on a machine that lives through recorded data: every control is used, axe looks at the page,
// and nothing but the page's own origin may be asked. Screenshots go to build/. Last line: "N passed, N failed".
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get } from "node:http";
import { createServer as createNetServer } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { cutOff, unitless, unreachable } from "./look.mjs";
import { GOVERNOR, PROPOSAL, accounts, sections, series, show } from "./sections.mjs";

const root = path.resolve(import.meta.dirname, "../..");
const require = createRequire(path.join(root, "peers/package.json"));
const chromiumPath = "/usr/bin/chromium";
if (!existsSync(chromiumPath) || Number(process.versions.node.split(".")[0]) < 20) {
  console.log("skipped: dashboard: it needs Debian's chromium and Node 20\n0 passed, 0 failed");
  process.exit(0);
}
const WAIT_MS = 20000; // most that a busy machine may take to show something
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

let passed = 0;
let failed = 0;
function check(what, holds, seen = "") {
  if (holds) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED: ${what}: ${seen}`);
  }
}

const folder = mkdtempSync(path.join(tmpdir(), "dam-dashboard-"));
const home = path.join(folder, "village");
/** The recorded village of tests/machine, as its own test makes it, and what runs it: its process, and where it serves. */
async function up(place, ...options) {
  execFileSync("python3", ["-c", "import sys; sys.path.insert(0, sys.argv[1]); from harness import recorded_site; recorded_site(sys.argv[2])",
    path.join(root, "tests"), place]);
  const dam = spawn(path.join(root, "build/dam"), ["up", place, "--step", "--quiet", "--api", "127.0.0.1:0", ...options],
    { env: { ...process.env, DAM_CONTRACTS: path.join(root, "build/contracts") } });
  let told = "";
  dam.stderr.on("data", (text) => { told += text; });
  dam.on("exit", () => {
    if (passed + failed === 0) {
      console.log(`FAILED: dam up has ended: ${told}\n0 passed, 1 failed`);
      process.exit(1);
    }
  });
  for (let i = 0; i < 100 && !told.includes("http://"); i++) await new Promise((r) => setTimeout(r, 50));
  return { dam, url: told.match(/http:\/\/\S+/)?.[0] };
}
const { dam, url } = await up(home);
const step = (length) => new Promise((resolve) => {
  dam.stdout.once("data", resolve);
  dam.stdin.write(`step ${length}\n`);
});

/** Is the machine in this folder told to stop, soon? */
async function stops(place) {
  for (let i = 0; i < WAIT_MS / 50 && !existsSync(path.join(place, "stop")); i++) await new Promise((r) => setTimeout(r, 50));
  return existsSync(path.join(place, "stop"));
}

const state = () => fetch(url + "api/state").then((r) => r.json());

// The skill of the test, behind the door: it counts what it is told.
mkdirSync(path.join(home, "skills"), { recursive: true });
const told_skill = [];
const skill = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => { body += part; });
  request.on("end", async () => {
    const now = (await state()).machine.time;
    const answers = { "/accounts": accounts(now), "/accounts?month=2023-01": accounts(now), "/series": series(now), "/vote": { tx: "0x" + "77".repeat(32) }, "/clock": {} };
    if (request.method === "POST") told_skill.push([request.url, JSON.parse(body)]);
    const answer = request.url === "/accounts.csv?month=2023-01" ? "time,what\r\n" : JSON.stringify(answers[request.url] ?? null);
    response.writeHead(answers[request.url] || request.url.includes(".csv") ? 200 : 402, { "content-type": "application/json", "PAYMENT-REQUIRED": "e30=", "x-secret": "stays" });
    response.end(answer);
  });
}).listen(path.join(home, "skills", "demo.sock"));
createNetServer((socket) => socket.end("this is no HTTP\r\n\r\n")).listen(path.join(home, "skills", "broken.sock")).unref();

const complaints = [];
const browser = await chromium.launch({ executablePath: chromiumPath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
const shot = async (page, name) => {
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: path.join(root, `build/dashboard${name}.png`), fullPage: true });
};
/** prepare: what is done to the page after it was loaded again for axe. */
async function axed(page, where, prepare = () => {}) {
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setBypassCSP", { enabled: true }); // for axe alone
  await page.reload();
  await page.locator("main table, main dl").first().waitFor();
  await prepare();
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run());
  check(`axe finds nothing: ${where}`, found.violations.length === 0, JSON.stringify(found.violations.map((v) => [v.id, v.nodes[0]?.html])));
  check(`axe looked: ${where}`, found.passes.length > 15, String(found.passes.length));
}
async function looked(page, where) {
  for (const [what, wrong] of [["nothing is cut off", await cutOff(page)], ["every number has its unit", await unitless(page)]]) {
    check(`${what}: ${where}`, wrong.length === 0, wrong.join("; "));
  }
}
const problem = (detail) => (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ status: 503, detail }) });
/** A request of the page is answered with a problem; what is done then must show `words`. */
async function fails(page, path, detail, act, words = detail) {
  await page.route(path, problem(detail));
  await act();
  const seen = await page.getByText(words).first().waitFor({ timeout: WAIT_MS }).then(() => true, () => false);
  check(`error: ${words}`, seen, await page.locator("body").innerText());
  await page.unroute(path);
}
const text = (page, heading) => page.getByRole("region", { name: heading, exact: true }).innerText();
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", locale: "en-GB", timezoneId: "Europe/Berlin" });
  // A wallet that announces itself by EIP-6963 and remembers what it is asked.
  await context.addInitScript(() => {
    window.asked = [];
    const provider = { request: async (call) => {
      if (window.refuse) throw Object.assign(new Error("User rejected the request"), { code: 4001 });
      window.asked.push(call);
      if (call.method === "eth_requestAccounts") return ["0x" + "11".repeat(20)];
      if (call.method === "wallet_switchEthereumChain" && window.asked.length < 3) throw Object.assign(new Error("unknown chain"), { code: 4902 });
      return call.method === "eth_sendTransaction" ? "0x" + "99".repeat(32) : null;
    } };
    const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider",
      { detail: { info: { uuid: "u-1", name: "Test Wallet", rdns: "test", icon: "" }, provider } }));
    addEventListener("eip6963:requestProvider", announce);
    announce();
  });
  const page = await context.newPage();
  page.on("pageerror", (e) => complaints.push(e.message));
  page.on("console", (m) => { if (m.type() === "error" && !m.text().includes("503")) complaints.push(m.text()); }); // 503: the test's own
  const strangers = [];
  page.on("request", (r) => { if (!r.url().startsWith(url) && !r.url().startsWith("data:")) strangers.push(r.url()); });
  const started = Date.now();
  await page.route("**/decisions?*", (route) => route.fulfill({ json: { decisions: [] } }));
  await page.route("**/api/series", (route) => route.fulfill({ json: { channels: [], rows: [] } }));
  const response = await page.goto(url);
  await page.getByRole("heading", { name: "Decisions" }).waitFor();
  await page.getByText("No decision yet").waitFor({ timeout: WAIT_MS });
  check("empty: a machine before its first turn", (await text(page, "Decisions")).includes("No decision yet"), await text(page, "Decisions"));
  check("empty: charts", (await text(page, "The last days")).includes("Waiting for the second turn"), await text(page, "The last days"));
  await page.unroute("**/api/series");
  await page.unroute("**/decisions?*");
  await step("30h");
  await page.locator(".row").first().waitFor();
  const policy = response.headers()["content-security-policy"];
  check("the policy allows nothing by default", policy.startsWith("default-src 'none'") && !policy.includes("unsafe"), policy);
  const packed = await new Promise((done) => { get(url, (r) => { let size = 0; r.on("data", (d) => { size += d.length; }).on("end", () => done(size)); }); });
  check("the page is under 100 KB compressed", response.headers()["content-encoding"] === "gzip" && packed > 10000 && packed < 100000, `${packed} bytes`);
  check("the page is there soon", Date.now() - started < 15000, `${Date.now() - started} ms`);
  check("the machine's name is the heading", (await page.locator("h1").innerText()) === "village");

  // a machine without skills: every panel says so in words
  for (const [heading, words] of [["Treasury", "holds no money"], ["Market", "no market"], ["Votes", "Nothing is put to the vote"],
    ["Oracles", "No oracle"], ["Law", "No legal record"], ["Power now", "no energy flow"]]) {
    check(`empty: ${heading}`, (await text(page, heading)).includes(words), await text(page, heading));
  }
  await page.reload();
  await page.locator(".u-over").first().waitFor({ timeout: WAIT_MS });
  const drawn = await text(page, "The last days");
  check("charts of its own log, where no skill draws", /Power, kW[\s\S]*pv [\d.]+[\s\S]*tariff, EUR\/kWh/.test(drawn), drawn);
  await page.getByText("Power as a table").click();
  const own = await page.getByRole("region", { name: "Power as a table" }).locator("tbody tr").count();
  check("with its past", own > 20, own);
  const told_series = await (await fetch(url + "api/series")).json();
  check("a reading that was not good is none", told_series.rows.every((r) => r[1 + told_series.channels.findIndex((c) => c.name === "soc")] === null) && told_series.rows.length > 20);
  await looked(page, "empty");
  await shot(page, "-empty");
  await axed(page, "empty");

  // the machine's own members are not a skill's to tell
  show(home, { machine: { name: "somebody else" }, evidence: { size: 0 }, treasury: { ...sections(0).treasury, limits: [] }, market: { ...sections(0).market, book: [], last_price: null } });
  await page.getByText("141.32 tDAM").first().waitFor({ timeout: WAIT_MS });
  const said = await state();
  check("a skill cannot speak for the machine", said.machine.name === "village" && said.evidence.size > 20, JSON.stringify(said.machine));
  check("empty: limits, book, price", (await text(page, "Treasury")).includes("refuses every payment") && /no trade yet[\s\S]*book of this interval is empty/.test(await text(page, "Market")));

  // skills begin to speak: an open page hears of it without a turn
  show(home, sections((await state()).machine.time));
  await page.getByText("meter C").first().waitFor({ timeout: WAIT_MS });
  check("sections arrive by themselves", true);
  const figures = await page.locator(".figures").innerText();
  check("figures: power, state of charge, price, balance", /Panels\s+12.34 kW[\s\S]*Battery\s+64 % charging[\s\S]*Houses\s+4.21 kW[\s\S]*0.192 tDAM\/kWh[\s\S]*141.32 tDAM/.test(figures), figures);
  const local = (zone) => state().then((s) => new Date(s.machine.time * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: zone }));
  const header = await page.locator(".top p").innerText();
  check("times are local", header.startsWith(await local("Europe/Berlin")) && !header.startsWith(await local("UTC")), header);
  check("treasury: limits left", /Market deposits[\s\S]*1,480 of 1,500 tDAM a day[\s\S]*Maintenance[\s\S]*220 of 300/.test(await text(page, "Treasury")), await text(page, "Treasury"));
  check("treasury: meters have names", (await page.getByRole("meter", { name: "Maintenance left" }).count()) === 1);
  const book = await text(page, "Market");
  check("market: the book", book.includes("this machine") && book.includes("0.208") && book.includes("house 3") && book.includes("closes in"), book);
  check("oracles: who lies is named", (await text(page, "Oracles")).includes("outlier, 1 outlier"), await text(page, "Oracles"));
  check("jobs", (await text(page, "Oracles")).includes("80.00 tDAM to Lumen Maintenance"));
  check("evidence: checkpoints on the chain", /192 leaves, 1 h ago/.test(await text(page, "Evidence")) || (await text(page, "Evidence")).includes("192 leaves"), await text(page, "Evidence"));
  check("law", (await text(page, "Law")).includes("Village DAO LLC") && (await text(page, "Law")).includes("2 on record"));
  check("power flow is told in words", (await page.getByRole("img", { name: /Power flow. Panels: 12.34 kW/ }).count()) === 1);
  await page.locator(".u-over").first().waitFor({ timeout: WAIT_MS });
  check("charts: the past is there at once", (await page.locator(".u-over").count()) === 3, await page.locator(".u-over").count());
  await page.getByText("Clearing price as a table").click();
  check("charts: the numbers as a table", (await page.getByRole("region", { name: "Clearing price as a table" }).innerText()).includes("0.192"));
  await page.getByText("Clearing price as a table").click();

  // votes: decoded, with quorum and time left; by a local key and by a wallet
  const votes = await text(page, "Votes");
  check("votes: what it would change", votes.includes("Constitution.propose") && votes.includes("PeakMind") && votes.includes("SurplusMind"), votes);
  check("votes: the rehearsal", votes.includes("+0.85 tDAM"));
  check("votes: time left", votes.includes("Voting ends in 2 h"), votes);
  check("votes: the bar is told in words", (await page.getByRole("img", { name: "40 % for, 10 % against, quorum at 40 %" }).count()) === 1);
  await page.getByLabel("Vote as").selectOption("Cleo");
  await page.getByRole("button", { name: "Against" }).click();
  await page.getByText("✓ sent: 0x7777").waitFor({ timeout: WAIT_MS });
  check("votes: by a key of the demo", JSON.stringify(told_skill.at(-1)) === JSON.stringify(["/vote", { proposal: PROPOSAL, voter: "Cleo", support: 0 }]), JSON.stringify(told_skill));
  await fails(page, "**/skills/demo/vote", "Cleo has voted already", () => page.getByRole("button", { name: "Abstain" }).click());
  await page.getByLabel("Vote as").selectOption("Test Wallet");
  await page.evaluate(() => { window.refuse = true; });
  await page.getByRole("button", { name: "For", exact: true }).click();
  check("error: a wallet that refuses", await page.getByText("User rejected the request").waitFor({ timeout: WAIT_MS }).then(() => true, () => false));
  await page.evaluate(() => { window.refuse = false; });
  await page.getByRole("button", { name: "For", exact: true }).click();
  await page.getByText("✓ sent: 0x9999").waitFor({ timeout: WAIT_MS });
  const asked = await page.evaluate(() => window.asked);
  const ballot = asked.find((c) => c.method === "eth_sendTransaction")?.params[0];
  check("votes: the wallet is asked for castVote", ballot?.to === GOVERNOR && ballot.data === "0x56781388" + BigInt(PROPOSAL).toString(16).padStart(64, "0") + "1".padStart(64, "0"), JSON.stringify(ballot));
  check("votes: a wallet that does not know the chain is told of it", asked.some((c) => c.method === "wallet_addEthereumChain" && c.params[0].chainId === "0x7a69"));

  // the demo's clock
  await fails(page, "**/skills/demo/clock", "the story has ended", () => page.getByRole("button", { name: "Pause" }).click());
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByLabel("Speed").selectOption("600");
  await page.waitForTimeout(300);
  check("pause and speed reach the demo", JSON.stringify(told_skill.slice(-2)) === JSON.stringify([["/clock", { paused: true }], ["/clock", { speed: 600 }]]), JSON.stringify(told_skill.slice(-2)));
  check("no step while it runs", await page.getByRole("button", { name: "Step 15 min" }).isDisabled());
  show(home, { demo: { ...sections(0).demo, paused: true } });
  await page.getByRole("button", { name: "Run", exact: false }).first().waitFor({ timeout: WAIT_MS });
  await page.getByRole("button", { name: "Step 15 min" }).click();
  await page.waitForTimeout(300);
  check("a step reaches the demo", JSON.stringify(told_skill.at(-1)) === JSON.stringify(["/clock", { step: 1 }]), JSON.stringify(told_skill.at(-1)));

  // decisions: why, and run it again
  await step("1h");
  await shot(page, "");
  await page.setViewportSize({ width: 1280, height: 1010 });
  await page.screenshot({ path: path.join(root, "build/dashboard.jpg"), type: "jpeg", quality: 62 }); // the README's is one of these
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.locator(".row").first().click();
  await page.getByText("What it saw").waitFor();
  check("a decision tells what it saw", (await page.locator(".why").innerText()).includes("tariff"));
  const reasons = await page.locator(".why").innerText();
  check("and how it is proved", reasons.includes("hashes to the root of") && /Mind\s+\S* ?0x[0-9a-f]{40} [\d,]+ gas/.test(reasons) && /Charter\s+\S* ?0x[0-9a-f]{40}/.test(reasons), reasons);
  await fails(page, "**/verify", "the disk is gone", () => page.getByRole("button", { name: "Run it again and compare" }).click(), "not judged: the disk is gone");
  await page.route("**/verify", (route) => route.fulfill({ json: { ok: false, judged: true, detail: "the action is not what mind and charter give" } }));
  await page.getByRole("button", { name: "Run it again and compare" }).click();
  check("a lie is told", await page.getByText("✗ differs: the action").waitFor({ timeout: WAIT_MS }).then(() => true, () => false));
  await page.unroute("**/verify");
  await page.getByRole("button", { name: "Run it again and compare" }).click();
  await page.getByText("✓ the same").waitFor({ timeout: WAIT_MS });
  check("a decision can be run again", true);
  await looked(page, "a decision, open");
  await shot(page, "-why");
  await page.locator(".row").first().press("Enter");
  check("the keyboard closes it", (await page.locator(".why").count()) === 0);
  const newest = await page.locator(".seq").first().innerText();
  await page.getByRole("button", { name: "Older" }).click();
  await page.waitForFunction((seq) => document.querySelector(".seq")?.innerText !== seq, newest);
  check("older decisions can be paged to", Number((await page.locator(".seq").first().innerText()).slice(1)) < Number(newest.slice(1)));
  await page.getByRole("button", { name: "Newest" }).click();
  await page.waitForFunction((seq) => document.querySelector(".seq")?.innerText === seq, newest);

  // a decision that the charter has changed, and the errors of the list
  const changed = (await (await fetch(url + "api/decisions?limit=200")).json()).decisions.find((d) => d.outcome === 1);
  while (!(await page.getByText(`#${changed.seq}`, { exact: true }).count())) {
    const last = await page.locator(".seq").last().innerText();
    await page.getByRole("button", { name: "Older" }).click();
    await page.waitForFunction((seq) => document.querySelector(".seq")?.innerText < seq, last);
  }
  await page.locator(".row", { hasText: `#${changed.seq}` }).click();
  await page.locator(".why .warned").first().waitFor();
  const row = await page.locator(".why tr", { has: page.locator(".warned") }).first().locator("td").allInnerTexts();
  check("the charter's change and its reason", row[1] !== row[2] && row[3].length > 8 && row[3] !== "not changed", row.join(" | "));
  await fails(page, "**/decisions/*", "a leaf cannot be read", () => page.locator(".row").last().click(), /Could not load decision \d+: a leaf cannot be read/);
  await fails(page, "**/decisions?*", "the store is locked", () => page.getByRole("button", { name: "Newest" }).click(), "The decisions could not be loaded: the store is locked");
  await page.reload();
  await page.locator(".row").first().waitFor();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "All as CSV" }).click()]);
  check("export: every decision, as a file", readFileSync(await file.path(), "utf8").split("\r\n")[0].startsWith("seq,time_ms,outcome,pv") && file.suggestedFilename().endsWith(".csv"), file.suggestedFilename());

  // stop: asked for twice, on and off
  await fails(page, "**/api/stop", "the file `stop` could not be changed", async () => {
    await page.getByRole("button", { name: /Stop the machine/ }).click();
    await page.getByRole("button", { name: "Yes, stop now" }).click();
  });
  await page.getByRole("button", { name: "No", exact: true }).click();
  await page.getByRole("button", { name: /Stop the machine/ }).click();
  await page.getByRole("button", { name: "No", exact: true }).click();
  check("a slip does not stop it", !existsSync(path.join(home, "stop")));
  await page.getByRole("button", { name: /Stop the machine/ }).press("Enter");
  await page.locator("button:focus", { hasText: "Yes, stop now" }).waitFor({ timeout: WAIT_MS });
  await page.keyboard.press("Enter");
  check("Enter, Enter stops it", await stops(home));
  await step("1h");
  await page.getByText("Stopped: actuators are at their safe values").waitFor({ timeout: WAIT_MS });
  await page.getByRole("button", { name: "Release the stop" }).click();
  await page.getByRole("button", { name: "Yes, let it run" }).click();
  await step("1h");
  await page.getByRole("button", { name: /Stop the machine/ }).waitFor({ timeout: WAIT_MS });
  check("releasing it asks first", !existsSync(path.join(home, "stop")));

  // telephone, dark, axe, keyboard order
  await axed(page, "full");
  await page.setViewportSize({ width: 375, height: 800 });
  await page.waitForTimeout(300);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check("it fits a telephone", width <= 375, `${width} px`);
  await looked(page, "telephone");
  await shot(page, "-phone");
  await page.setViewportSize({ width: 320, height: 800 });
  await page.locator(".row").first().click();
  await page.getByText("What it saw").waitFor();
  check("it fits 320 px, with a decision open", (await page.evaluate(() => document.documentElement.scrollWidth)) <= 320);
  await looked(page, "320 px, a decision open");
  await shot(page, "-narrow");
  await axed(page, "telephone, a decision open", () => page.locator(".row").first().click().then(() => page.getByText("What it saw").waitFor()));
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "dark" });
  await axed(page, "dark");
  await shot(page, "-dark");
  await page.emulateMedia({ colorScheme: "light" });
  const missed = await unreachable(page);
  check("every control is reached by Tab and shows it", missed.length === 0, missed.join("; "));
  await page.reload();
  await page.locator(".row").first().waitFor();
  await page.keyboard.press("Tab");
  check("the first tab stop skips to the decisions", (await page.evaluate(() => document.activeElement.innerText)) === "Skip to the decisions");

  // the accounts, on the screen and on paper
  await page.getByRole("link", { name: "Accounts, to print" }).click();
  await page.getByRole("table", { name: /Day by day/ }).waitFor({ timeout: WAIT_MS });
  const paper = await page.locator("main").innerText();
  check("accounts: days, payments, intervals, tied to the log", ["Each interval that was sold", "maintenance, escrow", "−80.00", "#31", "0.0948 ETH", "472 transactions", "Tied to: log of",
    ": January 2023", "1.83 kWh"].every((w) => paper.includes(w)) && /Balance before\s+21.00[\s\S]*energy sold\s+3\s+0.35[\s\S]*Balance after\s+141.35/.test(paper), paper);
  const [sheet] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "This month as CSV" }).click()]);
  check("accounts: the month as CSV", readFileSync(await sheet.path(), "utf8") === "time,what\r\n");
  await page.getByRole("link", { name: "January 2023" }).click();
  await page.getByRole("table", { name: /Day by day/ }).waitFor({ timeout: WAIT_MS });
  check("accounts: another month", page.url().endsWith("/accounts?month=2023-01") && (await page.locator("[aria-current]").innerText()) === "January 2023");
  const days = (await (await fetch(url + "api/days")).json()).days;
  const decided = (await (await fetch(url + "api/export.csv")).text()).trim().split("\r\n").length - 1;
  check("accounts: every decision is counted once", days.reduce((a, d) => a + d.decisions, 0) === decided && decided > 20, `${JSON.stringify(days).slice(0, 300)} ${decided}`);
  await axed(page, "accounts");
  await shot(page, "-accounts");
  await looked(page, "accounts");
  await page.route("**/api/days", (route) => route.fulfill({ json: { days, damaged: 2, first_damaged: 17 } }));
  await page.reload();
  check("accounts: leaves that are missing are told", await page.getByText("2 leaves of the log cannot be read, the first is #17").waitFor({ timeout: WAIT_MS }).then(() => true, () => false));
  await page.unroute("**/api/days");
  await fails(page, "**/api/days", "the log cannot be read", () => page.reload(), "The accounts could not be loaded: the log cannot be read");
  await page.reload();
  await page.getByRole("table", { name: /Day by day/ }).waitFor({ timeout: WAIT_MS });
  await page.emulateMedia({ media: "print" });
  check("paper shows no buttons", !(await page.getByRole("button", { name: "Print" }).isVisible()));
  await page.pdf({ path: path.join(root, "build/accounts.pdf"), format: "A4" });
  await page.emulateMedia({ media: "screen" });
  await page.getByRole("link", { name: "Back to the machine" }).click();
  await page.locator(".row").first().waitFor();

  // a machine that has failed, one that does not answer, one that goes away
  const failed_state = { ...(await state()), machine: { ...(await state()).machine, failed: true } };
  await page.route("**/api/events", (route) => route.fulfill({ contentType: "text/event-stream", body: `event: state\ndata: ${JSON.stringify(failed_state)}\n\n` }));
  await page.reload();
  check("error: evidence that cannot be written", await page.getByRole("alert").getByText("can no longer be written").waitFor({ timeout: WAIT_MS }).then(() => true, () => false));
  await shot(page, "-failed");
  await page.unroute("**/api/events");
  await fails(page, "**/api/events", "nothing", () => page.reload(), "The machine does not answer");
  await shot(page, "-silent");
  await page.reload();
  await page.locator(".row").first().waitFor();
  check("no error in the console", complaints.length === 0, complaints.join("; "));
  check("nothing but its own origin is asked", strangers.length === 0, strangers.join(" "));

  // the door to the skills
  const door = await fetch(url + "api/skills/demo/nothing");
  check("a skill's status and payment headers pass, others do not", door.status === 402 && door.headers.get("payment-required") === "e30=" && !door.headers.get("x-secret"), `${door.status}`);
  check("a skill's page would be no page of the dashboard's", door.headers.get("content-security-policy") === "default-src 'none'; sandbox");
  check("a skill that is not there is 404", (await fetch(url + "api/skills/nobody/x")).status === 404);
  check("a skill that speaks no HTTP is 502", (await fetch(url + "api/skills/broken/x")).status === 502);
  check("a name that leaves the folder is 404", (await fetch(url + "api/skills/..%2f..%2fx/y")).status === 404);
  check("another page cannot post to a skill", (await fetch(url + "api/skills/demo/vote", { method: "POST", body: "{}", headers: { "content-type": "application/json", origin: "http://elsewhere.example" } })).status === 403);

  // behind a token, which the browser asks its user for
  const closed = path.join(folder, "closed");
  const token = "0123456789abcdef".repeat(2);
  writeFileSync(path.join(folder, "token"), token, { mode: 0o600 });
  const door_of = await up(closed, "--api-token", path.join(folder, "token"));
  const stranger = await (await browser.newContext()).newPage();
  const refused = await stranger.goto(door_of.url).then((answer) => `${answer.status()}`, (e) => e.message); // Chromium fails where nobody can be asked
  check("a browser without the token sees nothing", /401|ERR_INVALID_AUTH_CREDENTIALS/.test(refused), refused);
  const owner = await (await browser.newContext({ httpCredentials: { username: "dam", password: token } })).newPage();
  await owner.goto(door_of.url);
  await owner.getByText("● live").waitFor({ timeout: WAIT_MS });
  await owner.getByRole("button", { name: /Stop the machine/ }).click();
  await owner.getByRole("button", { name: "Yes, stop now" }).click();
  check("with it the page is live, and stops the machine", await stops(closed));
  const [all] = await Promise.all([owner.waitForEvent("download"), owner.getByRole("link", { name: "Decisions as CSV" }).first().click()]);
  check("and its downloads come, too", readFileSync(await all.path(), "utf8").startsWith("seq,time_ms"));
  door_of.dam.stdin.end();

  const ask = (options) => fetch(url + "api/stop", { method: "POST", body: "{\"on\":true}", ...options }).then((r) => r.status);
  check("a form of another page cannot stop it", (await ask({ headers: { "content-type": "text/plain" } })) === 403);
  check("another origin cannot stop it",
    (await ask({ headers: { "content-type": "application/json", origin: "http://elsewhere.example" } })) === 403);
  check("a bad body is refused", (await ask({ body: "{\"on\":1}", headers: { "content-type": "application/json" } })) === 422);
  check("metrics are told", (await (await fetch(url + "metrics")).text()).includes("dam_turns_total"));
  check("an unknown path is a problem document",
    (await fetch(url + "api/nothing")).headers.get("content-type").startsWith("application/problem+json"));
} catch (error) {
  check("the walk through the page", false, `${error.message} ${complaints.join("; ")}`);
} finally {
  await browser.close();
  skill.close();
  dam.stdin.end();
  dam.kill();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
