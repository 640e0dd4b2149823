//! Who may publish and listen, and where.

use corescope_core::config::{Endpoint, EndpointUser};

use super::filter::{contains, covers};
use super::token;
use super::wire::{Admittance, Hello};

/// The operator's rules.
#[derive(Debug, Clone)]
pub struct Access {
    users: Vec<EndpointUser>,
    tokens: bool,
    audience: Option<String>,
    anonymous: bool,
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guest {
    /// User name, or the key of a device.
    pub(super) name: String,
    kind: Kind,
    publish: Vec<String>,
    subscribe: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Anonymous,
    User,
    Device,
}

impl Access {
    /// Of a configuration. `is_local`: the address can only be reached from this machine; then, as long as nobody is
    /// named, everybody may come.
    pub fn new(endpoint: &Endpoint, is_local: bool) -> Self {
        let nobody_named = endpoint.users.is_empty() && !endpoint.tokens;
        Self {
            users: endpoint.users.clone(),
            tokens: endpoint.tokens,
            audience: endpoint.token_audience.clone(),
            anonymous: endpoint.open || (is_local && nobody_named),
        }
    }

    /// Whether anybody at all could come in.
    pub fn is_closed(&self) -> bool {
        self.users.is_empty() && !self.tokens && !self.anonymous
    }

    /// Lets a client in, or says why not.
    pub(super) fn admit(&self, hello: &Hello, now: i64) -> Result<Guest, (Admittance, String)> {
        let bad = |why: String| Err((Admittance::BadLogin, why));
        let password = hello.password.as_deref().unwrap_or_default();
        match hello.user.as_deref() {
            Some(user) if self.tokens && token::is_token_user(user) => {
                match token::verify(user, password, self.audience.as_deref(), now) {
                    Ok(key) => Ok(Guest::device(key)),
                    Err(error) => bad(error.to_string()),
                }
            }
            Some(user) if !self.users.is_empty() => {
                let found = self.users.iter().find(|known| known.name == user);
                match found {
                    Some(known) if same(known.password.expose().as_bytes(), password) => {
                        Ok(Guest::user(known))
                    }
                    _ => bad("unknown user name or wrong password".to_owned()),
                }
            }
            _ if self.anonymous => Ok(Guest::anonymous(&hello.client_id)),
            None => {
                Err((Admittance::NotAllowed, "it brings no user name, and not everybody may come".to_owned()))
            }
            Some(_) => bad("unknown user name".to_owned()),
        }
    }
}

impl Guest {
    fn anonymous(client_id: &str) -> Self {
        let all = || vec!["#".to_owned()];
        Self { name: client_id.to_owned(), kind: Kind::Anonymous, publish: all(), subscribe: all() }
    }

    fn user(user: &EndpointUser) -> Self {
        let own = |list: &[String]| list.iter().map(|filter| filter.replace("%u", &user.name)).collect();
        Self {
            name: user.name.clone(),
            kind: Kind::User,
            publish: own(&user.publish),
            subscribe: own(&user.subscribe),
        }
    }

    fn device(key: String) -> Self {
        // Publishers spell the key in upper case in observer topics, phones in lower case.
        let publish = [key.clone(), key.to_ascii_lowercase()]
            .iter()
            .flat_map(|key| [format!("meshcore/+/{key}/#"), format!("meshcore/client/{key}/packets")])
            .collect();
        Self { name: key, kind: Kind::Device, publish, subscribe: Vec::new() }
    }

    /// Whether it may publish there. A filter with a wildcard at the client's place does not open the topics of
    /// other people's phones: whoever publishes there must be named.
    pub(super) fn may_publish(&self, topic: &str) -> bool {
        let phone = topic.strip_prefix("meshcore/client/").and_then(|rest| rest.split('/').next());
        self.publish.iter().any(|filter| covers(filter, topic))
            && phone.is_none_or(|key| {
                self.kind == Kind::Anonymous
                    || key.eq_ignore_ascii_case(&self.name)
                    || self.publish.iter().any(|filter| filter.starts_with("meshcore/client/"))
            })
    }

    /// Whether it may listen to all that the filter covers.
    pub(super) fn may_subscribe(&self, filter: &str) -> bool {
        self.subscribe.iter().any(|wide| contains(wide, filter))
    }
}

/// Compares without telling by the time it takes where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (x, y)| different | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use corescope_core::config::{Input, load};

    use super::*;

    fn access(json: &str, is_local: bool) -> Access {
        let config = load(&Input { file: Some(("f", json)), ..Input::default() }).unwrap().config;
        Access::new(&config.endpoint, is_local)
    }

    fn hello(user: Option<&str>, password: &str) -> Hello {
        Hello {
            client_id: "c".into(),
            user: user.map(str::to_owned),
            password: Some(password.as_bytes().to_vec()),
            will: None,
        }
    }

    #[test]
    fn everybody_may_come_from_this_machine_only() {
        assert!(access("{}", true).admit(&hello(None, ""), 0).is_ok());
        assert!(access("{}", true).admit(&hello(Some("x"), "y"), 0).is_ok());
        assert!(access("{}", false).is_closed());
        assert_eq!(access("{}", false).admit(&hello(None, ""), 0).unwrap_err().0, Admittance::NotAllowed);
        assert!(access(r#"{"endpoint":{"open":true}}"#, false).admit(&hello(None, ""), 0).is_ok());
    }

    #[test]
    fn users_need_their_password_and_keep_to_their_topics() {
        let rules = access(
            r#"{"endpoint":{"users":[{"name":"bob","password":"s3cret","publish":["meshcore/+/%u/#"],"subscribe":["meshcore/#"]},
                {"name":"all","password":"x"}]}}"#,
            true,
        );
        assert!(rules.admit(&hello(None, ""), 0).is_err(), "users are named: nobody comes without a name");
        assert!(rules.admit(&hello(Some("bob"), "wrong"), 0).is_err());
        assert!(rules.admit(&hello(Some("eve"), "s3cret"), 0).is_err());
        let bob = rules.admit(&hello(Some("bob"), "s3cret"), 0).unwrap();
        assert!(bob.may_publish("meshcore/SJC/bob/packets") && !bob.may_publish("meshcore/SJC/eve/packets"));
        assert!(bob.may_subscribe("meshcore/+/x") && !bob.may_subscribe("#"));
        let all = rules.admit(&hello(Some("all"), "x"), 0).unwrap();
        assert!(all.may_publish("meshcore/SJC/eve/packets") && !all.may_subscribe("meshcore/#"));
        assert!(!all.may_publish("meshcore/client/a1b2/packets"), "other people's phones");
    }

    #[test]
    fn devices_keep_to_their_key() {
        let device = Guest::device("AB".repeat(32));
        let key = "AB".repeat(32);
        assert!(device.may_publish(&format!("meshcore/SJC/{key}/packets")));
        assert!(device.may_publish(&format!("meshcore/client/{}/packets", key.to_lowercase())));
        assert!(!device.may_publish(&format!("meshcore/SJC/{}/packets", "CD".repeat(32))));
        assert!(!device.may_subscribe("meshcore/#"));
    }
}
