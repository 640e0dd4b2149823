//! Tokens that a device signs with its own key.
//!
//! User name `v1_<KEY>` (64 upper-case hex digits); the password looks like a JSON Web Token, but its signature is
//! hex: `base64url(header).base64url(payload).HEX(signature)`, header `{"alg":"Ed25519","typ":"JWT"}`, payload
//! `publicKey, iat, exp, aud?`; signed is the text before the last dot.
//! Source of fact: the publishers' programs (meshcoretomqtt, meshcore-packet-capture).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;

/// Longest token that is looked at, bytes.
const MAX_TOKEN: usize = 8 << 10;

/// Difference between clocks that is tolerated, seconds.
const TOLERANCE: i64 = 300;

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadToken {
    #[error("the user name is not v1_ and a key of 64 hex digits")]
    User,
    #[error("the token is not three parts of the right form")]
    Form,
    #[error("the token is not of type JWT with algorithm Ed25519")]
    Algorithm,
    #[error("the token names another key than the user name")]
    Key,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token has expired, or is not valid yet")]
    Time,
    #[error("the signature is wrong")]
    Signature,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    public_key: String,
    iat: Option<f64>,
    exp: Option<f64>,
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Whether the user name is that of a device with a token.
pub(super) fn is_token_user(user: &str) -> bool {
    user.starts_with("v1_")
}

/// Checks a token; the result is the device's key in upper-case hex.
pub(super) fn verify(
    user: &str,
    password: &[u8],
    audience: Option<&str>,
    now: i64,
) -> Result<String, BadToken> {
    let key =
        user.strip_prefix("v1_").filter(|key| key.len() == 64).ok_or(BadToken::User)?.to_ascii_uppercase();
    let key_bytes: [u8; 32] = hex::decode(&key).ok().and_then(|b| b.try_into().ok()).ok_or(BadToken::User)?;
    let token = std::str::from_utf8(password).ok().filter(|t| t.len() <= MAX_TOKEN).ok_or(BadToken::Form)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(BadToken::Form)?;
    let (header, payload) = signed.split_once('.').ok_or(BadToken::Form)?;
    let header: Header = part(header)?;
    if header.alg != "Ed25519" || header.typ.is_some_and(|typ| typ != "JWT") {
        return Err(BadToken::Algorithm);
    }
    let claims: Claims = part(payload)?;
    if !claims.public_key.eq_ignore_ascii_case(&key) {
        return Err(BadToken::Key);
    }
    if let Some(wanted) = audience {
        let named = match &claims.aud {
            Some(Audience::One(aud)) => aud == wanted,
            Some(Audience::Many(list)) => list.iter().any(|aud| aud == wanted),
            None => false,
        };
        if !named {
            return Err(BadToken::Audience);
        }
    }
    let now = now as f64;
    let early = claims.iat.is_some_and(|iat| iat > now + TOLERANCE as f64);
    let late = claims.exp.is_none_or(|exp| exp < now - TOLERANCE as f64);
    if early || late {
        return Err(BadToken::Time);
    }
    let signature: [u8; 64] =
        hex::decode(signature).ok().and_then(|b| b.try_into().ok()).ok_or(BadToken::Form)?;
    VerifyingKey::from_bytes(&key_bytes)
        .and_then(|key| key.verify_strict(signed.as_bytes(), &Signature::from_bytes(&signature)))
        .map_err(|_| BadToken::Signature)?;
    Ok(key)
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, BadToken> {
    // Some libraries pad what needs none.
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| BadToken::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| BadToken::Form)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_780_000_000;

    fn device() -> (SigningKey, String) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let hex = hex::encode_upper(key.verifying_key().as_bytes());
        (key, hex)
    }

    fn token(header: &Value, claims: &Value) -> String {
        let (key, _) = device();
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = hex::encode_upper(key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    #[test]
    fn tokens_are_believed_or_not() {
        let (_, key) = device();
        let user = format!("v1_{key}");
        let header = json!({"alg": "Ed25519", "typ": "JWT"});
        let claims = json!({"publicKey": key, "iat": NOW - 10, "exp": NOW + 3600, "aud": "mesh.example"});
        let with = |name: &str, value: Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            token(&header, &claims)
        };
        let good = token(&header, &claims);
        let check = |user: &str, token: &str, aud| verify(user, token.as_bytes(), aud, NOW);
        assert_eq!(check(&user, &good, None), Ok(key.clone()));
        assert_eq!(check(&user.to_lowercase(), &good, Some("mesh.example")), Ok(key.clone()));
        assert_eq!(check(&user, &good, Some("other.example")), Err(BadToken::Audience));
        assert_eq!(check(&user, &with("exp", json!(NOW - 301)), None), Err(BadToken::Time));
        assert_eq!(check(&user, &with("exp", Value::Null), None), Err(BadToken::Time));
        assert_eq!(check(&user, &with("iat", json!(NOW + 301)), None), Err(BadToken::Time));
        assert_eq!(check(&user, &with("publicKey", json!("00")), None), Err(BadToken::Key));
        let other = json!({"alg": "none", "typ": "JWT"});
        assert_eq!(check(&user, &token(&other, &claims), None), Err(BadToken::Algorithm));
        let mut forged = good.clone();
        let last = if forged.pop() == Some('0') { '1' } else { '0' };
        forged.push(last);
        assert_eq!(check(&user, &forged, None), Err(BadToken::Signature));
        for bad in ["", "a.b", "a.b.c", "..", &"x".repeat(10_000)] {
            assert_eq!(check(&user, bad, None), Err(BadToken::Form), "{bad:.20}");
        }
        assert_eq!(check("v1_00", &good, None), Err(BadToken::User));
        assert_eq!(check("alice", &good, None), Err(BadToken::User));
    }
}
