import { PLACES, type Place } from "./places";
import { route } from "./router";
import { Icon } from "../ui/icon";

const GROUPS = [...new Set(PLACES.map((place) => place.group))];

function current(place: Place): "page" | undefined {
  return route.value.page === place.page ? "page" : undefined;
}

/** The rail at the left, from 768 px; icons only below 1024 px. */
export function Rail() {
  return (
    <nav class="rail" aria-label="Places">
      <a class="brand" href="#/packets" aria-label="CoreScope">
        <Brand />
        <span>CoreScope</span>
      </a>
      {GROUPS.map((group) => (
        <div key={group} class="railgroup">
          <h2>{group}</h2>
          {PLACES.filter((place) => place.group === group).map((place) => (
            <a
              key={place.page}
              class="nav"
              href={`#/${place.page}`}
              aria-current={current(place)}
              title={place.label}
            >
              <Icon name={place.icon} />
              <span>{place.label}</span>
            </a>
          ))}
        </div>
      ))}
    </nav>
  );
}

/** The bar at the foot of a phone. */
export function BottomBar() {
  return (
    <nav class="bottombar" aria-label="Places">
      {PLACES.map((place) => (
        <a key={place.page} href={`#/${place.page}`} aria-current={current(place)}>
          <Icon name={place.icon} />
          <span>{place.label}</span>
        </a>
      ))}
    </nav>
  );
}

function Brand() {
  return (
    <svg
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M16.9 13.1A7.5 7.5 0 1 1 16.9 6.9" />
      <path d="M13.2 11.9A3.75 3.75 0 1 1 13.2 8.1" />
      <circle cx="10" cy="10" r="1.2" fill="currentColor" stroke="none" />
      <path d="M10 10h8.5" />
    </svg>
  );
}
