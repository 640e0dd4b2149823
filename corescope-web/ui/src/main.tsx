import "./styles/index.css";
import { render } from "preact";
import { LiveFeed } from "./api/live";
import { AppProvider, AppState } from "./app/context";
import { followAddress } from "./app/router";
import { Shell } from "./app/shell";
import { followTheme } from "./app/theme";

/** How often the counters of the header are asked for, ms. */
const COUNTERS_MS = 15_000;

followTheme();
followAddress();

const socket = new URL("ws", new URL("./", location.href));
socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";
socket.hash = "";
const app = new AppState(new LiveFeed(socket.href));
app.live.start();

const root = document.getElementById("app");
if (root) {
  render(
    <AppProvider value={app}>
      <Shell />
    </AppProvider>,
    root,
  );
}

// The page asks for its list as it is drawn; what the header and the marks want comes behind that.
function readCounters(): void {
  if (document.hidden) return;
  void app.readStats();
  void app.readObservers();
}
setTimeout(() => {
  readCounters();
  void app.readSettings();
});
setInterval(readCounters, COUNTERS_MS);
document.addEventListener("visibilitychange", readCounters);
setInterval(() => {
  if (document.hidden) return;
  app.nowMs.value = app.serverNowMs();
  app.live.tick();
}, 1000);
