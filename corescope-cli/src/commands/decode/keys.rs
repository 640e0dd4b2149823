//! What the command line says is known: channels, regions, secrets, kinds of nodes.

use corescope_decode::crypto::KeyPair;
use corescope_decode::payload::{NodeType, ReplyTo};
use corescope_decode::{ChannelKey, KeyRing, Packet, Payload, RegionKeys, SharedSecret, hex};

use super::Args;
use crate::{Exit, Failure};

/// A kind of node.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Target {
    /// A companion
    Companion,
    /// A repeater
    Repeater,
    /// A room server
    Room,
    /// A sensor
    Sensor,
}

impl Target {
    /// As adverts number it.
    pub fn node_type(self) -> NodeType {
        match self {
            Self::Companion => NodeType::Chat,
            Self::Repeater => NodeType::Repeater,
            Self::Room => NodeType::Room,
            Self::Sensor => NodeType::Sensor,
        }
    }
}

/// What a response answers.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Asked {
    /// A login
    Login,
    /// The status (`--target` says of what kind of node)
    Status,
    /// Telemetry
    Telemetry,
    /// Average, minimum and maximum
    AvgMinMax,
    /// The access list
    AccessList,
    /// Neighbours, with key prefixes of 6 bytes as the common client asks for
    Neighbours,
    /// Owner info
    OwnerInfo,
    /// Regions, asked anonymously
    AnonRegions,
    /// The owner, asked anonymously
    AnonOwner,
    /// Features, asked anonymously
    AnonBasic,
}

impl Asked {
    /// For the decoder.
    pub fn reply_to(self, target: Option<Target>) -> ReplyTo {
        match self {
            Self::Login => ReplyTo::Login,
            Self::Status => ReplyTo::Status(target.map_or(NodeType::None, Target::node_type)),
            Self::Telemetry => ReplyTo::Telemetry,
            Self::AvgMinMax => ReplyTo::AvgMinMax,
            Self::AccessList => ReplyTo::AccessList,
            Self::Neighbours => ReplyTo::Neighbours { prefix_len: 6 },
            Self::OwnerInfo => ReplyTo::OwnerInfo,
            Self::AnonRegions => ReplyTo::AnonRegions,
            Self::AnonOwner => ReplyTo::AnonOwner,
            Self::AnonBasic => ReplyTo::AnonBasic,
        }
    }
}

/// All that is known.
pub(super) struct Known {
    pub(super) ring: KeyRing,
    pub(super) regions: RegionKeys,
    secrets: Vec<(String, SharedSecret)>,
    own: Option<KeyPair>,
}

impl Known {
    /// From the command line; the public channel is always known.
    pub(super) fn read(args: &Args) -> Result<Self, Failure> {
        let usage = |message: String| Failure::msg(Exit::Usage, message);
        let mut ring = KeyRing::with_public();
        for pair in &args.key {
            let (name, text) =
                pair.split_once('=').ok_or_else(|| usage(format!("--key {pair}: write NAME=HEX")))?;
            let key = ChannelKey::from_hex(text).map_err(|error| usage(format!("--key {name}: {error}")))?;
            ring.insert(name, key);
        }
        for name in &args.channel {
            if !name.starts_with('#') {
                return Err(usage(format!("--channel {name}: the name of a hashtag channel begins with #")));
            }
            ring.insert_hashtag(name);
        }
        let mut regions = RegionKeys::new();
        for name in &args.region {
            if !regions.insert(name) {
                return Err(usage(format!("--region {name}: a region with $, or *, has no key of its name")));
            }
        }
        let mut secrets = Vec::new();
        for text in &args.secret {
            let bytes = hex::parse_array(text).map_err(|error| usage(format!("--secret: {error}")))?;
            secrets.push(("the given secret".to_owned(), SharedSecret::new(bytes)));
        }
        let own = match &args.private_key {
            Some(text) => Some(KeyPair::from_private(hex::parse_array(text).map_err(|_| {
                usage("--private-key: it has 128 hex digits, as the radio exports it".into())
            })?)),
            None => None,
        };
        if let Some(own) = &own {
            for text in &args.peer {
                let peer: [u8; 32] =
                    hex::parse_array(text).map_err(|error| usage(format!("--peer: {error}")))?;
                let secret =
                    own.shared_secret(&peer).map_err(|error| usage(format!("--peer {text}: {error}")))?;
                secrets.push((format!("your key and {}", hex::Hex(&peer[..4])), secret));
            }
        }
        Ok(Self { ring, regions, secrets, own })
    }

    /// The secrets to try on this packet: an anonymous request brings its sender's key along.
    pub(super) fn secrets_for(&self, frame: &[u8]) -> Vec<(String, SharedSecret)> {
        let mut secrets = self.secrets.clone();
        if let (Some(own), Ok(packet)) = (&self.own, Packet::parse(frame))
            && let Payload::AnonRequest(request) = packet.typed().payload
            && let Ok(secret) = own.shared_secret(request.public_key)
        {
            secrets.push(("your key and the sender's".to_owned(), secret));
        }
        secrets
    }
}
