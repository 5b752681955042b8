//! The page: everything that it loads is built in.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

/// Nothing but the server's own scripts, styles and streams.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file of the page at a path.
pub(crate) fn file(path: &str) -> Option<Response> {
    let (kind, text) = match path {
        "/" => ("text/html", include_str!("page/index.html")),
        "/page.css" => ("text/css", include_str!("page/page.css")),
        "/page.js" => ("text/javascript", include_str!("page/page.js")),
        "/wire.js" => ("text/javascript", include_str!("page/wire.js")),
        "/streams.js" => ("text/javascript", include_str!("page/streams.js")),
        "/tape.js" => ("text/javascript", include_str!("page/tape.js")),
        "/worklet.js" => ("text/javascript", include_str!("page/worklet.js")),
        _ => return None,
    };
    let headers: [(HeaderName, String); 6] = [
        (header::CONTENT_TYPE, format!("{kind}; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (HeaderName::from_static("permissions-policy"), "microphone=(self)".to_owned()),
    ];
    Some((headers, text).into_response())
}
