//! The report for a terminal.

use std::fmt::Write;

use super::anomalies::duration;
use super::chart::{bar, sparkline};
use super::model::{Count, Report, Severity, Spread};

/// Lines shown of long lists; the JSON has all.
const LINES: usize = 12;
/// Width of bars in characters.
const BAR: usize = 24;

impl Report {
    /// The report as text, without colours, about 100 columns wide.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.head(&mut out);
        self.traffic(&mut out);
        self.distances(&mut out);
        self.signals(&mut out);
        self.talk(&mut out);
        self.relays(&mut out);
        self.listeners(&mut out);
        self.oddities(&mut out);
        self.flaws(&mut out);
        out
    }

    fn head(&self, out: &mut String) {
        for source in &self.sources {
            let note = if source.note.is_empty() { String::new() } else { format!(" ({})", source.note) };
            let _ = writeln!(out, "{}: {}{note}", source.kind, clean(&source.name));
        }
        if let Some(filter) = &self.filter {
            let _ = writeln!(out, "only what matches: {filter}");
        }
        let _ = writeln!(
            out,
            "\n{} transmissions · {} observations · {} nodes · {} observers",
            grouped(self.transmissions),
            grouped(self.observations),
            grouped(self.nodes),
            grouped(self.observers)
        );
        if self.duplicates > 0 {
            let _ = writeln!(
                out,
                "{} receptions were told more than once and count once",
                grouped(self.duplicates)
            );
        }
        match &self.span {
            Some(span) => {
                let _ = writeln!(out, "{} to {} ({})", span.first, span.last, duration(span.seconds));
            }
            None => out.push_str("nothing is dated\n"),
        }
        let grave = |severity| self.anomalies.iter().filter(|a| a.severity == severity).count();
        let (alarms, warnings) = (grave(Severity::Alarm), grave(Severity::Warning));
        let bad: u64 = self.bad.iter().map(|bad| bad.count).sum();
        if alarms + warnings > 0 || bad > 0 {
            let _ =
                writeln!(out, "{alarms} alarms, {warnings} warnings, {} flaws: see the end", grouped(bad));
        }
    }

    fn traffic(&self, out: &mut String) {
        if self.activity.steps.len() > 1 {
            let _ = writeln!(out, "\nWhen (each step {})", duration(self.activity.step_seconds));
            let line = |name: &str, figures: Vec<u64>| {
                let most = figures.iter().copied().max().unwrap_or(0);
                format!("  {name:<13} {}  most {}\n", sparkline(&figures), grouped(most))
            };
            let steps = &self.activity.steps;
            out.push_str(&line("transmissions", steps.iter().map(|step| step.transmissions).collect()));
            out.push_str(&line("observations", steps.iter().map(|step| step.observations).collect()));
        }
        if !self.types.is_empty() {
            let _ = writeln!(
                out,
                "\n{:<15} {:>10} {:>8} {:<BAR$} {:>7} {:>9}",
                "What", "packets", "share", "", "heard", "airtime"
            );
        }
        for kind in &self.types {
            let _ = writeln!(
                out,
                "  {:<13} {:>10} {:>6.1} % {:<BAR$} {:>7} {:>9}",
                kind.label,
                grouped(kind.transmissions),
                kind.share * 100.0,
                bar(kind.share, BAR),
                grouped(kind.observations),
                milliseconds(kind.airtime_ms)
            );
        }
        let _ = writeln!(
            out,
            "  on air {} if each was sent once, {} with every relay seen in a path ({})",
            milliseconds(self.airtime.once_ms),
            milliseconds(self.airtime.forwarded_ms),
            self.airtime.radio
        );
        list(out, "\nRoutes", &self.routes, |label| label.to_owned());
        list(out, "\nPath hashes of floods", &self.hash_sizes, |label| match label {
            "1" => "1 byte".to_owned(),
            label => format!("{label} bytes"),
        });
        list(out, "\nScopes", &self.scopes, |label| {
            if label.is_empty() { "unknown".to_owned() } else { clean(label) }
        });
    }

    fn distances(&self, out: &mut String) {
        if let (Some(mean), Some(max)) = (self.hops.mean, self.hops.max) {
            let _ = writeln!(out, "\nHops of floods, as heard (mean {mean}, most {max})");
            for count in &self.hops.flood {
                let bar = bar(count.share, BAR);
                let _ = writeln!(
                    out,
                    "  {:>3} {:>10} {:>6.1} % {bar}",
                    count.label,
                    grouped(count.count),
                    count.share * 100.0
                );
            }
        }
        if let Some(observers) = &self.reach.observers {
            let _ = writeln!(
                out,
                "\nReach: a packet is heard by {} observers (median; mean {}, most {}); {} were heard by one alone",
                observers.p50,
                observers.mean,
                observers.max,
                grouped(self.reach.single)
            );
        }
        if let Some(seconds) = &self.reach.seconds {
            let _ = writeln!(
                out,
                "Propagation: from first to last reception {} s (median; 90 % within {} s)",
                seconds.p50, seconds.p90
            );
        }
    }

    fn signals(&self, out: &mut String) {
        let spread = |name: &str, unit: &str, s: &Spread| {
            let (p10, p50, p90) = (s.p10, s.p50, s.p90);
            format!(
                "  {name:<5} {p50:>7} {unit} median, 80 % between {p10} and {p90}, from {} to {}\n",
                s.min, s.max
            )
        };
        if self.snr.is_none() && self.rssi.is_none() {
            out.push_str("\nSignal: no reception has one\n");
            return;
        }
        out.push_str("\nSignal\n");
        self.snr.iter().for_each(|s| out.push_str(&spread("SNR", "dB ", s)));
        self.rssi.iter().for_each(|s| out.push_str(&spread("RSSI", "dBm", s)));
        let most = self.snr_histogram.iter().map(|bin| bin.count).max().unwrap_or(0).max(1);
        for bin in &self.snr_histogram {
            let length = bar(bin.count as f64 / most as f64, BAR);
            let _ = writeln!(out, "  {:>4} to {:>3} dB {:>8} {length}", bin.from, bin.to, grouped(bin.count));
        }
    }

    fn talk(&self, out: &mut String) {
        if self.channels.is_empty() {
            return;
        }
        let decrypted: u64 = self.channels.iter().map(|channel| channel.decrypted).sum();
        let messages: u64 = self.channels.iter().map(|channel| channel.messages).sum();
        let _ = writeln!(
            out,
            "\nChannels: {} messages on {} channels, {} decrypted",
            grouped(messages),
            self.channels.len(),
            grouped(decrypted)
        );
        out.push_str("  channel                    messages  decrypted  senders\n");
        for channel in self.channels.iter().take(LINES) {
            let _ = writeln!(
                out,
                "  {} {:>8} {:>10} {:>8}",
                padded(&channel.name, 26),
                grouped(channel.messages),
                grouped(channel.decrypted),
                grouped(channel.senders)
            );
        }
        more(out, self.channels.len());
    }

    fn relays(&self, out: &mut String) {
        list(out, &format!("\nNodes ({} with a place)", grouped(self.located_nodes)), &self.roles, clean);
        if self.repeaters.is_empty() {
            return;
        }
        out.push_str(
            "\nTop repeaters          node                            packets   of floods   observations\n",
        );
        for repeater in self.repeaters.iter().take(LINES) {
            let who = match (&repeater.name, repeater.candidates) {
                (Some(name), _) => clean(name),
                (None, 0) => "unknown".to_owned(),
                (None, 1) => "unnamed".to_owned(),
                (None, several) => format!("one of {several}"),
            };
            let _ = writeln!(
                out,
                "  {:<20} {} {:>8} {:>9.1} % {:>14}",
                repeater.prefix,
                padded(&who, 30),
                grouped(repeater.transmissions),
                repeater.share * 100.0,
                grouped(repeater.observations)
            );
        }
        more(out, self.repeaters.len());
    }

    fn listeners(&self, out: &mut String) {
        if self.observer_list.is_empty() {
            return;
        }
        let _ = writeln!(
            out,
            "\n{:<36} {:<6} {:>9} {:>7} {:>5}   last",
            "Observers", "region", "heard", "alone", "SNR"
        );
        for observer in self.observer_list.iter().take(LINES * 2) {
            let name = observer.name.as_deref().unwrap_or(&observer.id);
            let snr = observer.snr_p50.map_or("–".to_owned(), |snr| snr.to_string());
            let _ = writeln!(
                out,
                "  {} {} {:>9} {:>7} {:>5}   {}",
                padded(name, 34),
                padded(observer.iata.as_deref().unwrap_or("–"), 6),
                grouped(observer.observations),
                grouped(observer.alone),
                snr,
                observer.last.as_deref().unwrap_or("–")
            );
        }
        if self.observer_list.len() > LINES * 2 {
            let _ = writeln!(out, "  … and {} more", self.observer_list.len() - LINES * 2);
        }
        if self.regions.len() > 1 {
            let _ = writeln!(out, "\n{:<18} {:>9} {:>13}", "Regions", "observers", "observations");
            for region in &self.regions {
                let name = if region.iata.is_empty() { "none" } else { &region.iata };
                let _ = writeln!(
                    out,
                    "  {} {:>9} {:>13}",
                    padded(name, 16),
                    region.observers,
                    grouped(region.observations)
                );
            }
        }
    }

    fn oddities(&self, out: &mut String) {
        if self.anomalies.is_empty() {
            out.push_str("\nAnomalies: none found\n");
            return;
        }
        out.push_str("\nAnomalies\n");
        for anomaly in &self.anomalies {
            let sign = match anomaly.severity {
                Severity::Alarm => "!!",
                Severity::Warning => " !",
                Severity::Note => "  ",
            };
            let _ = writeln!(out, "{sign} {}\n     {}", anomaly.title, anomaly.advice);
            for example in anomaly.examples.iter().take(5) {
                let _ = writeln!(out, "     - {}", clean(example));
            }
            if anomaly.count as usize > 5 && anomaly.examples.len() > 1 {
                let _ = writeln!(out, "     … and {} more", grouped(anomaly.count - 5));
            }
        }
    }

    fn flaws(&self, out: &mut String) {
        if self.bad.is_empty() {
            out.push_str("\nBad packets: none; every frame decodes without a flaw\n");
            return;
        }
        let of =
            |class: &str| self.bad.iter().filter(|bad| bad.class == class).map(|bad| bad.count).sum::<u64>();
        let _ = writeln!(
            out,
            "\nBad packets: {} frames that are no packet, {} flaws inside packets, {} lines without a frame",
            grouped(of("frame")),
            grouped(of("payload")),
            grouped(of("input"))
        );
        for bad in &self.bad {
            let _ = writeln!(
                out,
                "  {:>8} × {} ({}): {}",
                grouped(bad.count),
                bad.reason,
                bad.class,
                bad.meaning
            );
            if let Some(example) = bad.examples.first() {
                let _ = writeln!(
                    out,
                    "             {}: {} · {}",
                    clean(&example.place),
                    clean(&example.detail),
                    clean(&example.sample)
                );
            }
        }
    }
}

fn list(out: &mut String, title: &str, counts: &[Count], label: impl Fn(&str) -> String) {
    if counts.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}");
    for count in counts.iter().take(LINES) {
        let length = bar(count.share, BAR);
        let _ = writeln!(
            out,
            "  {} {:>8} {:>6.1} % {length}",
            padded(&label(&count.label), 16),
            grouped(count.count),
            count.share * 100.0
        );
    }
    more(out, counts.len());
}

fn more(out: &mut String, all: usize) {
    if all > LINES {
        let _ = writeln!(out, "  … and {} more", all - LINES);
    }
}

/// `12 345`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// `1.2 s`, `3.4 min`, `5.6 h`
pub(super) fn milliseconds(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    match seconds {
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Names come from strangers: nothing in them may move the cursor.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Cut or filled to a width in characters.
fn padded(text: &str, width: usize) -> String {
    let text = clean(text);
    if text.chars().count() > width {
        let kept: String = text.chars().take(width - 1).collect();
        return format!("{kept}…");
    }
    format!("{text:<width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(grouped(12), "12");
        assert_eq!(milliseconds(1250), "1.2 s");
        assert_eq!(milliseconds(125_000), "2.1 min");
        assert_eq!(milliseconds(7_200_000), "2.0 h");
        assert_eq!(padded("a\u{1b}[2J", 8), "a\u{fffd}[2J   ");
        assert_eq!(padded("abcdefgh", 5), "abcd…");
    }
}
