//! What happens to every request before and after its route: the client's address and its
//! allowance, size of the headers, path cleaning, CORS, shared bodies, tags, compression, timing.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{Router, extract::Request};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::OwnedMutexGuard;
use tower::ServiceExt;

use super::cdn::CdnNotice;
use super::client::{ClientAddress, client_address};
use super::compress::{self, Encoding};
use super::conditional;
use super::connection::Place;
use super::hot::{Form, Found, Hot, HotBody};
use super::path;
use super::reader;
use crate::{ApiError, AppState};

const LOAD_STATUS: HeaderName = HeaderName::from_static("x-corescope-load-status");

/// The route pattern that answered, put into the answer's extensions by the router.
#[derive(Debug, Clone)]
pub(crate) struct RoutePattern(pub(crate) Arc<str>);

/// The edge: state, routes, and what makes tags of this process differ from another's.
#[derive(Debug)]
pub(crate) struct Edge {
    state: AppState,
    router: Router,
    boot: u64,
    cdn: CdnNotice,
}

/// What of a request is needed after its route consumed it.
struct Asked {
    is_head: bool,
    is_api: bool,
    uri: Uri,
    headers: HeaderMap,
    encoding: Encoding,
    key: Option<String>,
    /// Before the route ran: a shared body may claim no newer version than this.
    version: u64,
}

impl Edge {
    pub(crate) fn new(state: AppState, router: Router) -> Self {
        let boot = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64);
        Self { state, router, boot, cdn: CdnNotice::default() }
    }

    /// Answers one request; never fails and never panics.
    pub(crate) async fn answer(
        &self,
        peer: IpAddr,
        place: &Place,
        request: hyper::Request<Incoming>,
    ) -> Response {
        let begun = Instant::now();
        let client = client_address(peer, request.headers(), &self.state.addresses);
        if let Some(refusal) = self.refuse(client, &request) {
            return self.finish_plain(refusal, request.headers(), path::is_api(request.uri().path()));
        }
        // A preflight carries no login, and tells nothing.
        if request.method() != Method::OPTIONS
            && let Some(refusal) = reader::refuse(&self.state, request.uri().path(), request.headers())
        {
            return self.finish_plain(refusal, request.headers(), path::is_api(request.uri().path()));
        }
        if let Some(response) = self.at_hand(&request, begun) {
            return response;
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(place.clone());
        request.extensions_mut().insert(client);
        // Apart, so that what most requests need stays small.
        Box::pin(self.routed(request, begun)).await
    }

    /// The short way: a shared body that is ready to be sent. Keys are clean addresses of GET
    /// requests to the API, so nothing else can be meant by a request with such an address.
    fn at_hand(&self, request: &hyper::Request<Incoming>, begun: Instant) -> Option<Response> {
        let headers = request.headers();
        if request.method() != Method::GET
            || headers.contains_key(header::UPGRADE)
            || crate::api::wants_protobuf(headers)
        {
            return None;
        }
        let shared = self.state.hot.get(request.uri().path_and_query()?.as_str(), self.state.version())?;
        let form = shared.ready(self.encoding(headers))?;
        let response = self.send(form, headers, false);
        self.record(&response, begun, request.uri().path(), &shared.route);
        Some(response)
    }

    fn encoding(&self, headers: &HeaderMap) -> Encoding {
        if self.state.options.compression { Encoding::negotiate(headers) } else { Encoding::Identity }
    }

    /// The long way, through the routes.
    async fn routed(&self, mut request: Request, begun: Instant) -> Response {
        self.cdn.look(request.headers());
        let refusal = malformed(&request).map(IntoResponse::into_response);
        if let Some(response) = refusal.or_else(|| path::redirect_to_clean(request.uri())) {
            return self.finish_plain(response, request.headers(), path::is_api(request.uri().path()));
        }
        if request.method() == Method::OPTIONS
            && let Some(response) = self.state.cors.preflight(request.headers())
        {
            return self.finish_plain(response, &HeaderMap::new(), false);
        }
        let is_head = request.method() == Method::HEAD;
        if is_head {
            *request.method_mut() = Method::GET;
        }
        path::drop_trailing_slash(request.uri_mut());
        let is_api = path::is_api(request.uri().path());
        let upgrade = request.headers().contains_key(header::UPGRADE);
        let key = (is_api && request.method() == Method::GET && !upgrade)
            .then(|| hot_key(request.uri(), request.headers()));
        let asked = Asked {
            is_head,
            is_api,
            uri: request.uri().clone(),
            encoding: self.encoding(request.headers()),
            headers: kept(request.headers()),
            key,
            version: self.state.version(),
        };
        let turn = match &asked.key {
            Some(key) => match self.turn(key, asked.version).await {
                Ok(shared) => {
                    let response = self.send_hot(&shared, &asked).await;
                    self.record(&response, begun, asked.uri.path(), &shared.route);
                    return response;
                }
                Err(turn) => turn,
            },
            None => None,
        };
        let routed = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind().await;
        let response = match routed {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => ApiError::internal("route", &"a handler panicked").into_response(),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return response;
        }
        let route = response.extensions().get::<RoutePattern>().map(|r| r.0.clone());
        let response = self.finish(response, &asked, route.as_ref()).await;
        drop(turn);
        if asked.is_api
            && let Some(route) = &route
        {
            self.record(&response, begun, asked.uri.path(), route);
        }
        response
    }

    /// The shared body under a key, or the turn to make it. Of those who ask for a body that is
    /// known to be shared one makes it, and the others wait. A client that goes away passes its
    /// turn on.
    async fn turn(&self, key: &str, version: u64) -> Result<Arc<HotBody>, Option<OwnedMutexGuard<()>>> {
        let turn = match self.state.hot.find(key, version) {
            Found::Fresh(shared) => return Ok(shared),
            Found::Stale(turn) => turn.lock_owned().await,
            Found::Unknown => return Err(None),
        };
        self.state.hot.get(key, version).ok_or(Some(turn))
    }

    /// What is refused before anything is done for it.
    fn refuse(&self, client: ClientAddress, request: &hyper::Request<Incoming>) -> Option<Response> {
        let (uri, headers) = (request.uri(), request.headers());
        if let Err(seconds) = self.state.addresses.request(client.0) {
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many requests");
            let error =
                error.retry_after(seconds).hint("slow down, or ask the operator to raise http.limits");
            return Some(error.into_response());
        }
        let limit = self.state.options.limits.header_bytes;
        let line = uri.path().len() + uri.query().map_or(0, str::len);
        let size: usize = headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
        if line + size > limit {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            let error =
                ApiError::new(status, "headers_too_large", format!("headers too large (max {limit} bytes)"));
            return Some(error.hint("shorten the query or drop cookies").into_response());
        }
        let hosts = headers.get_all(header::HOST).iter().count();
        if request.version() == Version::HTTP_11 && hosts != 1 {
            let error = ApiError::bad_request(format!("expected one Host header, got {hosts}"));
            let error = error.code("bad_host").hint("send the host that the request is meant for");
            return Some(error.into_response());
        }
        None
    }

    /// Sends a shared body, compressed first where nobody has done that yet.
    async fn send_hot(&self, shared: &Arc<HotBody>, asked: &Asked) -> Response {
        let encoding = asked.encoding;
        if shared.ready(encoding).is_none() && shared.len() > INLINE {
            let packing = shared.clone();
            // It goes on being packed here if the thread cannot be had.
            let _ = tokio::task::spawn_blocking(move || packing.form(encoding).body.len()).await;
        }
        self.send(shared.form(encoding), &asked.headers, asked.is_head)
    }

    /// An answer with this body, or 304 for a client that has it.
    fn send(&self, form: &Form, request: &HeaderMap, is_head: bool) -> Response {
        let mut headers = form.headers.clone();
        let unchanged = conditional::not_modified(request, &form.etag);
        let body = if unchanged {
            headers.remove(header::CONTENT_TYPE);
            headers.remove(header::CONTENT_ENCODING);
            Body::empty()
        } else if is_head {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(form.body.len()));
            Body::empty()
        } else {
            Body::from(form.body.clone())
        };
        self.state.cors.decorate(request.get(header::ORIGIN), &mut headers);
        let mut response = Response::new(body);
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        *response.headers_mut() = headers;
        response
    }

    /// Tags, shares, compresses and decorates what a route answered.
    async fn finish(&self, response: Response, asked: &Asked, route: Option<&Arc<str>>) -> Response {
        // Streams (a backup) go as they come; so does what a route finished itself (files).
        let own = response.headers().contains_key(header::ETAG)
            || response.headers().contains_key(header::CONTENT_ENCODING);
        let whole = response.body().size_hint().exact().is_some();
        if own || !whole {
            return self.finish_plain(strip(response, asked.is_head), &asked.headers, asked.is_api);
        }
        let (mut parts, body) = response.into_parts();
        let Ok(collected) = body.collect().await else {
            let error = ApiError::internal("route", &"a whole body broke off").into_response();
            return self.finish_plain(error, &asked.headers, asked.is_api);
        };
        let body = collected.to_bytes();
        // axum wrote the length of the plain body; hyper writes that of what is sent.
        parts.headers.remove(header::CONTENT_LENGTH);
        let ok = parts.status == StatusCode::OK;
        let hot = parts.extensions.remove::<Hot>().filter(|h| ok && h.version >= asked.version);
        let etag = match hot {
            Some(Hot { version, ttl: None }) => Some(conditional::version_tag(self.boot, version)),
            _ if ok && asked.key.is_some() && body.len() <= conditional::MAX_HASHED => {
                Some(conditional::body_tag(&body))
            }
            _ => None,
        };
        if let (Some(hot), Some(key), Some(etag)) = (hot, &asked.key, &etag) {
            let route = route.cloned().unwrap_or_else(|| asked.uri.path().into());
            self.common(&mut parts.headers, asked.is_api);
            let shared = Arc::new(HotBody::new(hot, body, parts.headers, etag.clone(), route));
            self.state.hot.put(key.clone(), shared.clone());
            return self.send_hot(&shared, asked).await;
        }
        let (encoding, body) = encode(body, asked.encoding, parts.headers.get(header::CONTENT_TYPE)).await;
        let etag = etag.map(|e| conditional::variant(&e, encoding.tag()));
        self.complete(Response::from_parts(parts, Body::empty()), asked, etag, encoding, body)
    }

    /// The last steps for a body that is at hand.
    fn complete(
        &self,
        mut response: Response,
        asked: &Asked,
        etag: Option<HeaderValue>,
        encoding: Encoding,
        body: Bytes,
    ) -> Response {
        let headers = response.headers_mut();
        if body.len() >= compress::MIN_BYTES || encoding != Encoding::Identity {
            headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        let unchanged = etag.as_ref().is_some_and(|e| conditional::not_modified(&asked.headers, e));
        if let Some(etag) = etag {
            headers.insert(header::ETAG, etag);
        }
        if unchanged {
            headers.remove(header::CONTENT_TYPE);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            if let Some(name) = encoding.name() {
                headers.insert(header::CONTENT_ENCODING, name);
            }
            if asked.is_head {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            } else {
                *response.body_mut() = Body::from(body);
            }
        }
        self.finish_plain(response, &asked.headers, asked.is_api)
    }

    /// The headers that every answer has.
    fn finish_plain(&self, mut response: Response, request: &HeaderMap, is_api: bool) -> Response {
        let headers = response.headers_mut();
        self.common(headers, is_api);
        self.state.cors.decorate(request.get(header::ORIGIN), headers);
        response
    }

    /// Of these headers those that do not depend on who asks.
    fn common(&self, headers: &mut HeaderMap, is_api: bool) {
        if is_api && !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        let snapshot = self.state.store.snapshot();
        let status = if snapshot.loading().usable {
            HeaderValue::from_static("ready")
        } else {
            let text = format!("loading; progress={}", snapshot.loading().loaded);
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("loading"))
        };
        headers.insert(LOAD_STATUS, status);
    }

    fn record(&self, response: &Response, begun: Instant, path: &str, route: &str) {
        let took = begun.elapsed();
        self.state.requests.record(route, path, response.status().as_u16(), took, self.state.clock.now());
    }
}

/// What no route should have to think of.
fn malformed(request: &Request) -> Option<ApiError> {
    if request.method() == Method::CONNECT {
        let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "method not allowed");
        return Some(error.hint("this is no proxy"));
    }
    if !path::is_text(request.uri().path()) {
        return Some(ApiError::bad_request("the path is not UTF-8").code("bad_path"));
    }
    None
}

/// The headers looked at after the route.
fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [header::ORIGIN, header::IF_NONE_MATCH] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// The same path and query, asked for the same kind of body, is the same answer.
fn hot_key(uri: &Uri, headers: &HeaderMap) -> String {
    let uri = uri.path_and_query().map_or("/", |p| p.as_str());
    if crate::api::wants_protobuf(headers) { format!("pb {uri}") } else { uri.to_owned() }
}

/// Removes the body of an answer to HEAD.
fn strip(response: Response, is_head: bool) -> Response {
    if is_head { response.map(|_| Body::empty()) } else { response }
}

/// Larger bodies are compressed beside the event loop.
const INLINE: usize = 64 * 1024;

async fn encode(body: Bytes, encoding: Encoding, kind: Option<&HeaderValue>) -> (Encoding, Bytes) {
    if encoding == Encoding::Identity || body.len() < compress::MIN_BYTES || !compress::is_compressible(kind)
    {
        return (Encoding::Identity, body);
    }
    let packed = if body.len() <= INLINE {
        compress::compress(&body, encoding)
    } else {
        let copy = body.clone();
        tokio::task::spawn_blocking(move || compress::compress(&copy, encoding)).await.ok().flatten()
    };
    packed.map_or((Encoding::Identity, body), |packed| (encoding, packed))
}
