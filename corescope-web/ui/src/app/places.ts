/** A page one can go to. */
export interface Place {
  readonly page: string;
  readonly label: string;
  readonly icon: string;
  /** The group it stands in, in the rail. */
  readonly group: string;
}

/** Every page there is, in the order of the rail. */
export const PLACES: readonly Place[] = [
  { page: "map", label: "Map", icon: "map", group: "Watch" },
  { page: "packets", label: "Packets", icon: "packets", group: "Packets" },
  { page: "decode", label: "Decode", icon: "decode", group: "Packets" },
  { page: "nodes", label: "Nodes", icon: "nodes", group: "People and places" },
  { page: "observers", label: "Observers", icon: "observers", group: "People and places" },
];
