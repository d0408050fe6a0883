//! HTTP requests to a [`tower`](https://docs.rs/tower) service, such as an `axum::Router`, whose answers are outcomes.
//!
//! Which status is an answer and which is none is decided here, and nothing else: that answers are compared is the delivery
//! model's ([`DeliveryModel::request_reply`](crate::DeliveryModel::request_reply)).

use std::{fmt::Display, future::poll_fn};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower_service::Service;

use crate::Outcome;

/// Sends a request to a clone of this service and waits for its answer: the status and the body.
///
/// What says "not now" is [`Outcome::Retry`]; with the delivery model `request-reply` the client then sends the request again:
///
/// | answer | why |
/// |---|---|
/// | 408 | "the client MAY repeat the request" ([RFC 9110, 15.5.9](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9)) |
/// | 409 | a request with this key is still being handled ([the draft of `Idempotency-Key`, 2.6](https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header#section-2.6)) |
/// | 425 | too early ([RFC 8470, 5.2](https://www.rfc-editor.org/rfc/rfc8470#section-5.2)) |
/// | 429 | too many requests ([RFC 6585, 4](https://www.rfc-editor.org/rfc/rfc6585#section-4)) |
/// | 500, 502, 503, 504 | the server, or one behind it, failed ([RFC 9110, 15.6](https://www.rfc-editor.org/rfc/rfc9110#section-15.6)): the client cannot know whether its request took effect, which is what it has a key for |
/// | an error of the service, or of the body | no answer, or half of one |
///
/// Everything else is [`Outcome::Done`], a 4xx too: an answer that ends the matter, and that has to be the same whenever the
/// request is sent again. A server that keeps a 500 as the reply to a key is therefore *stuck*: its client never hears more.
///
/// # Guarantees
/// The service is polled until it is ready before it is called, as [`Service`] demands. The handler's futures may be `Send`
/// or not.
///
/// # Limits
/// Headers of the answer are not compared. A body that is no UTF-8 is compared with its ill-formed parts replaced.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use redeliver_harness::{Delivery, DeliveryModel, Effects, Harness, Verdict, tower};
///
/// // A service without an idempotency key: it charges each time. An `axum::Router` is used the same way.
/// #[derive(Clone)]
/// struct Bank(Effects);
///
/// impl tower_service::Service<Request<String>> for Bank {
///     type Response = Response<String>;
///     type Error = Infallible;
///     type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;
///
///     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
///         std::task::Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, request: Request<String>) -> Self::Future {
///         let bank = self.0.clone();
///         Box::pin(async move {
///             let charged = bank.perform("charge", request.body()).await;
///             let status = if charged.is_ok() { 201 } else { 503 };
///             Ok(Response::builder().status(status).body(String::new()).unwrap())
///         })
///     }
/// }
///
/// let verdict = Harness::new(Effects::new()).process(Bank).model(DeliveryModel::request_reply()).verdict(
///     1..1000i64,
///     async |bank: &Bank, m: &Delivery<i64>| tower::send(bank, Request::new(m.payload().to_string())).await,
/// );
/// let Verdict::Violated(counterexample) = verdict else { panic!("whoever hears no answer is charged again") };
/// assert_eq!(counterexample.anomaly().name(), "twice");
/// ```
pub async fn send<S, B, R>(service: &S, request: Request<B>) -> Outcome<(u16, String)>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Display,
    R: http_body::Body,
    R::Error: Display,
{
    let mut service = service.clone();
    let ready = poll_fn(|context| service.poll_ready(context)).await;
    let answered = match ready {
        Ok(()) => service.call(request).await,
        Err(error) => Err(error),
    };
    let (parts, body) = match answered {
        Ok(response) => response.into_parts(),
        Err(error) => return Outcome::Retry(error.to_string()),
    };
    match body.collect().await {
        Ok(body) => outcome(parts.status, &String::from_utf8_lossy(&body.to_bytes())),
        Err(error) => Outcome::Retry(error.to_string()),
    }
}

fn outcome(status: StatusCode, body: &str) -> Outcome<(u16, String)> {
    match status.as_u16() {
        408 | 409 | 425 | 429 | 500 | 502..=504 => Outcome::Retry(format!("{} {body}", status.as_u16())),
        answer => Outcome::Done((answer, body.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{Ready, ready},
        task::{Context, Poll},
    };

    use futures::executor::block_on;

    use super::*;

    /// Answers with this status, or not at all, and only when it was asked three times whether it is ready.
    #[derive(Clone)]
    struct Slow {
        asked: u32,
        answers: Option<u16>,
    }

    impl Service<Request<()>> for Slow {
        type Response = Response<String>;
        type Error = String;
        type Future = Ready<Result<Response<String>, String>>;

        fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), String>> {
            self.asked += 1;
            context.waker().wake_by_ref();
            if self.asked < 3 { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            assert_eq!(self.asked, 3, "it was called before it was ready");
            let answer = |status| Response::builder().status(status).body("text".to_owned()).unwrap();
            ready(self.answers.map(answer).ok_or_else(|| "reset".to_owned()))
        }
    }

    fn outcome_of(answers: Option<u16>) -> Outcome<(u16, String)> {
        block_on(send(&Slow { asked: 0, answers }, Request::new(())))
    }

    #[test]
    fn what_says_not_now_is_a_retry_and_all_else_an_answer() {
        for status in [408, 409, 425, 429, 500, 502, 503, 504] {
            assert_eq!(outcome_of(Some(status)), Outcome::Retry(format!("{status} text")));
        }
        for status in [200, 201, 204, 302, 400, 404, 410, 422, 501] {
            assert_eq!(outcome_of(Some(status)), Outcome::Done((status, "text".to_owned())));
        }
    }

    #[test]
    fn a_service_that_does_not_answer_is_asked_again() {
        assert_eq!(outcome_of(None), Outcome::Retry("reset".to_owned()));
    }
}
