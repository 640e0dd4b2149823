//! Rows as SQLite holds them, borrowed: what goes into the store.

/// A row of `transmissions`: one radio packet, whoever heard it.
///
/// Source: `transmissions` of the original's schema. Texts are verbatim; the store gives the same texts back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransmissionRow<'a> {
    /// `id`, ascending in order of arrival.
    pub id: i64,
    /// `raw_hex`: the first copy received, as published; empty for companion-bridge messages.
    pub raw_hex: &'a str,
    /// `hash`: content hash, normally 16 lower-case hex digits.
    pub hash: &'a str,
    /// `first_seen`: RFC 3339 UTC.
    pub first_seen: &'a str,
    /// `last_seen`: unix seconds of the newest observation, 0 when never filled in.
    pub last_seen: i64,
    /// `route_type`: 0–3.
    pub route_type: Option<i64>,
    /// `payload_type`: 0–15.
    pub payload_type: Option<i64>,
    /// `payload_version`: 0–3.
    pub payload_version: Option<i64>,
    /// `decoded_json`: the payload as a JSON object.
    pub decoded_json: Option<&'a str>,
    /// `from_pubkey`: sender of an advert; `""` looked at and none, `None` not looked at.
    pub from_pubkey: Option<&'a str>,
    /// `channel_hash`: channel name, or `enc_` and two hex digits.
    pub channel_hash: Option<&'a str>,
    /// `scope_name`: `None` unscoped, `""` scoped but unknown, else `#name`.
    pub scope_name: Option<&'a str>,
}

/// A row of `observations`: one reception of a transmission.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObservationRow<'a> {
    /// `id`, ascending in order of arrival.
    pub id: i64,
    /// `transmission_id`.
    pub transmission_id: i64,
    /// `observer_idx`: rowid of the observer.
    pub observer: Option<i64>,
    /// `direction`: `rx`, `tx` or nothing.
    pub direction: Option<&'a str>,
    /// `snr` in dB.
    pub snr: Option<f64>,
    /// `rssi` in dBm.
    pub rssi: Option<f64>,
    /// `score` as published.
    pub score: Option<Score>,
    /// `path_json`: JSON array of upper-case hex hops.
    pub path_json: Option<&'a str>,
    /// `timestamp`: unix seconds.
    pub timestamp: i64,
    /// `resolved_path`: JSON array of public keys and nulls, parallel to the path.
    pub resolved_path: Option<&'a str>,
    /// `raw_hex`: this observation's own copy of the frame.
    pub raw_hex: Option<&'a str>,
}

/// A score: the column has INTEGER affinity, which does not forbid a REAL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Score {
    /// As most publishers send it.
    Integer(i64),
    /// With a fraction.
    Real(f64),
}

/// What one append brings: rows in ascending order of id.
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch<'a> {
    /// New transmissions, or changed ones under their old id.
    pub transmissions: &'a [TransmissionRow<'a>],
    /// New observations, or changed ones under their old id.
    pub observations: &'a [ObservationRow<'a>],
}

#[cfg(test)]
impl<'a> TransmissionRow<'a> {
    /// A flooded group text of which nothing else is known: what unit tests begin with.
    pub(crate) fn bare(id: i64, hash: &'a str) -> Self {
        Self {
            id,
            raw_hex: "1500",
            hash,
            first_seen: "2026-06-01T12:00:00Z",
            last_seen: 0,
            route_type: Some(1),
            payload_type: Some(5),
            payload_version: Some(0),
            decoded_json: None,
            from_pubkey: None,
            channel_hash: None,
            scope_name: None,
        }
    }
}

#[cfg(test)]
impl ObservationRow<'_> {
    /// A reception of which nothing else is known.
    pub(crate) fn bare(id: i64, transmission_id: i64, timestamp: i64) -> Self {
        Self {
            id,
            transmission_id,
            observer: None,
            direction: None,
            snr: None,
            rssi: None,
            score: None,
            path_json: None,
            timestamp,
            resolved_path: None,
            raw_hex: None,
        }
    }
}
