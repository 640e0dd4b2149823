import { useEffect } from "preact/hooks";
import { useApp } from "./context";

/** Names of nodes by key; read in the background the first time someone asks. */
export function useNames(): ReadonlyMap<string, string> {
  const app = useApp();
  useEffect(() => {
    void app.directory.ensure(Date.now());
  }, [app]);
  return app.directory.names.value;
}
