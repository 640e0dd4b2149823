import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, address, getJson, postJson } from "./client";

const answers: Response[] = [];
const requests: Request[] = [];

beforeEach(() => {
  vi.stubGlobal("location", { href: "http://host/below/index.html#/packets" });
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    // The cache mode is the browser's business.
    const { cache: _, ...rest } = init;
    requests.push(new Request(url, rest));
    const answer = answers.shift();
    if (!answer) throw new TypeError("no network");
    return answer;
  });
});
afterEach(() => {
  answers.length = 0;
  requests.length = 0;
  vi.unstubAllGlobals();
});

describe("the client", () => {
  it("works below a path and leaves out empty values", () => {
    expect(address("api/packets", { limit: 5, filter: "", region: "A B" })).toBe(
      "http://host/below/api/packets?limit=5&region=A+B",
    );
  });

  it("takes an unchanged answer from memory", async () => {
    answers.push(
      Response.json({ total: 1 }, { headers: { ETag: '"v1"' } }),
      new Response(null, { status: 304 }),
    );
    expect(await getJson("/api/stats")).toEqual({ total: 1 });
    expect(await getJson("/api/stats")).toEqual({ total: 1 });
    expect(requests.map((r) => r.headers.get("If-None-Match"))).toEqual([null, '"v1"']);
  });

  it("asks once for what is asked for twice at the same time", async () => {
    answers.push(Response.json({ n: 1 }));
    const [a, b] = await Promise.all([getJson("/api/observers"), getJson("/api/observers")]);
    expect(a).toBe(b);
    expect(requests).toHaveLength(1);
  });

  it("passes on what the server says is wrong, with the column", async () => {
    answers.push(
      Response.json(
        { error: "a value is missing", code: "filter", column: 6, hint: "such as 5" },
        { status: 400 },
      ),
    );
    const error = await getJson("/api/packets").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      message: "a value is missing",
      status: 400,
      code: "filter",
      column: 6,
      hint: "such as 5",
    });
  });

  it("has words for an answer that is no JSON, and for none", async () => {
    answers.push(new Response("<html>", { status: 502, headers: { "Retry-After": "5" } }));
    expect(await postJson("/api/v2/decode", {}).catch((e: unknown) => e)).toMatchObject({
      status: 502,
      retryAfter: 5,
    });
    expect(await getJson("/api/nodes").catch((e: unknown) => e)).toMatchObject({
      status: 0,
      message: "The server does not answer.",
    });
  });
});
