import { Blank } from "../ui/states";
import { Header } from "./header";
import { openPalette } from "./palette-state";

/** An address without a page. */
export function NotFound({ page }: { page: string }) {
  return (
    <>
      <Header title="Not found" />
      <main class="main" id="main" tabIndex={-1}>
        <Blank
          icon="search"
          title="There is no such page"
          actions={
            <>
              <a class="btn" href="#/packets">
                Packets
              </a>
              <button type="button" class="btn" onClick={openPalette}>
                Search
              </button>
            </>
          }
        >
          Nothing answers to “{page.slice(0, 40)}”. A node, a packet or a page can be found by search.
        </Blank>
      </main>
    </>
  );
}
