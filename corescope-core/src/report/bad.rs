//! What is wrong with packets and lines, gathered by reason.

use std::collections::BTreeMap;

use super::model::{Bad, BadExample};

/// Examples kept for each reason.
const EXAMPLES: usize = 3;
/// Characters kept of each example.
const SAMPLE: usize = 64;
/// Different reasons that are told apart; a bound, there are far fewer.
const REASONS: usize = 200;

/// Reasons and their examples.
#[derive(Debug, Default)]
pub(super) struct BadTally(BTreeMap<(&'static str, String), (u64, Vec<BadExample>)>);

impl BadTally {
    pub(super) fn add(
        &mut self,
        class: &'static str,
        reason: &str,
        place: &str,
        detail: String,
        sample: &str,
    ) {
        let key = (class, reason.to_owned());
        if self.0.len() >= REASONS && !self.0.contains_key(&key) {
            return;
        }
        let (count, examples) = self.0.entry(key).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            let sample: String = sample.chars().filter(|c| !c.is_control()).take(SAMPLE).collect();
            examples.push(BadExample { place: place.to_owned(), detail, sample });
        }
    }

    pub(super) fn finish(self) -> Vec<Bad> {
        let mut bad: Vec<Bad> = self
            .0
            .into_iter()
            .map(|((class, reason), (count, examples))| {
                let meaning = meaning(&reason);
                Bad { reason, class, count, meaning, examples }
            })
            .collect();
        bad.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
        bad
    }
}

/// What a reason means, for people. The empty text for one that is not known here.
pub fn meaning(reason: &str) -> &'static str {
    match reason {
        "empty" => "no bytes at all",
        "truncated_transport_codes" => "cut off inside the transport codes",
        "truncated_path_len" => "cut off before the path length",
        "reserved_hash_size" => {
            "its path length has a hop size that is not defined; a damaged frame, or newer firmware"
        }
        "path_too_long" => "its path would be over 64 bytes; a damaged frame",
        "truncated_path" => "cut off inside the path",
        "payload_too_long" => "its payload is over 184 bytes; no radio sends that",
        "empty_payload" => "a frame without a payload",
        "payload_too_short" => "the payload is shorter than its type needs",
        "ciphertext_missing" => "an encrypted packet without ciphertext",
        "ciphertext_unaligned" => "its ciphertext is not whole blocks of 16 bytes; cut off on the way to us",
        "bad_signature" => "an advert whose signature is wrong: damaged or forged",
        "appdata_missing" => "an advert without flags, place and name",
        "appdata_too_long" => "an advert with more data than firmware reads; the rest is ignored",
        "appdata_truncated" => "an advert that announces a place or feature it does not hold",
        "coordinate_out_of_range" => "an advert with a place that is not on Earth",
        "invalid_utf8" => "a name or text that is not UTF-8; often cut in the middle of a character",
        "unknown_control_type" => "a control packet of a kind that is not known yet",
        "trailing_bytes" => "more bytes than the type has fields",
        "trace_unaligned" => "a trace with half a hop",
        "trace_not_direct" => "a trace sent by flood, which no firmware does",
        "trace_bad_path_len" => "a trace with a path length that firmware drops",
        "control_not_zero_hop" => "a control packet for neighbours that was forwarded",
        "unsupported_version" => "a payload version whose layout is not known yet",
        "reserved_payload_type" => "a payload type without a meaning yet",
        "reserved_key" => "an advert with a key that firmware refuses to use (first byte 00 or FF)",
        "json" => "not a JSON object",
        "size" => "larger than any message may be",
        "raw_type" => "a packet message without a frame",
        "hex" => "a frame that is not hex, or has half a byte",
        "topic" => "a topic that nothing is known about",
        "gps" => "a reception without a usable place",
        "range" => "a signal figure that no radio reports",
        "line" => "a line that is neither JSON nor hex",
        "observer" => "a message from nobody",
        "short" => "a frame that ends inside its header",
        "path_len" => "a frame whose path length is not valid",
        "path_overrun" => "a frame that ends inside its path",
        "payload_len" => "a frame with more payload than a radio sends",
        "direction" => "a reception that was not received",
        "text" => "a message without a text",
        "heard" => "a reception that names nobody",
        "advert" => "an advert with impossible contents",
        "signature" => "an advert whose signature is wrong: damaged or forged",
        "raw_hex" => "a row whose frame is not hex",
        "dangling_observation" => {
            "observations whose transmission is missing; pruned by halves, or a torn copy"
        }
        "decoded_json" => "a row whose stored decoding is not JSON",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_few_examples_kept() {
        let mut tally = BadTally::default();
        for line in 0..5 {
            tally.add("frame", "empty", &format!("line {line}"), "x".to_owned(), &"a".repeat(99));
        }
        tally.add("input", "json", "line 9", "y".to_owned(), "\u{7}{");
        let bad = tally.finish();
        assert_eq!((bad[0].reason.as_str(), bad[0].count, bad[0].examples.len()), ("empty", 5, 3));
        assert_eq!(bad[0].examples[0].sample.len(), 64);
        assert_eq!(bad[1].examples[0].sample, "{");
    }

    #[test]
    fn every_reason_of_the_decoder_that_frames_can_have_is_explained() {
        // Those of decrypted contents do not occur here.
        let inner = [
            "mac_mismatch",
            "inner_truncated",
            "bad_inner_path_len",
            "unknown_text_type",
            "unknown_request_type",
            "unknown_lpp_type",
            "lpp_truncated",
        ];
        for kind in corescope_decode::IssueKind::ALL {
            assert!(!meaning(kind.code()).is_empty() || inner.contains(&kind.code()), "{kind}");
        }
    }
}
