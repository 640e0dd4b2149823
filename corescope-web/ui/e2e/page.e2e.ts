import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch, open, rowsOf, until, untilDone } from "./browser";
import { type Program, startDemo } from "./program";

const DESK = { width: 1440, height: 900 };
const PHONE = { width: 375, height: 812 };

let program: Program;
let browser: Browser;

beforeAll(async () => {
  program = await startDemo();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await program?.stop();
});

const at = (fragment: string): string => `${program.url}#/${fragment}`;
const hasRows =
  (page: Page, least = 1) =>
  async (): Promise<boolean> =>
    (await rowsOf(page)).length >= least;
const isOpen = (page: Page, name: string): Promise<boolean> =>
  page.locator(`.inspector[aria-label="${name}"]`).isVisible();
const closeWithEscape = (page: Page, name: string): Promise<void> =>
  untilDone(
    `Escape closes the ${name.toLowerCase()}`,
    () => page.keyboard.press("Escape"),
    async () => !(await isOpen(page, name)),
  );

describe("the packet list", () => {
  it("opens with rows, says that it is live, and new packets come by themselves", async () => {
    const { page, finish } = await open(browser, program.url, DESK);
    await until("rows are there", hasRows(page));
    await until(
      "the connection is live",
      async () => (await page.locator(".header [role=status]").textContent())?.startsWith("Live") ?? false,
    );
    const top = (await rowsOf(page))[0]?.hash;
    await until("another packet is on top", async () => (await rowsOf(page))[0]?.hash !== top);
    const hashes = (await rowsOf(page)).map((row) => row.hash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(await page.title()).toBe("Packets · CoreScope");
    await finish();
  });

  it("filters by an expression that the address carries, also after a reload", async () => {
    const { page, finish } = await open(browser, at("packets?timeWindow=0"), DESK);
    await until("rows are there", hasRows(page, 3));
    await page.getByLabel("Filter expression").fill("type == ADVERT");
    const onlyAdverts = async (): Promise<boolean> => {
      const rows = await rowsOf(page);
      return rows.length > 0 && rows.every((row) => row.code === "AD");
    };
    await until("only adverts are listed", onlyAdverts);
    await until("the address carries the filter", async () => new URL(page.url()).hash.includes("ADVERT"));
    await until("the box says how many of how many", async () =>
      /\d of /.test((await page.locator(".field .count").textContent()) ?? ""),
    );
    await page.reload({ waitUntil: "domcontentloaded" });
    await until("only adverts are listed after the reload", onlyAdverts);
    expect(await page.getByLabel("Filter expression").inputValue()).toBe("type == ADVERT");
    await finish();
  });

  it("marks the place of an error in the expression and lists everything meanwhile", async () => {
    const { page, finish } = await open(browser, at("packets?timeWindow=0"), DESK);
    await until("rows are there", hasRows(page));
    const box = page.getByLabel("Filter expression");
    await box.fill("snr >");
    await until("the box is marked invalid", async () => (await box.getAttribute("aria-invalid")) === "true");
    expect(await page.locator("#filter-problem").textContent()).toMatch(/^column \d+/);
    expect(await page.locator(".expr .err").count()).toBe(1);
    await until("rows are listed all the same", hasRows(page));
    await box.fill("snr > -99");
    await until("the mark is gone", async () => (await box.getAttribute("aria-invalid")) === "false");
    await until("rows are listed", hasRows(page));
    await finish(/status of 400/);
  });

  it("stands still during a pause and then lets in everything once", async () => {
    const { page, finish } = await open(browser, at("packets?timeWindow=0"), DESK);
    await until("rows are there", hasRows(page));
    await untilDone(
      "the list is paused",
      () => page.getByRole("button", { name: "Pause" }).click({ timeout: 5_000 }),
      () => page.getByRole("button", { name: /^Resume/ }).isVisible(),
    );
    const before = (await rowsOf(page)).map((row) => row.hash);
    await until("packets wait", async () =>
      /[1-9]/.test((await page.getByRole("button", { name: /^Resume/ }).getAttribute("aria-label")) ?? ""),
    );
    expect((await rowsOf(page)).map((row) => row.hash)).toEqual(before);
    await untilDone(
      "the list goes on",
      () => page.getByRole("button", { name: /^Resume/ }).click({ timeout: 5_000 }),
      () => page.getByRole("button", { name: "Pause" }).isVisible(),
    );
    await until("new packets are on top", async () => (await rowsOf(page))[0]?.hash !== before[0]);
    const after = (await rowsOf(page)).map((row) => row.hash);
    expect(new Set(after).size).toBe(after.length);
    await finish();
  });

  it("loses nothing and doubles nothing when the connection breaks", async () => {
    const { page, context, finish } = await open(browser, "about:blank", DESK);
    const connections: string[] = [];
    const cuts: (() => Promise<void>)[] = [];
    await context.routeWebSocket(/\/ws/, (socket) => {
      connections.push(socket.url());
      const server = socket.connectToServer();
      cuts.push(async () => {
        await server.close();
        await socket.close();
      });
    });
    await page.goto(at("packets?timeWindow=0"), { waitUntil: "domcontentloaded" });
    await until("rows are there", hasRows(page));
    await until(
      "the connection is live",
      async () => (await page.locator(".header .live").textContent())?.startsWith("Live") ?? false,
    );
    const first = new Set(await known(page));
    for (let cut = 0; cut < 3; cut++) {
      const opened = connections.length;
      const seen = (await rowsOf(page))[0]?.hash;
      await until("a packet came over this connection", async () => (await rowsOf(page))[0]?.hash !== seen);
      await cuts.at(-1)?.();
      await until("the page connects again", async () => connections.length > opened);
    }
    expect(connections.slice(1).every((url) => (new URL(url).searchParams.get("since") ?? "") !== "")).toBe(
      true,
    );
    // What the server has now must be in the list, each packet once.
    const wanted = (await known(page)).filter((hash) => !first.has(hash));
    expect(wanted.length).toBeGreaterThan(0);
    let listed: string[] = [];
    await until("every packet of the server is in the list", async () => {
      listed = (await rowsOf(page)).map((row) => row.hash);
      const top = wanted.slice(0, 25);
      return top.every((hash) => listed.includes(hash)) || wanted.every((hash) => listed.includes(hash));
    });
    expect(new Set(listed).size).toBe(listed.length);
    await finish(/WebSocket/);
  });
});

/** Hashes that the server has, newest first. */
async function known(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const response = await fetch("api/packets?limit=500");
    const body: { packets: { hash: string }[] } = await response.json();
    return body.packets.map((packet) => packet.hash);
  });
}

describe("the inspectors", () => {
  it("take a packet apart: a chosen field lights its bytes, a chosen byte its field", async () => {
    const { page, finish } = await open(browser, at("packets?timeWindow=0"), DESK);
    await until("rows are there", hasRows(page));
    await untilDone(
      "a packet is open",
      () => page.locator("[role=row][data-hash]").nth(1).click({ timeout: 5_000 }),
      () => isOpen(page, "Packet"),
    );
    expect(new URL(page.url()).hash).toMatch(/^#\/packets\/[0-9a-f]{16}/);
    await until("the fields are there", async () => (await page.locator("[role=treeitem]").count()) > 3);
    await untilDone(
      "a chosen field lights its byte",
      async () => {
        await page.getByRole("tree").focus();
        await page.keyboard.press("ArrowDown");
      },
      async () => (await page.locator(".hex i.on").count()) > 0,
    );
    await untilDone(
      "a chosen byte chooses its field",
      () => page.locator(".hex i").nth(1).click({ timeout: 5_000 }),
      async () => (await page.locator(".hex i").nth(1).getAttribute("class"))?.includes("on") ?? false,
    );
    expect(await page.locator("[role=treeitem][aria-selected=true]").count()).toBe(1);
    await closeWithEscape(page, "Packet");
    expect(new URL(page.url()).hash).not.toMatch(/[0-9a-f]{16}/);
    await finish();
  });

  it("open a node from the directory by keyboard, and go back by Escape", async () => {
    const { page, finish } = await open(browser, at("nodes"), DESK);
    await until("nodes are listed", async () => (await page.locator(".row.nr[data-row]").count()) > 0);
    await untilDone(
      "a node is open",
      async () => {
        await page.getByRole("grid", { name: "Nodes" }).focus();
        await page.keyboard.press("Home");
        await page.keyboard.press("Enter");
      },
      () => isOpen(page, "Node"),
    );
    await until(
      "its key is shown",
      async () => (await page.locator(".inspector .key").textContent())?.length === 64,
    );
    await closeWithEscape(page, "Node");
    await page.getByLabel("Name or key prefix").fill("no node is called this");
    await until("the empty directory says why", async () => page.getByText("No node matches").isVisible());
    await finish();
  });
});

describe("the map", () => {
  it("draws without any request that leaves the server, and its nodes can be opened", async () => {
    const { page, finish } = await open(browser, at("map"), DESK);
    await until("nodes are on the map", async () => (await page.locator(".mlist li").count()) > 0);
    await until("the basemap is there", async () => (await page.locator(".maplibregl-canvas").count()) === 1);
    await untilDone(
      "a node is open",
      () => page.locator(".mlist li button").first().click({ timeout: 5_000 }),
      () => isOpen(page, "Node"),
    );
    expect(new URL(page.url()).hash).toMatch(/node=[0-9a-f]{64}/);
    await closeWithEscape(page, "Node");
    await finish();
  });
});

describe("the shell", () => {
  it("goes anywhere by the palette and keeps the theme", async () => {
    const { page, finish } = await open(browser, at("packets?timeWindow=0"), DESK);
    await until("rows are there", hasRows(page));
    const palette = page.getByRole("dialog", { name: "Search and commands" });
    await untilDone(
      "the palette is open",
      () => page.keyboard.press("Control+k"),
      () => palette.isVisible(),
    );
    await palette.getByRole("combobox").fill("observ");
    await page.keyboard.press("Enter");
    await until(
      "the observers are listed",
      async () => (await page.locator(".row.or[data-row]").count()) > 0,
    );
    await page.getByRole("button", { name: "Light theme" }).click();
    await until(
      "the page is light",
      async () => (await page.locator("html").getAttribute("data-theme")) === "light",
    );
    await page.reload({ waitUntil: "domcontentloaded" });
    await until(
      "it stays light",
      async () => (await page.locator("html").getAttribute("data-theme")) === "light",
    );
    await page.goto(at("nowhere"), { waitUntil: "domcontentloaded" });
    await until("an unknown address says so", async () =>
      page.getByText("There is no such page").isVisible(),
    );
    await finish();
  });

  it("is a sheet with the focus inside on a phone, and nothing scrolls sideways", async () => {
    const { page, finish } = await open(browser, at("packets?timeWindow=0"), PHONE, true);
    await until("rows are there", hasRows(page));
    await untilDone(
      "a packet is open",
      () => page.locator("[role=row][data-hash]").nth(1).click({ timeout: 5_000 }),
      () => isOpen(page, "Packet"),
    );
    const sheet = page.getByRole("dialog", { name: "Packet" });
    expect(await sheet.getAttribute("aria-modal")).toBe("true");
    for (let press = 0; press < 12; press++) await page.keyboard.press("Tab");
    await until("the focus is inside", () =>
      sheet.evaluate((element) => element.contains(document.activeElement)),
    );
    for (const fragment of ["packets?timeWindow=0", "map", "nodes", "observers", "decode"]) {
      await page.goto(at(fragment), { waitUntil: "domcontentloaded" });
      await until("the page is there", async () => page.locator("#main").isVisible());
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    }
    await finish();
  });

  it("has no violation that axe finds, in either theme", async () => {
    const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    const { page, finish } = await open(browser, at("packets?timeWindow=0"), DESK);
    const found: string[] = [];
    for (const fragment of ["packets?timeWindow=0", "nodes", "observers", "map", "decode?hex=1508"]) {
      for (const theme of ["dark", "light"]) {
        await page.goto(at(fragment), { waitUntil: "domcontentloaded" });
        await page.evaluate((value) => localStorage.setItem("meshcore-theme", value), theme);
        await page.reload({ waitUntil: "domcontentloaded" });
        await until(
          "the page is there",
          async () =>
            (await page.locator("#main").isVisible()) && (await page.locator(".skel").count()) === 0,
        );
        await page.evaluate(axe);
        const violations = await page.evaluate(async () => {
          const { axe } = window as unknown as {
            axe: {
              run: (options: unknown) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
            };
          };
          const result = await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
          return result.violations.map((v) => `${v.id}: ${v.nodes[0]?.html.slice(0, 200)}`);
        });
        found.push(...violations.map((text) => `${fragment} ${theme} ${text}`));
      }
    }
    expect(found).toEqual([]);
    await finish(/status of 4|status of 5/);
  });
});
