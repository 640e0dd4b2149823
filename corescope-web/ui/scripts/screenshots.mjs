// Takes the pictures of docs/ from a running server: node scripts/screenshots.mjs URL FOLDER
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url = "http://127.0.0.1:3000/", folder = "../../docs"] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
  ],
});

const answer = await fetch(new URL("api/packets?type=5&limit=200", url));
const { packets } = await answer.json();
const readable = packets.filter((p) => p.decoded_json?.includes('"CHAN"'));
const busiest = readable.sort((a, b) => b.observation_count - a.observation_count)[0];

async function picture(name, fragment, { width, height, theme }, act) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    timezoneId: "UTC",
    hasTouch: width < 600,
  });
  const page = await context.newPage();
  await page.goto(new URL(`#/${fragment}`, url).href);
  await page.waitForSelector("#main");
  await page.waitForTimeout(4000);
  await act?.(page);
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await context.close();
}

const desk = { width: 1440, height: 900 };
const phone = { width: 375, height: 812, theme: "dark" };
const packet = `packets/${busiest.hash}?timeWindow=0`;
const lightByte = (page) => page.locator(".hex i").nth(1).click();
await picture("packets-dark", packet, { ...desk, theme: "dark" }, lightByte);
await picture("packets-light", packet, { ...desk, theme: "light" }, lightByte);
await picture("map-dark", "map", { ...desk, theme: "dark" }, (page) =>
  page.locator(".mlist li button").nth(2).click(),
);
await picture("map-light", "map", { ...desk, theme: "light" });
await picture("nodes-dark", "nodes", { ...desk, theme: "dark" });
await picture("phone-packets-dark", "packets?timeWindow=0", phone);
await picture("phone-packet-dark", packet, phone);
await picture("phone-map-dark", "map", phone);
await browser.close();
