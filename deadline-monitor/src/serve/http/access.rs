//! Who asks, and what that one may do.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::App;
use super::problem::problem;
use crate::ErrorKind;
use crate::serve::api::Failure;
use crate::serve::engine::Owner;

/// Where a request comes from, as the connection knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The Unix socket: the kernel says who.
    Local(Owner),
    /// TCP.
    Network {
        /// Whether only this machine reaches the address.
        loopback: bool,
    },
}

/// The secret that lets a client do everything. Only its digest is kept, so that no log or dump tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

/// Shorter ones can be guessed.
const TOKEN_LEAST: usize = 16;

impl Token {
    /// The token of a file's first line.
    ///
    /// # Errors
    /// It is too short.
    pub fn new(text: &str) -> Result<Token, Failure> {
        let line = text.lines().next().unwrap_or_default().trim();
        if line.len() < TOKEN_LEAST {
            return Err(Failure::argument(format!("A token has at least {TOKEN_LEAST} characters")));
        }
        Ok(Token(Sha256::digest(line).into()))
    }

    /// Compares digests, which tells nothing of the token by its time.
    fn is(&self, text: &str) -> bool {
        <[u8; 32]>::from(Sha256::digest(text)) == self.0
    }
}

/// Answers that say nothing of this machine, for probes that have no token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Finds out who asks. Handlers get the [`Owner`] on whose behalf they act; those who may only read get no further
/// than GET.
pub(super) async fn authorise(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let Some(origin) = request.extensions().get::<Origin>().copied() else {
        return Failure::new(ErrorKind::Internal, "Nobody knows where this request comes from")
            .into_response();
    };
    let open = OPEN.contains(&request.uri().path());
    let owner = match origin {
        Origin::Local(owner) => Ok(Some(owner)),
        Origin::Network { loopback } => by_token(&app, &request, loopback || open),
    };
    match owner {
        Err(refused) => *refused,
        Ok(Some(owner)) => {
            request.extensions_mut().insert(owner);
            next.run(request).await
        }
        Ok(None) if matches!(*request.method(), Method::GET | Method::HEAD) => next.run(request).await,
        Ok(None) => unauthorised("Changes over TCP need a token (Authorization: Bearer)"),
    }
}

/// Who asks over TCP; nobody in particular without a token, where that is enough.
fn by_token(app: &App, request: &Request, anonymous: bool) -> Result<Option<Owner>, Box<Response>> {
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    match (given.map(|value| value.strip_prefix("Bearer ")), &app.token) {
        (Some(Some(given)), Some(token)) if token.is(given.trim()) => {
            let uid = nix::unistd::Uid::effective().as_raw();
            Ok(Some(Owner { uid, privileged: true }))
        }
        (Some(_), _) => Err(Box::new(unauthorised("The token is wrong"))),
        // A page in a browser can make it ask this address under a name of its own.
        (None, _) if anonymous && is_own_name(request) => Ok(None),
        (None, _) if anonymous => Err(Box::new(
            Failure::new(ErrorKind::PermissionDenied, "Host names another machine").into_response(),
        )),
        (None, _) => Err(Box::new(unauthorised("This address needs a token (Authorization: Bearer)"))),
    }
}

fn is_own_name(request: &Request) -> bool {
    let Some(host) = request.headers().get(header::HOST) else { return true };
    let authority = host.to_str().ok().and_then(|host| host.parse::<Uri>().ok());
    let name = authority.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok()
}

fn unauthorised(rule: &str) -> Response {
    let mut response = problem(StatusCode::UNAUTHORIZED, &Failure::new(ErrorKind::PermissionDenied, rule));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
