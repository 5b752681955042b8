//! What the server answers to.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tessera_audio::AudioCodec;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::access::{self, Denied};
use crate::job::{Decoding, Encoding, Job};
use crate::page;
use crate::session::{self, Surroundings};
use crate::wire::{Format, MAX_PACKET_TOKENS, Ready};

/// Sample rates of PCM.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Seconds after which a client that found no room may ask again.
const RETRY: &str = "5";

/// What all requests share.
pub(crate) struct Shared {
    pub codec: AudioCodec,
    pub surroundings: Surroundings,
    pub streams: Arc<Semaphore>,
    pub served: AtomicU64,
}

/// What a stream is asked to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    format: Format,
    rate: Option<u32>,
    depth: Option<u8>,
    packet: Option<usize>,
    key: Option<String>,
}

/// A stream that may begin.
type Opened = (Box<dyn Job>, Ready);

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/info", get(info))
        .route("/v1/encode", get(encode))
        .route("/v1/decode", get(decode))
        .fallback(get(asset))
        .with_state(shared)
}

async fn asset(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Response {
    if let Err(denied) = access::check_host(&headers, &shared.surroundings.options) {
        return forbidden(denied);
    }
    page::file(uri.path()).unwrap_or_else(|| {
        refuse(StatusCode::NOT_FOUND, "not-found", "there is no such page; see /, /v1/info, /v1/encode, /v1/decode")
    })
}

async fn info(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let options = &shared.surroundings.options;
    let key = wanted.ok().and_then(|Query(wanted)| wanted.key);
    if let Err(denied) = access::check_stream(&headers, key.as_deref(), options) {
        return forbidden(denied);
    }
    let codec = &shared.codec;
    let depths = depths(codec);
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pack": codec.pack().id(),
        "hash": codec.pack().hash_text(),
        "model_rate": codec.rate(),
        "hop": codec.hop(),
        "delay": codec.delay_samples(),
        "depth": codec.default_bits(),
        "depths": [depths.start(), depths.end()],
        "rates": [RATES.start(), RATES.end()],
        "max_packet": MAX_PACKET_TOKENS,
        "max_message": options.max_message,
        "max_speed": options.max_speed,
        "max_streams": options.max_streams,
        "streams": options.max_streams - shared.streams.available_permits(),
        "served": shared.served.load(Ordering::Relaxed),
    }))
    .into_response()
}

async fn encode(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    open(&shared, &headers, wanted, upgrade, encoding)
}

async fn decode(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    open(&shared, &headers, wanted, upgrade, decoding)
}

/// Checks a request for a stream, from what costs least to what costs most, and begins it.
fn open(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    begin: fn(&Shared, &Wanted) -> Result<Opened, String>,
) -> Response {
    let Surroundings { options, ending, .. } = &shared.surroundings;
    let wanted = match wanted {
        Ok(Query(wanted)) => wanted,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, "bad-query", &error.body_text()),
    };
    if let Err(denied) = access::check_stream(headers, wanted.key.as_deref(), options) {
        return forbidden(denied);
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(error) => return refuse(error.status(), "no-websocket", &error.body_text()),
    };
    if *ending.borrow() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "ending", "the server is ending");
    }
    let Ok(permit) = Arc::clone(&shared.streams).try_acquire_owned() else {
        let full =
            refuse(StatusCode::SERVICE_UNAVAILABLE, "full", "the server has as many streams as it may; try again");
        return ([(header::RETRY_AFTER, RETRY)], full).into_response();
    };
    let (job, ready) = match begin(shared, &wanted) {
        Ok(opened) => opened,
        Err(what) => return refuse(StatusCode::BAD_REQUEST, "bad-query", &what),
    };
    shared.served.fetch_add(1, Ordering::Relaxed);
    let surroundings = shared.surroundings.clone();
    upgrade
        .max_message_size(options.max_message)
        .max_frame_size(options.max_message)
        .read_buffer_size(options.max_message.min(1 << 14))
        .write_buffer_size(0)
        .on_upgrade(move |socket| async move {
            let _permit: OwnedSemaphorePermit = permit;
            session::run(socket, job, ready, surroundings).await;
        })
}

fn encoding(shared: &Shared, wanted: &Wanted) -> Result<Opened, String> {
    let packet = wanted.packet.unwrap_or(1);
    if !(1..=MAX_PACKET_TOKENS).contains(&packet) {
        return Err(format!("packet is {packet}; a packet has 1 to {MAX_PACKET_TOKENS} tokens"));
    }
    let (rate, depth) = (rate(shared, wanted)?, depth(shared, wanted)?);
    let job = Encoding::new(&shared.codec, wanted.format, rate, depth, packet).map_err(|error| error.to_string())?;
    Ok((Box::new(job), ready(shared, wanted, rate, depth, packet)))
}

fn decoding(shared: &Shared, wanted: &Wanted) -> Result<Opened, String> {
    if wanted.packet.is_some() {
        return Err("packet is for streams that are encoded; packets that come may have any size".to_owned());
    }
    if wanted.format == Format::Tsr && wanted.depth.is_some() {
        return Err("depth is in the header of a tsr stream; leave it out".to_owned());
    }
    let (rate, depth) = (rate(shared, wanted)?, depth(shared, wanted)?);
    let job = Decoding::new(&shared.codec, wanted.format, rate, depth).map_err(|error| error.to_string())?;
    let depth = if wanted.format == Format::Tsr { 0 } else { depth };
    Ok((Box::new(job), ready(shared, wanted, rate, depth, 0)))
}

fn rate(shared: &Shared, wanted: &Wanted) -> Result<u32, String> {
    let rate = wanted.rate.unwrap_or_else(|| shared.codec.rate());
    if RATES.contains(&rate) {
        return Ok(rate);
    }
    Err(format!("rate is {rate}; PCM has {} to {} samples per second", RATES.start(), RATES.end()))
}

fn depth(shared: &Shared, wanted: &Wanted) -> Result<u8, String> {
    let depths = depths(&shared.codec);
    let depth = wanted.depth.unwrap_or(shared.codec.default_bits().min(*depths.end()));
    if depths.contains(&depth) {
        return Ok(depth);
    }
    Err(format!("depth is {depth}; tokens of this model have {} to {} bits", depths.start(), depths.end()))
}

/// Bits that a token of a message may have: those of a frame, as far as they go into a number.
fn depths(codec: &AudioCodec) -> RangeInclusive<u8> {
    let bits = codec.bits();
    *bits.start()..=(*bits.end()).min(64)
}

fn ready(shared: &Shared, wanted: &Wanted, rate: u32, depth: u8, packet: usize) -> Ready {
    let codec = &shared.codec;
    Ready {
        format: wanted.format,
        rate,
        model_rate: codec.rate(),
        hop: codec.hop() as u32,
        depth,
        packet: packet as u32,
        delay: codec.delay_samples() as u32,
        pack: codec.pack().id().to_owned(),
        hash: codec.pack().hash_text(),
        max_message: shared.surroundings.options.max_message,
    }
}

fn forbidden(denied: Denied) -> Response {
    let status = if denied == Denied::Key { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    refuse(status, "forbidden", denied.message())
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "type": "error", "code": code, "message": message }))).into_response()
}
