//! Payments: an HTTP endpoint that charges a card, with the `Idempotency-Key` header. A client that hears no answer sends the
//! same request with the same key again, and must neither be charged twice nor hear another answer.
//!
//! What that shows: to keep the reply and give it again is not enough. While the first request is still being handled, or
//! when its process died before it kept the reply, there is no reply yet, and the second request charges again. What it takes
//! is a claim on the key before anything happens, 409 for whoever comes meanwhile, and the key handed on to the payment
//! provider, so that whoever takes over from a process that died charges nothing new.

use std::time::Duration;

use axum::{
    Extension, Router,
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};

/// How long a claim on a key stands at most: longer than any request takes.
pub const CLAIM: Duration = Duration::from_secs(60);

/// What stands under a key that was claimed and has no reply yet.
const IN_FLIGHT: &str = "in flight";

/// Larger replies are no replies of ours.
const LARGEST_REPLY: usize = 64 * 1024;

/// Another service did not answer: what was asked of it may have happened or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable;

impl IntoResponse for Unreachable {
    fn into_response(self) -> Response {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

type Answer<T> = Result<T, Unreachable>;

/// What stands behind the endpoint: a cache as Redis is one, and a payment provider.
pub trait Services: Clone + Send + Sync + 'static {
    /// `GET key`
    fn get(&self, key: &str) -> impl Future<Output = Answer<Option<String>>> + Send;

    /// `SET key value`
    fn set(&self, key: &str, value: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `SET key value NX PX ttl`. Whether it was set.
    fn set_nx(&self, key: &str, value: &str, ttl: Duration) -> impl Future<Output = Answer<bool>> + Send;

    /// Deletes a key that has this value, by a script.
    fn delete_if(&self, key: &str, value: &str) -> impl Future<Output = Answer<bool>> + Send;

    /// Charges a card. Under a key, once, whatever is asked for under it later. The receipt, of the first time.
    fn charge(&self, key: Option<&str>, card: &str, cents: u32) -> impl Future<Output = Answer<String>> + Send;
}

/// The endpoint.
pub fn payments<S: Services>(services: S) -> Router {
    let idempotent = from_fn_with_state(services.clone(), claim_first::<S>);
    Router::new().route("/charge", post(charge::<S>)).layer(idempotent).with_state(services)
}

/// The endpoint with the bug: it keeps replies, and claims nothing.
pub fn payments_that_only_keep_replies<S: Services>(services: S) -> Router {
    let idempotent = from_fn_with_state(services.clone(), keep_reply::<S>);
    Router::new().route("/charge", post(charge::<S>)).layer(idempotent).with_state(services)
}

/// The key under which the payment provider is asked.
#[derive(Clone)]
struct ProviderKey(String);

async fn charge<S: Services>(
    State(services): State<S>,
    key: Option<Extension<ProviderKey>>,
    body: String,
) -> Result<Response, Unreachable> {
    let Some((card, Ok(cents))) = body.split_once(' ').map(|(card, cents)| (card, cents.parse())) else {
        return Ok(StatusCode::BAD_REQUEST.into_response());
    };
    let key = key.as_ref().map(|Extension(ProviderKey(key))| key.as_str());
    let receipt = services.charge(key, card, cents).await?;
    Ok((StatusCode::CREATED, format!("{cents} from {card}: {receipt}")).into_response())
}

/// Claims the key, then handles the request, then keeps the reply.
async fn claim_first<S: Services>(
    State(services): State<S>,
    mut request: Request,
    next: Next,
) -> Result<Response, Unreachable> {
    let Some(key) = key_of(&request) else { return Ok(StatusCode::BAD_REQUEST.into_response()) };
    if !services.set_nx(&key, IN_FLIGHT, CLAIM).await? {
        let kept = services.get(&key).await?.filter(|kept| kept != IN_FLIGHT);
        return Ok(kept.map_or_else(|| StatusCode::CONFLICT.into_response(), |kept| again(&kept)));
    }
    request.extensions_mut().insert(ProviderKey(key.clone()));
    let (reply, kept) = readable(next.run(request).await).await?;
    if reply.status().is_server_error() {
        services.delete_if(&key, IN_FLIGHT).await?;
    } else {
        services.set(&key, &kept).await?;
    }
    Ok(reply)
}

/// Gives a reply that was kept; otherwise handles the request, then keeps its reply.
async fn keep_reply<S: Services>(
    State(services): State<S>,
    request: Request,
    next: Next,
) -> Result<Response, Unreachable> {
    let Some(key) = key_of(&request) else { return Ok(StatusCode::BAD_REQUEST.into_response()) };
    if let Some(kept) = services.get(&key).await? {
        return Ok(again(&kept));
    }
    let (reply, kept) = readable(next.run(request).await).await?;
    if !reply.status().is_server_error() {
        services.set(&key, &kept).await?;
    }
    Ok(reply)
}

/// Whose key it is, and the key: two callers may choose the same.
fn key_of(request: &Request) -> Option<String> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    Some(format!("{:?}", (header(AUTHORIZATION.as_str())?, header("idempotency-key")?)))
}

/// A reply, and how it is kept.
async fn readable(reply: Response) -> Result<(Response, String), Unreachable> {
    let (parts, body) = reply.into_parts();
    let body = to_bytes(body, LARGEST_REPLY).await.map_err(|_| Unreachable)?;
    let kept = format!("{} {}", parts.status.as_u16(), String::from_utf8_lossy(&body));
    Ok((Response::from_parts(parts, body.into()), kept))
}

/// A reply that was kept.
fn again(kept: &str) -> Response {
    let (status, body) = kept.split_once(' ').unwrap_or((kept, ""));
    let status = status.parse().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, body.to_owned()).into_response()
}
