/** Shapes of the answers that the page reads; only the fields it uses. */

/** A transmission of `GET /api/packets`, with its display observation. */
export interface Packet {
  /** Absent in grouped lists. */
  readonly id?: number;
  readonly hash: string;
  readonly first_seen: string | null;
  readonly raw_hex: string | null;
  readonly decoded_json: string | null;
  readonly path_json: string | null;
  readonly observer_id: string | null;
  readonly observer_name: string | null;
  readonly observer_iata?: string | null;
  readonly snr: number | null;
  readonly rssi: number | null;
  readonly payload_type: number | null;
  readonly route_type: number | null;
  readonly observation_count: number;
  readonly resolved_path?: readonly (string | null)[] | null;
  readonly scope_name?: string | null;
}

/** `GET /api/packets`. */
export interface PacketPage {
  readonly packets: readonly Packet[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
}

/** One reception of a transmission. */
export interface Observation {
  readonly id: number;
  readonly observer_id: string | null;
  readonly observer_name: string | null;
  readonly observer_iata?: string | null;
  readonly snr: number | null;
  readonly rssi: number | null;
  readonly path_json: string | null;
  readonly timestamp: string | null;
  readonly direction?: string | null;
  readonly raw_hex?: string | null;
  readonly resolved_path?: readonly (string | null)[] | null;
}

/** `GET /api/packets/{hash}`. */
export interface PacketDetail {
  readonly packet: Packet;
  readonly path: readonly string[];
  readonly observation_count: number;
  readonly observations?: readonly Observation[];
}

/** A node of `GET /api/nodes`. */
export interface Node {
  readonly public_key: string;
  readonly name: string | null;
  readonly role: string | null;
  readonly lat: number | null;
  readonly lon: number | null;
  readonly last_seen: string | null;
  readonly first_seen: string | null;
  readonly advert_count: number;
  readonly battery_mv?: number | null;
  readonly temperature_c?: number | null;
  readonly hash_size?: number | null;
  readonly hash_size_inconsistent?: boolean;
  readonly relay_active?: boolean;
  readonly relay_count_24h?: number;
  readonly last_relayed?: string;
}

/** `GET /api/nodes`. */
export interface NodePage {
  readonly nodes: readonly Node[];
  readonly total: number;
}

/** `GET /api/nodes/{key}`. */
export interface NodeDetail {
  readonly node: Node;
  readonly recentAdverts: readonly Packet[];
}

/** An observer of `GET /api/observers`. */
export interface Observer {
  readonly id: string;
  readonly name: string | null;
  readonly iata: string | null;
  readonly last_seen: string | null;
  readonly first_seen: string | null;
  readonly packet_count: number;
  readonly model: string | null;
  readonly firmware: string | null;
  readonly client_version: string | null;
  readonly radio: string | null;
  readonly battery_mv: number | null;
  readonly uptime_secs: number | null;
  readonly noise_floor: number | null;
  readonly last_packet_at: string | null;
  readonly packetsLastHour: number;
  readonly lat: number | null;
  readonly lon: number | null;
}

/** `GET /api/observers`. */
export interface ObserverPage {
  readonly observers: readonly Observer[];
  readonly server_time: string;
}

/** `GET /api/stats`. */
export interface Stats {
  readonly totalTransmissions: number;
  readonly totalObservations: number;
  readonly totalNodes: number;
  readonly totalObservers: number;
  readonly packetsLastHour: number;
  readonly packetsLast24h: number;
}

/** `GET /api/nodes/{key}/health`. */
export interface NodeHealth {
  readonly node: Node;
  readonly stats: {
    readonly totalTransmissions: number;
    readonly totalObservations: number;
    readonly packetsToday: number;
    readonly avgSnr: number | null;
    readonly lastHeard: string | null;
  };
  readonly observers: readonly {
    readonly observer_id: string;
    readonly observer_name: string | null;
    readonly packetCount: number;
    readonly avgSnr: number | null;
    readonly avgRssi: number | null;
  }[];
  readonly recentPackets: readonly Packet[];
}
