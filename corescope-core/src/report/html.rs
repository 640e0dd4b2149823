//! The report as a page of its own: no script, no font, no picture from anywhere else.

use std::fmt::Write;

use super::anomalies::duration;
use super::chart::{columns, escaped};
use super::model::{Count, Report, Severity};
use super::text::{grouped, milliseconds};

const STYLE: &str = include_str!("report.css");

impl Report {
    /// A complete HTML document. Follows the reader's choice of light or dark.
    pub fn to_html(&self) -> String {
        let mut out = String::with_capacity(64 * 1024);
        let name = self.sources.first().map_or("packets", |source| source.name.as_str());
        let _ = write!(
            out,
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>Report on {}</title><style>{STYLE}</style>\
             </head><body><main>",
            escaped(name)
        );
        self.page_head(&mut out);
        self.page_traffic(&mut out);
        self.page_radio(&mut out);
        self.page_people(&mut out);
        self.page_trouble(&mut out);
        out.push_str("<footer>Made by CoreScope. Times are UTC.</footer></main></body></html>\n");
        out
    }

    fn page_head(&self, out: &mut String) {
        out.push_str("<header><h1>What the mesh said</h1>");
        for source in &self.sources {
            let note =
                if source.note.is_empty() { String::new() } else { format!(" · {}", escaped(&source.note)) };
            let _ =
                write!(out, "<p class=\"source\">{} <b>{}</b>{note}</p>", source.kind, escaped(&source.name));
        }
        if let Some(span) = &self.span {
            let _ = write!(out, "<p>{} to {} ({})</p>", span.first, span.last, duration(span.seconds));
        }
        if let Some(filter) = &self.filter {
            let _ = write!(out, "<p>Only what matches <code>{}</code></p>", escaped(filter));
        }
        out.push_str("</header><section class=\"tiles\">");
        let tiles = [
            ("transmissions", self.transmissions),
            ("observations", self.observations),
            ("nodes", self.nodes),
            ("observers", self.observers),
        ];
        for (label, figure) in tiles {
            let _ = write!(out, "<div><b>{}</b><span>{label}</span></div>", grouped(figure));
        }
        out.push_str("</section>");
    }

    fn page_traffic(&self, out: &mut String) {
        if self.activity.steps.len() > 1 {
            let label = |start: &str| start.get(5..16).unwrap_or(start).replace('T', " ");
            let points: Vec<(String, u64)> =
                self.activity.steps.iter().map(|step| (label(&step.start), step.observations)).collect();
            let step = duration(self.activity.step_seconds);
            let _ = write!(out, "<section><h2>When</h2><p>Observations, each column {step}.</p>");
            let _ = write!(out, "{}</section>", columns(&points, "Observations over time"));
        }
        out.push_str("<section><h2>What</h2><table><thead><tr><th>Type<th class=n>Packets<th class=n>Share<th><th class=n>Heard<th class=n>Airtime</thead><tbody>");
        for kind in &self.types {
            let _ = write!(
                out,
                "<tr><td>{}<td class=n>{}<td class=n>{:.1} %<td>{}<td class=n>{}<td class=n>{}",
                kind.label,
                grouped(kind.transmissions),
                kind.share * 100.0,
                meter(kind.share),
                grouped(kind.observations),
                milliseconds(kind.airtime_ms)
            );
        }
        let _ = write!(
            out,
            "</tbody></table><p>On air {} if each was sent once, {} with every relay seen in a path ({}).</p></section>",
            milliseconds(self.airtime.once_ms),
            milliseconds(self.airtime.forwarded_ms),
            escaped(&self.airtime.radio)
        );
        out.push_str("<div class=\"columns2\">");
        counts(out, "Routes", &self.routes);
        counts(out, "Bytes per hop of floods", &self.hash_sizes);
        counts(out, "Scopes", &self.scopes);
        counts(out, "Nodes by role", &self.roles);
        out.push_str("</div>");
    }

    fn page_radio(&self, out: &mut String) {
        if let (Some(mean), Some(max)) = (self.hops.mean, self.hops.max) {
            let points: Vec<(String, u64)> =
                self.hops.flood.iter().map(|count| (count.label.clone(), count.count)).collect();
            let _ = write!(out, "<section><h2>Hops</h2><p>Of floods, as heard: mean {mean}, most {max}.</p>");
            let _ = write!(out, "{}</section>", columns(&points, "Receptions by number of hops"));
        }
        if let Some(snr) = &self.snr {
            let points: Vec<(String, u64)> =
                self.snr_histogram.iter().map(|bin| (format!("{}", bin.from), bin.count)).collect();
            let _ = write!(
                out,
                "<section><h2>Signal</h2><p>SNR {} dB (median), 80 % between {} and {} dB.",
                snr.p50, snr.p10, snr.p90
            );
            if let Some(rssi) = &self.rssi {
                let _ =
                    write!(out, " RSSI {} dBm, 80 % between {} and {} dBm.", rssi.p50, rssi.p10, rssi.p90);
            }
            let _ = write!(out, "</p>{}</section>", columns(&points, "Receptions by SNR in dB"));
        }
        if let Some(observers) = &self.reach.observers {
            let _ = write!(
                out,
                "<section><h2>Reach</h2><p>A packet is heard by {} observers (median; mean {}, most {}). {} were heard by \
                 one alone.",
                observers.p50,
                observers.mean,
                observers.max,
                grouped(self.reach.single)
            );
            if let Some(seconds) = &self.reach.seconds {
                let _ = write!(
                    out,
                    " From first to last reception it takes {} s (90 %: {} s).",
                    seconds.p50, seconds.p90
                );
            }
            out.push_str("</p></section>");
        }
    }

    fn page_people(&self, out: &mut String) {
        if !self.channels.is_empty() {
            out.push_str("<section><h2>Channels</h2><table><thead><tr><th>Channel<th class=n>Messages<th class=n>Decrypted<th class=n>Senders</thead><tbody>");
            for channel in self.channels.iter().take(40) {
                let _ = write!(
                    out,
                    "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}",
                    escaped(&channel.name),
                    grouped(channel.messages),
                    grouped(channel.decrypted),
                    grouped(channel.senders)
                );
            }
            out.push_str("</tbody></table></section>");
        }
        if !self.repeaters.is_empty() {
            out.push_str("<section><h2>Top repeaters</h2><table><thead><tr><th>Hop<th>Node<th class=n>Packets<th class=n>Of floods<th></thead><tbody>");
            for repeater in &self.repeaters {
                let who = match (&repeater.name, repeater.candidates) {
                    (Some(name), _) => escaped(name),
                    (None, 0) => "unknown".to_owned(),
                    (None, several) => format!("one of {several}"),
                };
                let _ = write!(
                    out,
                    "<tr><td><code>{}</code><td>{who}<td class=n>{}<td class=n>{:.1} %<td>{}",
                    escaped(&repeater.prefix),
                    grouped(repeater.transmissions),
                    repeater.share * 100.0,
                    meter(repeater.share)
                );
            }
            out.push_str("</tbody></table></section>");
        }
        if self.observer_list.is_empty() {
            return;
        }
        out.push_str("<section><h2>Observers</h2><table><thead><tr><th>Observer<th>Region<th class=n>Heard<th class=n>Alone<th class=n>SNR<th>Last</thead><tbody>");
        for observer in self.observer_list.iter().take(100) {
            let _ = write!(
                out,
                "<tr><td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{}",
                escaped(observer.name.as_deref().unwrap_or(&observer.id)),
                escaped(observer.iata.as_deref().unwrap_or("–")),
                grouped(observer.observations),
                grouped(observer.alone),
                observer.snr_p50.map_or("–".to_owned(), |snr| snr.to_string()),
                observer.last.as_deref().unwrap_or("–")
            );
        }
        out.push_str("</tbody></table></section>");
    }

    fn page_trouble(&self, out: &mut String) {
        out.push_str("<section><h2>Anomalies</h2>");
        if self.anomalies.is_empty() {
            out.push_str("<p>None found.</p>");
        }
        for anomaly in &self.anomalies {
            let class = match anomaly.severity {
                Severity::Alarm => "alarm",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            let title = escaped(&anomaly.title);
            let _ = write!(
                out,
                "<article class=\"{class}\"><h3><span>{class}</span> {title}</h3><p>{}</p>",
                anomaly.advice
            );
            if !anomaly.examples.is_empty() {
                out.push_str("<ul>");
                for example in &anomaly.examples {
                    let _ = write!(out, "<li>{}", escaped(example));
                }
                out.push_str("</ul>");
            }
            out.push_str("</article>");
        }
        out.push_str("</section><section><h2>Bad packets</h2>");
        if self.bad.is_empty() {
            out.push_str("<p>None: every frame decodes without a flaw.</p></section>");
            return;
        }
        out.push_str("<table><thead><tr><th class=n>Count<th>Reason<th>Meaning<th>Example</thead><tbody>");
        for bad in &self.bad {
            let example = bad.examples.first();
            let example = example.map_or(String::new(), |e| {
                format!(
                    "{}: {}<br><code>{}</code>",
                    escaped(&e.place),
                    escaped(&e.detail),
                    escaped(&e.sample)
                )
            });
            let _ = write!(
                out,
                "<tr><td class=n>{}<td><code>{}</code> {}<td>{}<td>{example}",
                grouped(bad.count),
                escaped(&bad.reason),
                bad.class,
                bad.meaning
            );
        }
        out.push_str("</tbody></table></section>");
    }
}

fn meter(share: f64) -> String {
    format!("<i class=\"bar\"><i style=\"width:{:.1}%\"></i></i>", (share * 100.0).clamp(0.0, 100.0))
}

fn counts(out: &mut String, title: &str, counts: &[Count]) {
    if counts.is_empty() {
        return;
    }
    let _ = write!(out, "<section><h2>{title}</h2><table><tbody>");
    for count in counts.iter().take(20) {
        let label = if count.label.is_empty() { "unknown".to_owned() } else { escaped(&count.label) };
        let _ = write!(
            out,
            "<tr><td>{label}<td class=n>{}<td class=n>{:.1} %<td>{}",
            grouped(count.count),
            count.share * 100.0,
            meter(count.share)
        );
    }
    out.push_str("</tbody></table></section>");
}
