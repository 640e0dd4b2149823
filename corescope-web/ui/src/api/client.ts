import type { paths } from "./schema";

type JsonOf<R> = R extends { 200: { content: { "application/json": infer Body } } } ? Body : never;

/** Paths of the API's description that answer a GET with JSON. */
export type GetPath = {
  [P in keyof paths]: paths[P] extends { get: { responses: infer R } }
    ? [JsonOf<R>] extends [never]
      ? never
      : P
    : never;
}[keyof paths];

/** What such a path answers. */
export type Answer<P extends GetPath> = paths[P] extends { get: { responses: infer R } } ? JsonOf<R> : never;

/** Paths that take JSON by POST and answer with it. */
export type PostPath = {
  [P in keyof paths]: paths[P] extends {
    post: { requestBody: { content: { "application/json": unknown } }; responses: infer R };
  }
    ? [JsonOf<R>] extends [never]
      ? never
      : P
    : never;
}[keyof paths];

type PostBody<P extends PostPath> = paths[P] extends {
  post: { requestBody: { content: { "application/json": infer B } } };
}
  ? B
  : never;
type PostAnswer<P extends PostPath> = paths[P] extends { post: { responses: infer R } } ? JsonOf<R> : never;

/** Values of a query; empty ones are left out. */
export type Query = Readonly<Record<string, string | number>>;

/** A request that did not end well, in words for the reader. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** Stable code of the error, e.g. `filter`; empty without. */
    readonly code: string,
    /** Column (from 1) in the filter expression, where the error has one. */
    readonly column: number | null,
    /** What to do about it; empty without. */
    readonly hint: string,
    /** Seconds the server asks to wait; null without. */
    readonly retryAfter: number | null,
  ) {
    super(message);
  }
}

interface Kept {
  readonly etag: string;
  readonly body: unknown;
}

/** Answers kept for `If-None-Match`: the newest few, so that memory stays bounded. */
const KEPT_MAX = 40;
const kept = new Map<string, Kept>();
const running = new Map<string, Promise<unknown>>();

/** The folder the page came from: it may be served below a path. */
const base = (): URL => new URL("./", location.href);

/** The address of a path below the page, with its query; empty values are left out. */
export function address(path: string, query: Query = {}): string {
  const url = new URL(path.replace(/^\//, ""), base());
  for (const [key, value] of Object.entries(query))
    if (value !== "") url.searchParams.set(key, String(value));
  return url.href;
}

/**
 * Reads JSON. `params` fill the braces of the path. Identical requests at the same time are one; an unchanged answer (304) is
 * taken from memory.
 */
export function getJson<P extends GetPath>(
  path: P,
  query: Query = {},
  params: Readonly<Record<string, string>> = {},
): Promise<Answer<P>> {
  const url = address(
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "")),
    query,
  );
  const shared = running.get(url);
  if (shared) return shared as Promise<Answer<P>>;
  const request = conditionalGet(url).finally(() => running.delete(url));
  running.set(url, request);
  return request as Promise<Answer<P>>;
}

async function conditionalGet(url: string): Promise<unknown> {
  const before = kept.get(url);
  const response = await send(url, { headers: before ? { "If-None-Match": before.etag } : {} });
  if (response.status === 304 && before) {
    kept.delete(url);
    kept.set(url, before);
    return before.body;
  }
  const body = await readJson(response);
  const etag = response.headers.get("ETag");
  if (etag) keep(url, { etag, body });
  return body;
}

function keep(url: string, value: Kept): void {
  kept.delete(url);
  kept.set(url, value);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT_MAX) break;
    kept.delete(oldest);
  }
}

/** Sends JSON and reads JSON. */
export async function postJson<P extends PostPath>(path: P, body: PostBody<P>): Promise<PostAnswer<P>> {
  const response = await send(address(path), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await readJson(response)) as PostAnswer<P>;
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { cache: "no-store", ...init });
  } catch {
    throw new ApiError("The server does not answer.", 0, "", null, "Check that it runs and try again.", null);
  }
}

async function readJson(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  throw errorOf(response, body);
}

function errorOf(response: Response, body: unknown): ApiError {
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (key: string): string => (typeof fields[key] === "string" ? fields[key] : "");
  const wait = Number(response.headers.get("Retry-After"));
  return new ApiError(
    text("error") || `The server answered with ${response.status}.`,
    response.status,
    text("code"),
    typeof fields["column"] === "number" ? fields["column"] : null,
    text("hint"),
    Number.isFinite(wait) && wait > 0 ? wait : null,
  );
}
