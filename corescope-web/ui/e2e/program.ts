import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The running program. */
export interface Program {
  /** Address of the page, with a slash at its end. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** How long the program may take to be there, ms. */
const START_MS = 120_000;

function binary(): string {
  const named = process.env["CORESCOPE_BIN"];
  if (named) return named;
  for (const profile of ["release", "quick", "debug"]) {
    const path = new URL(`../../../target/${profile}/corescope-cli`, import.meta.url).pathname;
    if (existsSync(path)) return path;
  }
  throw new Error(
    "no corescope-cli is built: run `cargo build -p corescope-cli`, or set CORESCOPE_BIN to one",
  );
}

/** Starts the demo on free ports with a folder of its own. `CORESCOPE_PUBLIC` serves a page from a folder instead of the embedded one. */
export async function startDemo(): Promise<Program> {
  const data = mkdtempSync(join(tmpdir(), "corescope-e2e-"));
  const folder = process.env["CORESCOPE_PUBLIC"];
  const child = spawn(
    binary(),
    [
      "up",
      "--demo",
      "--data",
      data,
      "--listen",
      "127.0.0.1:0",
      "--mqtt-listen",
      "127.0.0.1:0",
      "--seed",
      "7",
      "--rate",
      "3",
      ...(folder ? ["--public", folder] : []),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const url = await address(child);
    return { url: url.endsWith("/") ? url : `${url}/`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The address that the program prints. */
function address(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(
      () => reject(new Error(`the program named no address within ${START_MS / 1000} s; it said:\n${said}`)),
      START_MS,
    );
    const read = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-20_000);
      const found = /page\s+(http:\/\/\S+)/.exec(said)?.[1];
      if (!found) return;
      clearTimeout(timer);
      resolve(found);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`the program ended with ${code} before it named its address; it said:\n${said}`));
    });
  });
}

/** Asks the program to end, and ends it if it does not. */
function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}
