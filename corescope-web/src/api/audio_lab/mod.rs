//! `GET /api/audio-lab/buckets`: some packets of each type, from short to long.

mod order;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use corescope_store::memory::{OwnedTransmission, Transmission};
use corescope_store::tail::WholeError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::aged::in_proportion;
use crate::api::moment::Moment;
use crate::api::packets::View;
use crate::api::rest::unanswered;
use crate::server::Hot;
use crate::{ApiError, App, AppState, json};

/// Packets per type.
const PER_TYPE: usize = 8;

/// Some packets of each type.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudioLab<'a> {
    /// Decoded type to at most eight packets, spread over the sizes, shortest first.
    pub buckets: BTreeMap<String, Vec<AudioPacket<'a>>>,
}

/// One packet.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudioPacket<'a> {
    /// Content hash.
    pub hash: Cow<'a, str>,
    /// The frame, hex.
    pub raw_hex: Option<Cow<'a, str>>,
    /// The payload as JSON text.
    pub decoded_json: Option<Cow<'a, str>>,
    /// Receptions.
    pub observation_count: usize,
    /// Payload type, 0 to 15.
    pub payload_type: Option<i64>,
    /// Hops of the longest copy as JSON text.
    pub path_json: Option<Cow<'a, str>>,
    /// Who heard that copy.
    pub observer_id: Option<&'a str>,
    /// First reception, RFC 3339.
    pub timestamp: Cow<'a, str>,
}

/// Some packets of each type, from short to long.
#[utoipa::path(get, path = "/api/audio-lab/buckets", tag = "packets",
    responses((status = 200, body = AudioLab<'static>)))]
pub(crate) async fn buckets(State(app): State<AppState>) -> Result<Response, ApiError> {
    let version = app.version();
    let moment = app.moment();
    let body = tokio::task::spawn_blocking(move || sample(&app, &moment))
        .await
        .map_err(|error| ApiError::internal("audio lab", &error))?
        .map_err(unanswered)?;
    let mut response = json::response_of(body);
    response.extensions_mut().insert(Hot::until_change(version));
    Ok(response)
}

/// A packet's type as its decoded form names it, without decoding it: group text that was decrypted is `CHAN`.
fn type_name(packet: &Transmission<'_>) -> Option<&'static str> {
    let named = || packet.channel_hash().is_some_and(|name| !name.starts_with("enc_"));
    let decrypted = || named() && packet.is_decoded();
    Some(match packet.payload_type()? {
        0 => "REQ",
        1 => "RESPONSE",
        2 => "TXT_MSG",
        3 => "ACK",
        4 => "ADVERT",
        5 if decrypted() => "CHAN",
        5 => "GRP_TXT",
        6 => "GRP_DATA",
        7 => "ANON_REQ",
        8 => "PATH",
        9 => "TRACE",
        10 => "MULTIPART",
        11 => "CONTROL",
        15 => "RAW_CUSTOM",
        _ => "UNKNOWN",
    })
}

struct Sized {
    len: usize,
    first_seen: i64,
    id: i64,
}

/// Packets of each type, from short to long, by id.
pub(crate) type Chosen = BTreeMap<&'static str, Vec<i64>>;

fn sample(app: &App, moment: &Moment) -> Result<Vec<u8>, WholeError> {
    let choose = || choose(app, moment);
    let chosen = if moment.data.lacks_rows() {
        app.rest.audio_lab.get(moment.data.version(), in_proportion, choose)?
    } else {
        Arc::new(choose()?)
    };
    let mut packets: BTreeMap<&str, Vec<Arc<OwnedTransmission>>> = BTreeMap::new();
    for (name, id) in chosen.iter().flat_map(|(name, ids)| ids.iter().map(|id| (*name, *id))) {
        packets.entry(name).or_default().extend(app.rest.whole.by_id(&moment.data, id)?);
    }
    let view = View { snapshot: &moment.data, veil: &moment.veil };
    let buckets = packets.iter().map(|(name, packets)| {
        ((*name).to_owned(), packets.iter().map(|packet| shown(view, (&**packet).into())).collect())
    });
    Ok(json::to_vec(&AudioLab { buckets: buckets.collect() }))
}

fn choose(app: &App, moment: &Moment) -> Result<Chosen, WholeError> {
    let mut sizes: BTreeMap<&'static str, Vec<Sized>> = BTreeMap::new();
    let mut add = |packet: &Transmission<'_>| {
        if packet.raw().is_empty() {
            return;
        }
        if let Some(name) = type_name(packet) {
            let (len, first_seen, id) = (packet.raw().len(), packet.first_seen_unix(), packet.id());
            sizes.entry(name).or_default().push(Sized { len, first_seen, id });
        }
    };
    app.rest.whole.older(&moment.data, &mut add)?;
    moment.data.transmissions().for_each(|packet| add(&packet));
    let chosen = sizes.into_iter().map(|(name, mut all)| {
        // By id already, and so nearly by time: the stable sort makes use of that.
        all.sort_by_key(|p| (p.first_seen, p.id));
        order::sort_by_size(&mut all, |p| p.len);
        (name, spread(all.len(), PER_TYPE).filter_map(|at| all.get(at)).map(|p| p.id).collect())
    });
    Ok(chosen.collect())
}

/// `count` positions of a list, evenly spread, first and last included.
fn spread(len: usize, count: usize) -> impl Iterator<Item = usize> {
    let n = len.min(count);
    (0..n).map(move |i| if n == len { i } else { i * len / n })
}

fn shown<'m>(view: View<'m>, packet: Transmission<'m>) -> AudioPacket<'m> {
    let p = view.packet(packet, false);
    AudioPacket {
        hash: p.hash,
        raw_hex: p.raw_hex,
        decoded_json: p.decoded_json,
        observation_count: p.observation_count,
        payload_type: p.payload_type,
        path_json: p.path_json,
        observer_id: p.observer_id,
        timestamp: p.first_seen,
    }
}
