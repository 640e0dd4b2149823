import { readFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

it("is generated from the API's description as it is now (`npm run api`)", async () => {
  const here = new URL("./", import.meta.url);
  const fresh = astToString(await openapiTS(new URL("../../openapi.json", here)));
  const committed = readFileSync(new URL("schema.ts", here), "utf8");
  const code = (text: string): string => text.slice(text.indexOf("export interface paths"));
  expect(code(committed)).toBe(code(fresh));
}, 60_000);
