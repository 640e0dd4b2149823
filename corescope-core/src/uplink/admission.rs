//! Which messages the operator wants.

use std::collections::HashSet;

use super::topic::{Topic, TopicKind};
use crate::config::Config;

/// The operator's lists, ready to be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    regions: HashSet<String>,
    observers: HashSet<String>,
    mobile: bool,
    direct: bool,
    raw: bool,
}

/// The rule that kept a message out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FilteredBy {
    /// `observerBlacklist`
    ObserverBlacklist,
    /// `observerIATAWhitelist`
    RegionWhitelist,
    /// `iataFilter` of the source
    SourceRegion,
    /// `clientRxCoverage.enabled` is off
    MobileOff,
    /// `bridge.storeDirect` is off
    DirectOff,
    /// Topics that carry nothing we store
    Topic,
    /// `foreignAdverts.mode` is drop
    Foreign,
}

impl FilteredBy {
    /// Every rule.
    pub const ALL: [Self; 7] = [
        Self::ObserverBlacklist,
        Self::RegionWhitelist,
        Self::SourceRegion,
        Self::MobileOff,
        Self::DirectOff,
        Self::Topic,
        Self::Foreign,
    ];

    /// The word of counters and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ObserverBlacklist => "observer_blacklist",
            Self::RegionWhitelist => "region_whitelist",
            Self::SourceRegion => "source_region",
            Self::MobileOff => "mobile_off",
            Self::DirectOff => "direct_off",
            Self::Topic => "topic",
            Self::Foreign => "foreign",
        }
    }
}

impl Admission {
    /// The lists of a configuration.
    pub fn new(config: &Config) -> Self {
        let folded = |list: &[String]| list.iter().map(|item| item.trim().to_lowercase()).collect();
        Self {
            regions: folded(&config.observer_iata_whitelist),
            observers: folded(&config.observer_blacklist),
            mobile: config.client_rx_coverage,
            direct: config.store_direct,
            raw: config.ingest.accept_raw,
        }
    }

    /// Whether a message of this topic is wanted, before it is read. `source_regions` is the source's `iataFilter`.
    ///
    /// # Errors
    ///
    /// The rule that keeps it out.
    pub fn topic(&self, topic: &Topic<'_>, source_regions: &[String]) -> Result<(), FilteredBy> {
        let region = topic.region.unwrap_or_default();
        let no_region =
            matches!(topic.kind, TopicKind::BridgeChannel | TopicKind::BridgeDirect | TopicKind::BridgeNode);
        match topic.kind {
            TopicKind::Client => {
                return if !self.mobile { Err(FilteredBy::MobileOff) } else { self.observer(topic.observer) };
            }
            TopicKind::BridgeDirect if !self.direct => return Err(FilteredBy::DirectOff),
            TopicKind::BridgeOther | TopicKind::Serial | TopicKind::Debug | TopicKind::Neighbors => {
                return Err(FilteredBy::Topic);
            }
            TopicKind::Raw if !self.raw => return Err(FilteredBy::Topic),
            _ => {}
        }
        self.observer(topic.observer)?;
        if !self.regions.is_empty() && (no_region || !self.regions.contains(&region.to_lowercase())) {
            return Err(FilteredBy::RegionWhitelist);
        }
        let is_packet = topic.kind != TopicKind::Status && !no_region;
        if is_packet
            && !source_regions.is_empty()
            && !source_regions.iter().any(|r| r.eq_ignore_ascii_case(region))
        {
            return Err(FilteredBy::SourceRegion);
        }
        Ok(())
    }

    /// Whether this observer is wanted.
    ///
    /// # Errors
    ///
    /// [`FilteredBy::ObserverBlacklist`]
    pub fn observer(&self, id: Option<&str>) -> Result<(), FilteredBy> {
        let listed = !self.observers.is_empty()
            && id.is_some_and(|id| self.observers.contains(&id.trim().to_lowercase()));
        if listed { Err(FilteredBy::ObserverBlacklist) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Input, load};

    fn admission(json: &str) -> Admission {
        Admission::new(&load(&Input { file: Some(("f", json)), ..Input::default() }).unwrap().config)
    }

    #[test]
    fn rules_are_asked_in_order() {
        use FilteredBy::*;
        let open = admission("{}");
        let strict = admission(
            r#"{"observerBlacklist":[" BaD "],"observerIATAWhitelist":["sjc"],"clientRxCoverage":{"enabled":true},"bridge":{"storeDirect":true}}"#,
        );
        let only = ["SJC".to_owned()];
        for (rules, topic, source, wanted) in [
            (&open, "meshcore/SEA/A1/packets", &only[..0], Ok(())),
            (&open, "meshcore/SEA/A1/packets", &only[..], Err(SourceRegion)),
            (&open, "meshcore/sjc/A1/packets", &only[..], Ok(())),
            (&open, "meshcore/SEA/A1/status", &only[..], Ok(())),
            (&open, "meshcore/client/a1/packets", &only[..0], Err(MobileOff)),
            (&open, "meshcore/message/direct/a1", &only[..0], Err(DirectOff)),
            (&open, "meshcore/message/channel/1", &only[..0], Ok(())),
            (&open, "meshcore/SEA/A1/raw", &only[..0], Err(Topic)),
            (&open, "meshcore/status", &only[..0], Err(Topic)),
            (&strict, "meshcore/SJC/bad/packets", &only[..0], Err(ObserverBlacklist)),
            (&strict, "meshcore/SEA/A1/status", &only[..0], Err(RegionWhitelist)),
            (&open, "meshcore/advertisement", &only[..], Ok(())),
            (&strict, "meshcore/message/channel/1", &only[..0], Err(RegionWhitelist)),
            (&strict, "meshcore/self_info", &only[..0], Err(RegionWhitelist)),
            (&strict, "meshcore/client/bad/packets", &only[..0], Err(ObserverBlacklist)),
            (&strict, "meshcore/client/a1/packets", &only[..0], Ok(())),
        ] {
            assert_eq!(rules.topic(&super::super::Topic::parse(topic), source), wanted, "{topic}");
        }
    }
}
