//! `GET /api/nodes/network-status`: how many nodes are active, degraded, silent.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use corescope_core::config::HealthThresholds;
use corescope_core::time::parse_rfc3339;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AppState, json};

/// How a node is doing, by the age of its newest advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Heard lately.
    Active,
    /// Not heard for a while.
    Degraded,
    /// Not heard for long, or never.
    Silent,
}

impl Status {
    /// By role and age; `last_seen` in RFC 3339, `now` in unix seconds.
    pub fn of(role: Option<&str>, last_seen: Option<&str>, now: i64, limits: &HealthThresholds) -> Self {
        let infra = matches!(role, Some("repeater" | "room"));
        let (degraded, silent) = if infra {
            (limits.infra_degraded_hours, limits.infra_silent_hours)
        } else {
            (limits.node_degraded_hours, limits.node_silent_hours)
        };
        let Some(seen) = last_seen.and_then(parse_rfc3339) else { return Self::Silent };
        let age_hours = (now - seen) as f64 / 3600.0;
        if age_hours < degraded {
            Self::Active
        } else if age_hours < silent {
            Self::Degraded
        } else {
            Self::Silent
        }
    }
}

/// Nodes by status and by role.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkStatus {
    /// All nodes.
    pub total: u64,
    /// Heard lately.
    pub active: u64,
    /// Not heard for a while.
    pub degraded: u64,
    /// Not heard for long.
    pub silent: u64,
    /// Nodes per role; `unknown` without one.
    pub role_counts: BTreeMap<String, u64>,
}

/// How many nodes are active, degraded, silent.
#[utoipa::path(get, path = "/api/nodes/network-status", tag = "nodes",
    responses((status = 200, body = NetworkStatus)))]
pub(crate) async fn network_status(State(app): State<AppState>) -> Response {
    let moment = app.moment();
    let mut out = NetworkStatus::default();
    for node in moment.data.nodes().active() {
        out.total += 1;
        match Status::of(node.role.as_deref(), node.last_seen.as_deref(), moment.now, &moment.config.health) {
            Status::Active => out.active += 1,
            Status::Degraded => out.degraded += 1,
            Status::Silent => out.silent += 1,
        }
        let role = node.role.as_deref().filter(|r| !r.is_empty()).unwrap_or("unknown");
        match out.role_counts.get_mut(role) {
            Some(n) => *n += 1,
            None => {
                out.role_counts.insert(role.to_owned(), 1);
            }
        }
    }
    json::response(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infrastructure_may_be_quiet_longer() {
        let limits = corescope_core::config::load(&Default::default()).unwrap().config.health;
        let now = parse_rfc3339("2026-01-10T00:00:00Z").unwrap();
        for (role, seen, want) in [
            (Some("repeater"), Some("2026-01-09T01:00:00Z"), Status::Active),
            (Some("room"), Some("2026-01-08T00:00:00Z"), Status::Degraded),
            (Some("repeater"), Some("2026-01-07T00:00:00Z"), Status::Silent),
            (Some("companion"), Some("2026-01-09T23:30:00Z"), Status::Active),
            (None, Some("2026-01-09T01:00:00Z"), Status::Degraded),
            (Some("companion"), Some("2026-01-09T00:00:00Z"), Status::Silent),
            (Some("repeater"), Some("yesterday"), Status::Silent),
            (Some("repeater"), None, Status::Silent),
        ] {
            assert_eq!(Status::of(role, seen, now, &limits), want, "{role:?} {seen:?}");
        }
    }
}
