import { useEffect } from "preact/hooks";
import type { HopIndex } from "../lib/hops";
import { useApp } from "./context";

/** Names of hops; the nodes are read in the background the first time someone asks. */
export function useHops(): HopIndex {
  const app = useApp();
  useEffect(() => {
    void app.directory.ensure(Date.now());
  }, [app]);
  return app.directory.hops.value;
}
