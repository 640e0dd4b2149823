//! What nodes are called and what people say.

use super::dice::Dice;
use super::world::Role;

const PLACES: [&str; 28] = [
    "Hill",
    "Ridge",
    "Oak",
    "Fog",
    "Summit",
    "Mill",
    "Castle",
    "River",
    "North",
    "Church",
    "Harbour East",
    "Station",
    "Tower",
    "Meadow",
    "Quarry",
    "Lake",
    "Abbey",
    "Market",
    "Garden",
    "Pine",
    "Stone",
    "Bridge",
    "Wolf",
    "Heron",
    "Copper",
    "Lantern",
    "Orchard",
    "Zürich Weg",
];

const PEOPLE: [&str; 24] = [
    "Alice", "Bert", "Cleo", "Dario", "Edda", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Lars",
    "Mila", "Nils", "Olga", "Paul", "Quinn", "Rosa", "Sven", "Tilda", "Uwe", "Vera", "Wim", "Yara",
];

const TAGS: [&str; 10] = ["", "", "", " 🦑", " 📡", " mobile", " T-Deck", " 2", " /p", " V3"];

const SENTENCES: [&str; 30] = [
    "test",
    "good morning mesh",
    "anyone on near the bridge?",
    "copy, 4 hops here",
    "hello from the hill",
    "repeater is up again",
    "snow on the antenna",
    "antenna moved to the roof",
    "coffee at ten?",
    "net tonight at 20:00",
    "nice weather today",
    "range is much better with the new antenna",
    "new node, can anybody hear me?",
    "ack",
    "signal report please",
    "two hops to the ridge",
    "back later",
    "on the train now, let's see how far this goes",
    "battery at 40 percent",
    "73",
    "who runs the repeater at the mill?",
    "I do :)",
    "solar panel works even with fog",
    "flashed the new firmware, no problems so far",
    "ping",
    "pong",
    "the weather station reports again",
    "thanks for the relay",
    "does anyone else see a lot of adverts?",
    "see you at the meetup",
];

/// A node's name: what it is and where, or whose.
pub(super) fn node(dice: &mut Dice, role: Role, key: &[u8; 32]) -> String {
    let pick = |dice: &mut Dice, list: &[&'static str]| dice.pick(list).copied().unwrap_or("");
    match role {
        Role::Companion => format!("{}{}", pick(dice, &PEOPLE), pick(dice, &TAGS)),
        Role::Repeater => format!("{} RPT {:02X}{:02X}", pick(dice, &PLACES), key[0], key[1]),
        Role::Room => format!("{} Room", pick(dice, &PLACES)),
        Role::Sensor => format!("{} WX {:02X}", pick(dice, &PLACES), key[0]),
    }
}

/// Something said on a channel.
pub(super) fn sentence(dice: &mut Dice) -> String {
    let first = dice.pick(&SENTENCES).copied().unwrap_or("test");
    match dice.below(6) {
        0 => format!("{first} {}", dice.below(100)),
        1 => format!("{first}, {}", dice.pick(&SENTENCES).copied().unwrap_or("test")),
        _ => first.to_owned(),
    }
}
