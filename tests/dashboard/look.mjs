// SPDX-License-Identifier: Apache-2.0
// What must hold of every view of the page, however it is filled. Each gives what is wrong: an empty list where nothing is.

/** Texts that stick out of the box that should hold them, or that a box hides. A box that scrolls may hide. */
export const cutOff = (page) => page.evaluate(() => {
  const wrong = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || !node.parentElement.checkVisibility() || node.parentElement.closest("svg, option, .sr, .u-over")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const text of range.getClientRects()) {
      for (let box = node.parentElement; box && box.tagName !== "MAIN"; box = box.parentElement) {
        const style = getComputedStyle(box);
        if (/auto|scroll/.test(style.overflowX)) break;
        if (style.display === "inline" || (style.borderRightStyle === "none" && style.overflowX === "visible")) continue;
        const edge = box.getBoundingClientRect();
        if (text.right > edge.right + 1 || text.left < edge.left - 1) { wrong.push(`${node.data.trim()} in ${box.className || box.tagName}`); break; }
      }
    }
  }
  return [...new Set(wrong)];
});

/** Numbers without a unit among the values of the page: every figure, channel, input and output is a quantity. */
export const unitless = (page) => page.evaluate(() =>
  [...document.querySelectorAll(".figures dd, #channels ~ .scroll td.num, .why td.num, .flow .value, .limits .num, .big")]
    .map((e) => e.textContent.trim()).filter((t) => /\d/.test(t) && !/[A-Za-z%]/.test(t)));

/** Controls that Tab does not reach, or that do not show that they have the focus. */
export async function unreachable(page) {
  const all = await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
    const found = [...document.querySelectorAll("a[href], button:enabled, select, summary, [tabindex='0']")].filter((e) => e.checkVisibility());
    found.forEach((e, i) => { e.dataset.stop = i; });
    return found.map((e) => e.innerText || e.getAttribute("aria-label") || e.tagName);
  });
  const wrong = new Map(all.map((name, i) => [String(i), `${name}: not reached`]));
  for (let i = 0; i < all.length + 5; i++) {
    await page.keyboard.press("Tab");
    const [stop, outlined] = await page.evaluate(() => [document.activeElement.dataset.stop, getComputedStyle(document.activeElement).outlineStyle !== "none"]);
    if (stop !== undefined && outlined) wrong.delete(stop);
    else if (stop !== undefined) wrong.set(stop, `${all[stop]}: no outline`);
  }
  return [...wrong.values()];
}
