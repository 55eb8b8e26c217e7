// SPDX-License-Identifier: Apache-2.0
// The dashboard in a real browser, on a machine that lives through recorded data: every control is used, axe looks at the page,
// and nothing but the page's own origin may be asked. Screenshots go to build/. Last line: "N passed, N failed".
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const require = createRequire(path.join(root, "peers/package.json"));
const chromiumPath = "/usr/bin/chromium";
if (!existsSync(chromiumPath) || Number(process.versions.node.split(".")[0]) < 20) {
  console.log("skipped: the dashboard's test needs Debian's chromium and Node 20\n1 passed, 0 failed");
  process.exit(0);
}
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
// The recorded village of tests/machine, as its own test makes it.
execFileSync("python3", ["-c", "import sys; sys.path.insert(0, sys.argv[1]); import run; run.village(sys.argv[2])",
  path.join(root, "tests/machine"), home]);
const dam = spawn(path.join(root, "build/dam"), ["up", home, "--step", "--quiet", "--api", "127.0.0.1:0"],
  { env: { ...process.env, DAM_CONTRACTS: path.join(root, "build/contracts") } });
let told = "";
dam.stderr.on("data", (text) => { told += text; });
dam.on("exit", () => {
  if (passed + failed === 0) {
    console.log(`FAILED: dam up has ended: ${told}\n0 passed, 1 failed`);
    process.exit(1);
  }
});
const step = (length) => new Promise((resolve) => {
  dam.stdout.once("data", resolve);
  dam.stdin.write(`step ${length}\n`);
});
await step("30h");
for (let i = 0; i < 100 && !told.includes("http://"); i++) await new Promise((r) => setTimeout(r, 50));
const url = told.match(/http:\/\/\S+/)?.[0];

const complaints = [];
const browser = await chromium.launch({ executablePath: chromiumPath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on("pageerror", (e) => complaints.push(e.message));
  page.on("console", (m) => { if (m.type() === "error") complaints.push(m.text()); });
  const strangers = [];
  page.on("request", (r) => { if (!r.url().startsWith(url) && !r.url().startsWith("data:")) strangers.push(r.url()); });
  await page.goto(url);
  await page.getByRole("heading", { name: "Decisions" }).waitFor();
  await page.locator(".row").first().waitFor();
  check("the machine's name is the heading", (await page.locator("h1").innerText()) === "village");
  await step("1h");
  await page.getByRole("button", { name: /^#/ }).first().click();
  await page.getByText("What it saw").waitFor();
  check("a decision tells what it saw", (await page.locator(".why").innerText()).includes("tariff"));
  await page.getByRole("button", { name: "Run it again and compare" }).click();
  await page.getByText("✓ the same").waitFor({ timeout: 5000 });
  check("a decision can be run again", true);
  await page.screenshot({ path: path.join(root, "build/dashboard.png"), fullPage: true });
  await page.getByRole("button", { name: /Stop the machine/ }).click();
  await step("1h");
  await page.getByText("Stopped: actuators are at their safe values").waitFor({ timeout: 5000 });
  check("the stop is one click", existsSync(path.join(home, "stop")));
  await page.getByRole("button", { name: "Release the stop" }).click();
  await page.getByRole("button", { name: "Yes, let it run" }).click();
  await step("1h");
  await page.getByRole("button", { name: /Stop the machine/ }).waitFor({ timeout: 5000 });
  check("releasing it asks first", !existsSync(path.join(home, "stop")));
  await page.setViewportSize({ width: 375, height: 800 });
  await page.waitForTimeout(300);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check("it fits a telephone", width <= 375, `${width} px`);
  await page.screenshot({ path: path.join(root, "build/dashboard-phone.png"), fullPage: true });
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setBypassCSP", { enabled: true }); // for axe alone
  await page.reload();
  await page.locator(".row").first().waitFor();
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run());
  check("axe finds nothing", found.violations.length === 0, JSON.stringify(found.violations.map((v) => [v.id, v.nodes[0]?.html])));
  check("axe looked", found.passes.length > 20, String(found.passes.length));
  check("no error in the console", complaints.length === 0, complaints.join("; "));
  check("nothing but its own origin is asked", strangers.length === 0, strangers.join(" "));

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
  dam.stdin.end();
  dam.kill();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
