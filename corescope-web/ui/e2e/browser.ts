import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

/** Longest that anything may take to become true on a loaded machine, ms. */
const PATIENCE_MS = 90_000;
const STEP_MS = 150;

/** Starts the distribution's Chromium, without a GPU and without any request of its own. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    headless: true,
    timeout: 120_000,
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
      "--use-angle=swiftshader",
      "--enable-unsafe-swiftshader",
      "--ignore-gpu-blocklist",
    ],
  });
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  let trouble: unknown = null;
  for (;;) {
    try {
      if (await isSo()) return;
      trouble = null;
    } catch (error) {
      trouble = error;
    }
    if (Date.now() > end)
      throw new Error(
        `not so after ${PATIENCE_MS / 1000} s: ${what}${trouble ? ` (${String(trouble)})` : ""}`,
      );
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/** Does something again and again until it has worked: live data may redraw the page between two steps. */
export function untilDone(
  what: string,
  act: () => Promise<void>,
  isSo: () => Promise<boolean>,
): Promise<void> {
  return until(what, async () => {
    if (await isSo()) return true;
    await act().catch(() => undefined);
    return isSo();
  });
}

/** A page that notes what must not happen: errors, and requests that leave the server. */
export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Fails if something went wrong; closes the page. */
  readonly finish: (allowed?: RegExp) => Promise<void>;
}

/** Opens a page in a fresh profile. */
export async function open(
  browser: Browser,
  url: string,
  size: { readonly width: number; readonly height: number },
  touch = false,
): Promise<Watched> {
  const context = await browser.newContext({
    viewport: size,
    hasTouch: touch,
    reducedMotion: "reduce",
    colorScheme: "dark",
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const wrong: string[] = [];
  const own = (to: URL): boolean => to.hostname === "127.0.0.1";
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const to = new URL(request.url());
    if (/^https?:$/.test(to.protocol) && !own(to)) wrong.push(`request to ${request.url()}`);
  });
  await page.goto(url, { waitUntil: "domcontentloaded", timeout: PATIENCE_MS });
  const finish = async (allowed?: RegExp): Promise<void> => {
    await context.close();
    expect(wrong.filter((text) => !allowed?.test(text))).toEqual([]);
  };
  return { page, context, finish };
}

/** The rows of the packet list that are in the DOM, from the top. */
export function rowsOf(page: Page): Promise<{ hash: string; code: string; observations: number }[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("[role=row][data-hash]")].map((row) => ({
      hash: row.dataset["hash"] ?? "",
      code: row.querySelector(".pt")?.textContent?.trim() ?? "",
      observations: Number(row.querySelector(".c-rpt")?.textContent?.replaceAll(/\D/g, "") ?? 0),
    })),
  );
}
